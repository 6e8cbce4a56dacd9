import { AbsentError, createGroup, type ProcessGroup, type Transport } from "../../src/distributed/index.ts";

/** How a rank ended. */
export type End<Result> = { readonly result: Result } | { readonly error: Error };

/**
 * Runs a program of many ranks in one thread: each is run again from its beginning for every exchange, with what was
 * exchanged before, until all have ended. Programs must do the same each time.
 */
export function simulate<Result>(size: number, main: (group: ProcessGroup) => Result): End<Result>[] {
  const rounds: (readonly Uint8Array[] | AbsentError)[] = [];
  for (;;) {
    const sent: (Uint8Array | undefined)[] = [];
    const ends = Array.from({ length: size }, (_, rank) => {
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
      try {
        return { result: main(createGroup(transport)) };
      } catch (error) {
        return { error: error as Error };
      }
    });
    const absent = Array.from({ length: size }, (_, rank) => rank).filter((rank) => sent[rank] === undefined);
    if (absent.length === size) return ends;
    rounds.push(
      absent.length === 0
        ? (sent as Uint8Array[])
        : new AbsentError(`rank ${absent.join(", ")} ended without closing the group`, absent),
    );
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
