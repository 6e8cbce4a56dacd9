import { expect, test } from "vitest";
import { formats } from "./formats.ts";
import { memoryLimit } from "./judge.ts";
import { fuzz, readBombs } from "./run.ts";

/** `npm run fuzz` judges 100,000 of each. */
const some = 2000;

/** Child processes start slowly where the machine is busy, in milliseconds. */
const timeout = 300_000;

test.each([...formats.keys()])(
  "%s: mutated files end in a right answer or a clear error",
  { timeout },
  async (format) => {
    const {
      inputs,
      accepted,
      largestInput,
      peakMemory = 0,
      faults,
    } = await fuzz({ format, seed: 7, count: some });
    expect(faults).toEqual([]);
    expect(inputs).toBe(some);
    // Mutations that nothing survives, or everything, find nothing.
    expect(accepted).toBeGreaterThan(some / 100);
    expect(accepted).toBeLessThan(some * 0.9);
    expect(peakMemory).toBeLessThan(memoryLimit(largestInput));
  },
);

test("files that ask for much memory in few bytes are refused, or take little", { timeout }, async () => {
  const reports = await readBombs(3_000_000);
  expect(reports.length).toBeGreaterThan(20);
  for (const { name, fault, size, memory = 0 } of reports) {
    expect({ name, fault }).toEqual({ name, fault: undefined });
    expect({ name, isTooMuch: memory > memoryLimit(size), memory }).toEqual({
      name,
      isTooMuch: false,
      memory,
    });
  }
});
