import { describe, expect, test } from "vitest";
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormLayerOptions } from "../../src/index.ts";
import { expectClose, f64, thrownBy } from "./support.ts";

// One channel: mean 2.5, unbiased variance 5/3, then twice that: mean 5, variance 20/3.
const first = f64([1, 2, 3, 4], [4, 1]);
const second = f64([2, 4, 6, 8], [4, 1]);

function afterBoth(options: BatchNormLayerOptions): { mean: number; variance: number; count: number } {
  const bn = new BatchNorm1d(1, { dtype: "float64", ...options });
  bn.forward(first);
  bn.forward(second);
  const [mean, variance] = [bn.runningMean?.data[0], bn.runningVar?.data[0]] as [number, number];
  return { mean, variance, count: bn.numBatchesTracked };
}

test("they start at mean 0, variance 1, count 0", () => {
  const bn = new BatchNorm2d(3);
  expect(Array.from(bn.runningMean?.data ?? [])).toEqual([0, 0, 0]);
  expect(Array.from(bn.runningVar?.data ?? [])).toEqual([1, 1, 1]);
  expect(bn.numBatchesTracked).toBe(0);
});

test("one step at the default momentum takes the unbiased variance: 1.0667, not 1.025", () => {
  const bn = new BatchNorm1d(1, { dtype: "float64" });
  bn.forward(first);
  expectClose(bn.runningMean?.data, [0.25]);
  expectClose(bn.runningVar?.data, [0.9 + 0.1 * (5 / 3)]);
});

describe("momentum", () => {
  test("weighs the new value", () => {
    const { mean, variance } = afterBoth({ momentum: 0.25 });
    expectClose([mean], [0.75 * 0.25 * 2.5 + 0.25 * 5]);
    expectClose([variance], [0.75 * (0.75 + 0.25 * (5 / 3)) + 0.25 * (20 / 3)]);
  });

  test("0 keeps the statistics and counts", () => {
    expect(afterBoth({ momentum: 0 })).toEqual({ mean: 0, variance: 1, count: 2 });
  });

  test("1 takes the last batch", () => {
    const { mean, variance, count } = afterBoth({ momentum: 1 });
    expectClose([mean, variance], [5, 20 / 3]);
    expect(count).toBe(2);
  });

  test("null is the cumulative average, whatever they started from", () => {
    const { mean, variance, count } = afterBoth({ momentum: null });
    expectClose([mean, variance], [3.75, (5 / 3 + 20 / 3) / 2]);
    expect(count).toBe(2);
  });

  test("null goes on from the count that was set", () => {
    const bn = new BatchNorm1d(1, { momentum: null, dtype: "float64" });
    bn.numBatchesTracked = 3;
    bn.runningMean?.data.set([10]);
    bn.forward(first);
    expectClose(bn.runningMean?.data, [10 * 0.75 + 2.5 * 0.25]);
    expect(bn.numBatchesTracked).toBe(4);
  });
});

test("eval leaves statistics and count", () => {
  const bn = new BatchNorm1d(1, { dtype: "float64" }).eval();
  expectClose(
    bn.forward(first).data,
    [1, 2, 3, 4].map((value) => value / Math.sqrt(1 + 1e-5)),
  );
  expect([bn.runningMean?.data[0], bn.runningVar?.data[0], bn.numBatchesTracked]).toEqual([0, 1, 0]);
});

test("resetRunningStats starts over", () => {
  const bn = new BatchNorm1d(1);
  bn.forward(first);
  bn.resetRunningStats();
  expect([bn.runningMean?.data[0], bn.runningVar?.data[0], bn.numBatchesTracked]).toEqual([0, 1, 0]);
});

test("resetRunningStats of a layer without statistics does nothing", () => {
  const bn = new BatchNorm1d(1, { trackRunningStats: false });
  bn.resetRunningStats();
  expect([bn.runningMean, bn.runningVar, bn.numBatchesTracked]).toEqual([null, null, 0]);
});

test("resetParameters puts weight to 1 and bias to 0", () => {
  const bn = new BatchNorm1d(2);
  bn.weight?.data.set([3, 4]);
  bn.bias?.data.set([5, 6]);
  bn.resetParameters();
  expect([Array.from(bn.weight?.data ?? []), Array.from(bn.bias?.data ?? [])]).toEqual([
    [1, 1],
    [0, 0],
  ]);
});

