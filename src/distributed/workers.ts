import { describe } from "../tensor/shape.ts";
import type { GroupOptions } from "./processGroup.ts";
import { spawnRank } from "./spawnRank.ts";
import type { RankEnd } from "./workers/runRank.ts";
import { markEnded, sharedMemory } from "./workers/sharedTransport.ts";

/** Options of {@link workers}. */
export interface WorkersOptions extends GroupOptions {
  /** Given to every rank's `main`; it is cloned, and SharedArrayBuffers in it are shared. */
  readonly data?: unknown;
}

/** Largest number of ranks that one machine is asked for. */
const mostRanks = 256;

/**
 * Runs a module in `count` threads of this machine, as a group: `main(group, data)` is called in each.
 *
 * @param count ranks, 1 to 256
 * @param entry address of a module that exports `main`, such as `new URL("./train.js", import.meta.url)`
 * @returns what the ranks' `main` returned, in the order of ranks
 * @throws TypeError or RangeError for wrong arguments; Error if a rank fails, naming the first that did; all have
 * ended then
 * @example
 * // train.js: export function main(group, data) { ... }
 * const results = await workers(4, new URL("./train.js", import.meta.url), { data: { steps: 10 } });
 */
export async function workers(
  count: number,
  entry: URL | string,
  { data, timeout }: WorkersOptions = {},
): Promise<unknown[]> {
  if (!Number.isInteger(count))
    throw new TypeError(`workers: expected a number of ranks, got ${describe(count)}`);
  if (count < 1 || count > mostRanks) {
    throw new RangeError(`workers: expected 1 to ${mostRanks} ranks, got ${count}`);
  }
  if (!(entry instanceof URL) && typeof entry !== "string") {
    throw new TypeError(`workers: expected the address of a module, got ${describe(entry)}`);
  }
  if (typeof SharedArrayBuffer === "undefined") {
    throw new Error("workers: this page has no shared memory; serve it cross-origin isolated");
  }
  const memory = sharedMemory(count);
  const ends = await Promise.all(
    Array.from({ length: count }, async (_, rank): Promise<RankEnd> => {
      const end = await spawnRank({ entry: String(entry), rank, memory, timeout, data });
      markEnded(memory, rank);
      return end;
    }),
  );
  const failures = ends.flatMap((end, rank) => ("message" in end ? [{ rank, ...end }] : []));
  if (failures.length > 0) throw rankError(failures);
  return ends.map((end) => ("result" in end ? end.result : undefined));
}

/** The cause where one rank failed and the others only missed it. */
function rankError(failures: readonly { rank: number; message: string; stack: string }[]): Error {
  const first =
    failures.find(({ message }) => !/ended without closing|out of step/.test(message)) ?? failures[0];
  const cause = Object.assign(new Error(first.message), { stack: first.stack });
  return new Error(`workers: rank ${first.rank} failed: ${first.message}`, { cause });
}
