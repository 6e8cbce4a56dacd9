import { describe, expect, test } from "vitest";
import { BatchNorm2d as TorchBatchNorm2d } from "../../src/index.ts";
import { BatchNorm1d, BatchNorm2d } from "../../src/megengine/index.ts";
import { expectClose, f64, wave } from "../layers/support.ts";

// One channel: mean 2.5, biased variance 1.25, unbiased 5/3.
const x = f64([1, 2, 3, 4], [4, 1]);

test("defaults", () => {
  const bn = new BatchNorm2d(3);
  expect([bn.eps, bn.momentum, bn.affine, bn.trackRunningStats, bn.frozen, bn.dtype]).toEqual([
    1e-5,
    0.9,
    true,
    true,
    false,
    "float32",
  ]);
  expect(bn.training).toBe(true);
});

describe("momentum weighs the old value", () => {
  test.each([
    [0.9, 0.25, 0.9 + 0.1 * (5 / 3)],
    [0.25, 0.75 * 2.5, 0.25 + 0.75 * (5 / 3)],
    [1, 0, 1],
    [0, 2.5, 5 / 3],
  ])("%d", (momentum, mean, variance) => {
    const bn = new BatchNorm1d(1, { momentum, dtype: "float64" });
    bn.forward(x);
    expectClose(bn.runningMean?.data, [mean]);
    expectClose(bn.runningVar?.data, [variance]);
  });

  test("0.9 here is 0.1 in PyTorch's layer: results, gradients and statistics agree", () => {
    const options = { dtype: "float64" } as const;
    const [ours, torch] = [new BatchNorm2d(3, options), new TorchBatchNorm2d(3, options)];
    const image = f64(wave(24), [2, 3, 2, 2]);
    const dy = f64(wave(24, 1), [2, 3, 2, 2]);
    expectClose(ours.forward(image).data, torch.forward(image).data, 0);
    expectClose(ours.backward(dy).data, torch.backward(dy).data, 0);
    expectClose(ours.weight?.grad, torch.weight?.grad ?? [], 0);
    expectClose(ours.runningMean?.data, torch.runningMean?.data ?? []);
    expectClose(ours.runningVar?.data, torch.runningVar?.data ?? []);
    expectClose(ours.eval().forward(image).data, torch.eval().forward(image).data);
  });
});

describe("parameters and statistics are (1, C, 1, 1)", () => {
  test.each([new BatchNorm1d(3), new BatchNorm2d(3)])("%s", (bn) => {
    const held = [bn.weight, bn.bias, bn.runningMean, bn.runningVar];
    expect(held.map((value) => value?.shape)).toEqual(new Array(4).fill([1, 3, 1, 1]));
    expect(bn.weight?.data).toHaveLength(3);
  });
});

describe("one value per channel is accepted", () => {
  test("in training it gives the bias, and the unbiased variance is NaN", () => {
    const bn = new BatchNorm2d(2, { dtype: "float64" });
    bn.bias?.data.set([5, -6]);
    expectClose(bn.forward(f64([3, 4], [1, 2, 1, 1])).data, [5, -6], 0);
    expectClose(bn.runningMean?.data, [0.3, 0.4]);
    expect(Array.from(bn.runningVar?.data ?? [])).toEqual([Number.NaN, Number.NaN]);
  });

  test("in eval without statistics too", () => {
    const bn = new BatchNorm1d(2, { trackRunningStats: false, affine: false }).eval();
    expect(Array.from(bn.forward(f64([3, 4], [1, 2])).data)).toEqual([0, 0]);
  });
});

describe("trackRunningStats", () => {
  test("off: no buffers, the batch normalizes in eval", () => {
    const bn = new BatchNorm1d(1, { trackRunningStats: false, dtype: "float64" }).eval();
    expectClose(
      bn.forward(x).data,
      [-1.5, -0.5, 0.5, 1.5].map((value) => value / Math.sqrt(1.25 + 1e-5)),
    );
    expect([bn.runningMean, bn.runningVar]).toEqual([null, null]);
  });

  test("switched off later: the statistics stay", () => {
    const bn = new BatchNorm1d(1, { dtype: "float64" });
    bn.trackRunningStats = false;
    bn.forward(x);
    expectClose(bn.runningMean?.data, [0], 0);
    expectClose(bn.runningVar?.data, [1], 0);
  });
});

test("no batches are counted", () => {
  const bn = new BatchNorm1d(1);
  bn.forward(x);
  expect(bn.numBatchesTracked).toBe(0);
});

test("an empty batch leaves the statistics", () => {
  const bn = new BatchNorm2d(2);
  expect(bn.forward(f64([], [0, 2, 3, 3])).shape).toEqual([0, 2, 3, 3]);
  expect(Array.from(bn.runningVar?.data ?? [])).toEqual([1, 1]);
});

test("(N, C, L) is normalized over N and L", () => {
  const bn = new BatchNorm1d(2, { eps: 0, dtype: "float64" });
  const y = bn.forward(f64([1, 3, 10, 10, 1, 3, 30, 30], [2, 2, 2]));
  expectClose(y.data, [-1, 1, -1, -1, -1, 1, 1, 1]);
});
