import { expect, test } from "vitest";
import { formats } from "./formats.ts";
import { memoryLimit } from "./judge.ts";
import { fuzz } from "./run.ts";

/** `npm run fuzz` judges 100,000 of each. */
const some = 2000;

test.each([...formats.keys()])("%s: mutated files end in a right answer or a clear error", async (format) => {
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
});