describe("trackRunningStats", () => {
  test("off from the start: no buffers, eval uses the batch's statistics", () => {
    const bn = new BatchNorm1d(1, { trackRunningStats: false, dtype: "float64" });
    const inTraining = Array.from(bn.forward(first).data);
    expectClose(
      inTraining,
      [-1.5, -0.5, 0.5, 1.5].map((value) => value / Math.sqrt(1.25 + 1e-5)),
    );
    expectClose(bn.eval().forward(first).data, inTraining, 0);
    expect([bn.runningMean, bn.runningVar, bn.numBatchesTracked]).toEqual([null, null, 0]);
  });

  test("switched off later: the statistics and the count stop, eval still uses the buffers", () => {
    const bn = new BatchNorm1d(1, { dtype: "float64" });
    bn.forward(first);
    bn.trackRunningStats = false;
    bn.forward(second);
    expectClose(bn.runningMean?.data, [0.25]);
    expect(bn.numBatchesTracked).toBe(1);
    const rstd = 1 / Math.sqrt(0.9 + 0.1 * (5 / 3) + 1e-5);
    expectClose(
      bn.eval().forward(second).data,
      [2, 4, 6, 8].map((value) => (value - 0.25) * rstd),
    );
    expect(String(bn)).toContain("track_running_stats=False");
  });

  test("switched on again: they move again", () => {
    const bn = new BatchNorm1d(1);
    bn.trackRunningStats = false;
    bn.forward(first);
    bn.trackRunningStats = true;
    bn.forward(first);
    expect(bn.numBatchesTracked).toBe(1);
  });
});

describe("an empty batch", () => {
  test.each([
    [new BatchNorm1d(2), [0, 2]],
    [new BatchNorm1d(2), [0, 2, 3]],
    [new BatchNorm2d(2), [0, 2, 3, 3]],
    [new BatchNorm2d(2), [3, 2, 0, 3]],
    [new BatchNorm3d(2), [0, 2, 3, 3, 3]],
  ])("%s of %j counts up and leaves the statistics", (bn, shape) => {
    const y = bn.forward(f64([], shape));
    expect(y.shape).toEqual(shape);
    expect(bn.numBatchesTracked).toBe(1);
    expect(Array.from(bn.runningMean?.data ?? [])).toEqual([0, 0]);
    expect(Array.from(bn.runningVar?.data ?? [])).toEqual([1, 1]);
    expect(bn.backward(f64([], shape)).shape).toEqual(shape);
    expect(Array.from(bn.weight?.grad ?? [])).toEqual([0, 0]);
  });

  test("zero channels likewise", () => {
    const bn = new BatchNorm2d(0);
    expect(bn.forward(f64([], [2, 0, 3, 3])).shape).toEqual([2, 0, 3, 3]);
    expect(bn.numBatchesTracked).toBe(1);
  });
});

describe("one value per channel", () => {
  const single = f64([1, 2, 3], [1, 3, 1, 1]);

  test("is refused in training, and nothing moves", () => {
    const bn = new BatchNorm2d(3);
    expect(thrownBy(() => bn.forward(single))).toBe(
      "RangeError: BatchNorm2d: Expected more than 1 value per channel when training, got input size [1, 3, 1, 1]",
    );
    expect(Array.from(bn.runningMean?.data ?? [])).toEqual([0, 0, 0]);
    expect(bn.numBatchesTracked).toBe(0);
  });

  test("is refused in eval without running statistics", () => {
    const bn = new BatchNorm2d(3, { trackRunningStats: false }).eval();
    expect(() => bn.forward(single)).toThrow("Expected more than 1 value per channel when training");
  });

  test.each(["eval", "freeze"] as const)("is accepted with running statistics in %s", (mode) => {
    const bn = new BatchNorm2d(3, { dtype: "float64" });
    bn[mode]();
    expectClose(
      bn.forward(single).data,
      [1, 2, 3].map((value) => value / Math.sqrt(1 + 1e-5)),
    );
  });
});

test("NaN and Infinity poison their own channel alone", () => {
  const bn = new BatchNorm1d(3, { dtype: "float64" });
  const y = bn.forward(f64([1, Number.NaN, 1, 3, 2, Number.POSITIVE_INFINITY], [2, 3]));
  expect(Array.from(y.data, Number.isNaN)).toEqual([false, true, true, false, true, true]);
  expect(bn.runningMean?.data[0]).toBeCloseTo(0.2);
  expect(bn.runningMean?.data[1]).toBeNaN();
  expect(bn.runningMean?.data[2]).toBe(Number.POSITIVE_INFINITY);
});
