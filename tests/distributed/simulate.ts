import { AbsentError, createGroup, type ProcessGroup, type Transport } from "../../src/distributed/index.ts";

/** How a rank ended. */
export type End<Result> = { readonly result: Result } | { readonly error: Error };

type Rounds = (readonly Uint8Array[] | AbsentError)[];

/** A rank that knows the first rounds, and stops at the one after them. */
function replayed(
  rank: number,
  size: number,
  rounds: Rounds,
  sent: (Uint8Array | undefined)[],
): ProcessGroup {
  let at = 0;
  const transport: Transport = {
    rank,
    size,
    name: "simulated",
    exchange(bytes) {
      const round = rounds[at++];
      if (round instanceof AbsentError) throw round;
      if (round !== undefined) return round.map((each) => each.slice());
      sent[rank] = bytes.slice();
      throw new Error("paused until the other ranks have come");
    },
    close: () => {},
  };
  return createGroup(transport);
}

/** What the ranks sent as one more round; undefined where all had ended. */
function roundOf(sent: readonly (Uint8Array | undefined)[]): Rounds[number] | undefined {
  const absent = [...sent.keys()].filter((rank) => sent[rank] === undefined);
  if (absent.length === sent.length) return undefined;
  if (absent.length === 0) return sent as Uint8Array[];
  return new AbsentError(`rank ${absent.join(", ")} ended without closing the group`, absent);
}

/**
 * Runs a program of many ranks in one thread: each is run again from its beginning for every exchange, with what was
 * exchanged before, until all have ended. Programs must do the same each time.
 */
export function simulate<Result>(size: number, main: (group: ProcessGroup) => Result): End<Result>[] {
  const rounds: Rounds = [];
  for (;;) {
    const sent = new Array<Uint8Array | undefined>(size).fill(undefined);
    const ends = Array.from({ length: size }, (_, rank) => {
      try {
        return { result: main(replayed(rank, size, rounds, sent)) };
      } catch (error) {
        return { error: error as Error };
      }
    });
    const round = roundOf(sent);
    if (round === undefined) return ends;
    rounds.push(round);
  }
}

/** {@link simulate} for programs that wait for other things too. */
export async function simulateAsync<Result>(
  size: number,
  main: (group: ProcessGroup) => Promise<Result>,
): Promise<End<Result>[]> {
  const rounds: Rounds = [];
  for (;;) {
    const sent = new Array<Uint8Array | undefined>(size).fill(undefined);
    const ends: End<Result>[] = [];
    for (let rank = 0; rank < size; rank++) {
      const end = main(replayed(rank, size, rounds, sent)).then(
        (result) => ({ result }),
        (error: Error) => ({ error }),
      );
      ends.push(await end);
    }
    const round = roundOf(sent);
    if (round === undefined) return ends;
    rounds.push(round);
  }
}

/** The results of ranks that all ended well. */
export function resultsOf<Result>(ends: readonly End<Result>[]): Result[] {
  return ends.map((end) => {
    if ("error" in end) throw end.error;
    return end.result;
  });
}

/** What the ranks' errors say; for one that ended well, that it did. */
export function messagesOf(ends: readonly End<unknown>[]): string[] {
  return ends.map((end) => ("error" in end ? end.error.message : "no error"));
}
