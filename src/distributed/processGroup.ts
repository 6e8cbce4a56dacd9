import { describe } from "../tensor/shape.ts";
import { type Envelope, opened, sealed } from "./envelope.ts";
import { AbsentError, type Transport } from "./transport.ts";

/** Options of every group. */
export interface GroupOptions {
  /** Seconds that a rank waits for the others before every rank fails. Default 60. */
  readonly timeout?: number | undefined;
}

/** What a message belongs to. */
export interface Step {
  /** What the rank is doing: `SyncBatchNorm layer1.bn1, forward`; errors name it. */
  readonly what?: string;
  /** Facts that all ranks must have in common: `64 channels, float32`. */
  readonly terms?: string;
  /** Seconds to wait for the other ranks in this call. Default the group's. */
  readonly timeout?: number | undefined;
}

/**
 * Ranks that work together. Every rank makes the same calls in the same order; each call blocks until all have made it.
 *
 * Ranks that are missing, or do something else, are an error on every rank, within the timeout; after it the group is
 * broken, and each later call throws the same error.
 */
export interface ProcessGroup {
  /** This participant's number, from 0. */
  readonly rank: number;
  /** How many participate. */
  readonly size: number;
  /** What carries the messages: `mpi`, `workers`. */
  readonly name: string;
  /** Every rank's bytes in the order of ranks; lengths may differ. */
  allGather(bytes: Uint8Array, step?: Step): readonly Uint8Array[];
  /**
   * Sums of the ranks' values, element by element, added in the order of ranks: the same bits on every rank.
   *
   * @throws RangeError on every rank if the lengths differ
   */
  allReduce(values: Float64Array, step?: Step): Float64Array;
  /** Returns when all ranks have come here. */
  barrier(step?: Step): void;
  /** Ends the group, on every rank. */
  close(): void;
}

const defaultTimeout = 60;

/**
 * A group over a transport.
 *
 * @throws TypeError or RangeError if the timeout is no positive number
 */
export function createGroup(
  transport: Transport,
  { timeout = defaultTimeout }: GroupOptions = {},
): ProcessGroup {
  checkTimeout("group", timeout);
  const { rank, size, name } = transport;
  let sequence = 0;
  let failure: Error | undefined;
  let isClosed = false;

  function exchange(
    bytes: Uint8Array,
    what: string,
    terms: string,
    seconds: number = timeout,
  ): readonly Uint8Array[] {
    if (failure !== undefined) throw failure;
    if (isClosed) throw new Error(`rank ${rank} of ${size}: ${what}: the group is closed`);
    const own: Envelope = { sequence: sequence++, what, terms };
    try {
      if (size === 1) return [bytes.slice()];
      const messages = transport.exchange(sealed(own, bytes), seconds * 1000).map(opened);
      const odd = mismatch(messages.map(({ envelope }) => envelope));
      if (odd !== undefined) throw new Error(odd);
      return messages.map(({ payload }) => payload);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      failure =
        cause instanceof AbsentError
          ? new AbsentError(`rank ${rank} of ${size}: ${what}: ${reason}`, cause.ranks)
          : new Error(`rank ${rank} of ${size}: ${what}: ${reason}`, { cause });
      throw failure;
    }
  }

  return {
    rank,
    size,
    name,
    allGather: (bytes, { what = "allGather", terms = "", timeout } = {}) =>
      exchange(bytes, what, terms, timeout),
    allReduce(values, { what = "allReduce", terms = "", timeout } = {}) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const all = exchange(bytes, what, `${terms}${terms && ", "}${values.length} values`, timeout);
      const sums = new Float64Array(values.length);
      for (const each of all) {
        const theirs = new Float64Array(each.buffer, each.byteOffset, values.length);
        for (let i = 0; i < sums.length; i++) sums[i] += theirs[i];
      }
      return sums;
    },
    barrier: ({ what = "barrier", terms = "", timeout } = {}) =>
      void exchange(new Uint8Array(0), what, terms, timeout),
    close() {
      if (isClosed) return;
      try {
        // So that a rank that ends early is found by those that go on.
        if (failure === undefined) exchange(new Uint8Array(0), "close", "");
      } finally {
        isClosed = true;
        transport.close(failure !== undefined);
      }
    },
  };
}

/**
 * Checks a timeout in seconds.
 *
 * @throws TypeError or RangeError if it is no number above 0
 */
export function checkTimeout(who: string, timeout: unknown): void {
  if (typeof timeout !== "number")
    throw new TypeError(`${who}: expected a timeout in seconds, got ${describe(timeout)}`);
  if (!(timeout > 0)) throw new RangeError(`${who}: expected a timeout above 0 seconds, got ${timeout}`);
}

/**
 * A group from a caller, or null.
 *
 * @throws TypeError if it is neither
 */
export function checkedGroup(who: string, group: ProcessGroup | null): ProcessGroup | null {
  if (group === null || typeof group?.allGather === "function") return group;
  throw new TypeError(
    `${who}: expected group to be a process group, such as await mpi(), or null, got ${describe(group)}`,
  );
}

/** What is wrong where envelopes differ, told alike on every rank; undefined where they agree. */
function mismatch(envelopes: readonly Envelope[]): string | undefined {
  for (const key of ["what", "sequence", "terms"] as const) {
    const saying = new Map<string, number[]>();
    envelopes.forEach((envelope, rank) => {
      const said = String(envelope[key]);
      saying.set(said, [...(saying.get(said) ?? []), rank]);
    });
    if (saying.size === 1) continue;
    const parties = [...saying].sort(([, a], [, b]) => b.length - a.length || a[0] - b[0]);
    const told = parties.map(
      ([said, ranks]) => `${ranksText(ranks)} ${verbs[key](said, envelopes[ranks[0]])}`,
    );
    return `the ranks are out of step: ${told.join("; ")}`;
  }
  return undefined;
}

const verbs = {
  what: (said: string) => `at ${JSON.stringify(said)}`,
  sequence: (said: string, { what }: Envelope) => `at exchange ${said} (${what})`,
  terms: (said: string) => `with ${said || "nothing"}`,
};

/** `rank 2`, or `ranks 0, 1, 3`. */
export function ranksText(ranks: readonly number[]): string {
  return `rank${ranks.length === 1 ? "" : "s"} ${ranks.join(", ")}`;
}
