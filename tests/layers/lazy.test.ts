import { describe, expect, test } from "vitest";
import { BatchNorm1d, BatchNorm2d, InstanceNorm2d, tensor } from "../../src/index.ts";
import { expectClose, f64, wave } from "./support.ts";

test("a lazy layer has nothing before its first input, and prints 0 features", () => {
  const bn = new BatchNorm2d(null);
  expect([bn.numFeatures, bn.weight, bn.bias, bn.runningMean, bn.runningVar]).toEqual([
    null,
    null,
    null,
    null,
    null,
  ]);
  expect(String(bn)).toBe("BatchNorm2d(0, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)");
  expect(Object.keys(bn.stateDict())).toEqual([]);
});

test("the first input gives the features, and the result is that of the layer made for them", () => {
  const lazy = new BatchNorm1d(null, { dtype: "float64" });
  const x = f64(wave(12), [2, 3, 2]);
  const made = new BatchNorm1d(3, { dtype: "float64" });
  expectClose(lazy.forward(x).data, made.forward(x).data, 0);
  expect(lazy.numFeatures).toBe(3);
  expectClose(lazy.runningMean?.data, made.runningMean?.data ?? [], 0);
  expect(lazy.numBatchesTracked).toBe(1);
  expect(String(lazy)).toBe(String(made));
});

test("the second input must have the first one's channels", () => {
  const lazy = new BatchNorm1d(null);
  lazy.forward(f64(wave(6), [2, 3]));
  expect(() => lazy.forward(f64(wave(8), [2, 4]))).toThrow(
    "BatchNorm1d: expected input of shape (N, 3), got (2, 4)",
  );
});

test("an input of a wrong rank leaves it lazy", () => {
  const lazy = new BatchNorm2d(null);
  expect(() => lazy.forward(f64(wave(6), [2, 3]))).toThrow("expected 4D input (got 2D input)");
  expect(lazy.numFeatures).toBeNull();
});

test("a forward that throws leaves it lazy", () => {
  const lazy = new BatchNorm2d(null);
  expect(() => lazy.forward(f64([1, 2], [1, 2, 1, 1]))).toThrow("Expected more than 1 value per channel");
  expect([lazy.numFeatures, lazy.weight, lazy.bias, lazy.runningMean, lazy.runningVar]).toEqual(
    new Array(5).fill(null),
  );
  lazy.forward(f64(wave(6), [1, 3, 2, 1]));
  expect(lazy.numFeatures).toBe(3);
  expect(() => lazy.forward(f64([1, 2, 3], [1, 3, 1, 1]))).toThrow("Expected more than 1 value per channel");
  expect([lazy.numFeatures, lazy.numBatchesTracked]).toEqual([3, 1]);
});

test("channels last takes the last extent; instance norm without a batch the first of (C, H, W)", () => {
  const last = new BatchNorm2d(null, { layout: "channels-last" });
  last.forward(f64(wave(2 * 3 * 4 * 5), [2, 3, 4, 5]));
  expect(last.numFeatures).toBe(5);
  const unbatched = new InstanceNorm2d(null, { affine: true });
  unbatched.forward(f64(wave(24), [2, 3, 4]));
  expect(unbatched.weight?.shape).toEqual([2]);
});

describe("from a state dict", () => {
  test("the weight gives the features", () => {
    const made = new BatchNorm2d(3);
    made.weight?.data.set([1, 2, 3]);
    const lazy = new BatchNorm2d(null);
    lazy.loadStateDict(made.stateDict({ prefix: "bn." }), { prefix: "bn." });
    expect(lazy.numFeatures).toBe(3);
    expect(Array.from(lazy.weight?.data ?? [])).toEqual([1, 2, 3]);
  });

  test("without a weight the running mean does", () => {
    const lazy = new BatchNorm2d(null, { affine: false });
    lazy.loadStateDict({ running_mean: tensor([1, 2]), running_var: tensor([3, 4]) });
    expect(lazy.numFeatures).toBe(2);
    expect(Array.from(lazy.runningVar?.data ?? [])).toEqual([3, 4]);
  });

  test("a dict that holds neither leaves it lazy", () => {
    const lazy = new BatchNorm2d(null);
    expect(lazy.loadStateDict({}).missingKeys).toEqual([]);
    expect(lazy.numFeatures).toBeNull();
  });

  test("a load that fails leaves it lazy", () => {
    const lazy = new BatchNorm2d(null);
    expect(() => lazy.loadStateDict({ weight: tensor([1, 2, 3]) })).toThrow("Missing key(s)");
    expect(lazy.numFeatures).toBeNull();
    expect(lazy.weight).toBeNull();
  });
});
