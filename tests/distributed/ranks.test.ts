import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { byMpi, isLeftBehind, type Report, reported } from "./launch.ts";
import { whyNoMpi } from "./mpirun.ts";

// Threads and processes run the built package; the build comes before the tests.
const built = new URL("../../dist/distributed/index.js", import.meta.url);
const program = new URL("./programs/rank.mjs", import.meta.url);

/** Far above what an exchange takes on a busy machine, far below the 60 s that ranks wait by default. */
const boundSeconds = 15;

/** Cuts of 24 samples: evenly, unevenly, and with nothing for a rank. */
const cuts: readonly (readonly number[])[] = [
  [],
  [12],
  [8, 16],
  [6, 12, 18],
  [1, 1, 23],
  [3, 6, 9, 12, 15, 18, 21],
];

async function byWorkers(ranks: number, task: string, argument: unknown, timeout = 10): Promise<Report[]> {
  const { workers } = (await import(built.href)) as typeof import("../../src/distributed/index.ts");
  return reported((report) =>
    workers(ranks, program, { data: { task, argument, report }, timeout }).catch((error: unknown) => error),
  );
}

const noMpi = whyNoMpi();

const kinds = [
  { name: "workers", run: byWorkers, skip: undefined },
  { name: "mpirun", run: byMpi, skip: noMpi },
] as const;

for (const { name, run, skip } of kinds) {
  const reason = existsSync(built) ? skip : "no dist: npm run build";
  describe.skipIf(reason !== undefined)(
    `SyncBatchNorm by ${name}${reason ? ` (skipped: ${reason})` : ""}`,
    () => {
      it("gives 1, 2, 3, 4 and 8 ranks the same bits", async () => {
        const wholes = [];
        for (const each of cuts) {
          const ranks = await run(each.length + 1, "train", each);
          expect(ranks).toHaveLength(each.length + 1);
          for (const { running, batches } of ranks) expect([running, batches]).toEqual([ranks[0].running, 2]);
          wholes.push([
            ranks.map(({ y }) => y).join(""),
            ranks.map(({ dx }) => dx).join(""),
            ranks[0].running,
          ]);
        }
        for (const whole of wholes) expect(whole).toEqual(wholes[0]);
      });

      const faults = {
        channels: /ranks 0, 2, 3 with 3 channels, float32.*; rank 1 with 2 channels/,
        dtype: /ranks 0, 2, 3 with 3 channels, float32.*; rank 1 with 3 channels, float64/,
        skip: /ranks 0, 2, 3 at "SyncBatchNorm layer1\.bn1, forward"; rank 1 at "SyncBatchNorm layer1\.bn1, backward"/,
      };
      it.each(Object.entries(faults))("tells every rank of other %s on one", async (fault, words) => {
        const ranks = await run(4, "fail", fault);
        expect(ranks).toHaveLength(4);
        for (const { error, isUnchanged, seconds } of ranks) {
          expect(error).toMatch(words);
          expect(isUnchanged).toBe(true);
          expect(seconds).toBeLessThan(boundSeconds);
        }
      });

      it.each(name === "mpirun" ? ["kill", "exit"] : ["exit"])(
        "names a rank that has died (%s)",
        async (fault) => {
          const ranks = await run(4, "fail", fault);
          expect(ranks.map(({ rank }) => rank)).toEqual([0, 2, 3]);
          for (const { rank, error, isUnchanged, seconds, pid } of ranks) {
            expect(error).toBe(
              `rank ${rank} of 4: SyncBatchNorm layer1.bn1, forward: rank 1 ended without closing the group`,
            );
            expect(isUnchanged).toBe(true);
            expect(seconds).toBeLessThan(boundSeconds);
            if (name === "mpirun") expect(await isLeftBehind(pid)).toBe(false);
          }
        },
      );

      it("names a rank that does not come in time", async () => {
        const ranks = await run(3, "fail", "absent", 1);
        for (const { rank, error, isUnchanged } of ranks.filter((each) => each.rank !== 1)) {
          expect(error).toMatch(
            `rank ${rank} of 3: SyncBatchNorm layer1.bn1, forward: rank 1 did not come within 1 s`,
          );
          expect(isUnchanged).toBe(true);
        }
      });
    },
  );
}
