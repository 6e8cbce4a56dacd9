import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as evenkeel from "../../src/index.ts";
import { pythonFloat, pythonValue } from "../../src/layers/python.ts";

const { BatchNorm1d, BatchNorm2d, BatchNorm3d, GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } =
  evenkeel;
const { LayerNorm, LocalResponseNorm, RMSNorm } = evenkeel;

describe("layers print as PyTorch prints them", () => {
  test.each([
    [
      new BatchNorm1d(64, { eps: 1e-3, momentum: 0.01 }),
      "BatchNorm1d(64, eps=0.001, momentum=0.01, affine=True, track_running_stats=True)",
    ],
    [new BatchNorm2d(16), "BatchNorm2d(16, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"],
    [
      new BatchNorm3d(3, { momentum: null, affine: false }),
      "BatchNorm3d(3, eps=1e-05, momentum=None, affine=False, track_running_stats=True)",
    ],
    [
      new InstanceNorm1d(4),
      "InstanceNorm1d(4, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)",
    ],
    [
      new InstanceNorm2d(4, { affine: true, trackRunningStats: true }),
      "InstanceNorm2d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
    ],
    [
      new InstanceNorm3d(4, { eps: 0.5 }),
      "InstanceNorm3d(4, eps=0.5, momentum=0.1, affine=False, track_running_stats=False)",
    ],
    [new GroupNorm(8, 32), "GroupNorm(8, 32, eps=1e-05, affine=True)"],
    [new GroupNorm(1, 2, { affine: false, eps: 1e-6 }), "GroupNorm(1, 2, eps=1e-06, affine=False)"],
    [new LayerNorm(768), "LayerNorm((768,), eps=1e-05, elementwise_affine=True)"],
    [
      new LayerNorm([32, 4, 4], { elementwiseAffine: false }),
      "LayerNorm((32, 4, 4), eps=1e-05, elementwise_affine=False)",
    ],
    [new RMSNorm(768), "RMSNorm((768,), eps=None, elementwise_affine=True)"],
    [
      new RMSNorm([2, 3], { eps: 1e-6, elementwiseAffine: false }),
      "RMSNorm((2, 3), eps=1e-06, elementwise_affine=False)",
    ],
    [new LocalResponseNorm(5), "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)"],
    [
      new LocalResponseNorm(2, { alpha: 1e-5, beta: 0.5, k: 2 }),
      "LocalResponseNorm(2, alpha=1e-05, beta=0.5, k=2.0)",
    ],
  ])("%s", (layer, text) => {
    expect(String(layer)).toBe(text);
    expect(text.startsWith(`${layer.name}(`)).toBe(true);
  });
});

test("the digits network's layers print as PyTorch printed them", () => {
  const recorded = JSON.parse(readFileSync("examples/digits/layers.json", "utf8")) as Record<
    string,
    { repr: string }
  >;
  const ours = {
    bn1: new BatchNorm2d(16),
    gn: new GroupNorm(8, 32),
    inorm: new InstanceNorm2d(32, { affine: true, trackRunningStats: true }),
    bn2: new BatchNorm2d(32, { momentum: null }),
    ln: new LayerNorm([32, 4, 4]),
    bn3: new BatchNorm1d(64, { eps: 1e-3, momentum: 0.01 }),
  };
  expect(Object.entries(ours).map(([name, layer]) => [name, String(layer)])).toEqual(
    Object.entries(recorded).map(([name, { repr }]) => [name, repr]),
  );
});

// Expected values: repr() of CPython 3.11.
test.each([
  [0, "0.0"],
  [1, "1.0"],
  [-2.5, "-2.5"],
  [0.1, "0.1"],
  [1e-3, "0.001"],
  [1e-4, "0.0001"],
  [1.5e-4, "0.00015"],
  [9.999e-5, "9.999e-05"],
  [1e-5, "1e-05"],
  [1.1920928955078125e-7, "1.1920928955078125e-07"],
  [5e-324, "5e-324"],
  [1e100, "1e+100"],
  [123456.789, "123456.789"],
  [1e15, "1000000000000000.0"],
  [9999999999999998, "9999999999999998.0"],
  [1e16, "1e+16"],
  [1.2345678901234568e17, "1.2345678901234568e+17"],
  [2 / 3, "0.6666666666666666"],
  [0.1 + 0.2, "0.30000000000000004"],
  [Number.NaN, "nan"],
  [Number.POSITIVE_INFINITY, "inf"],
  [Number.NEGATIVE_INFINITY, "-inf"],
])("pythonFloat(%d) is %s", (value, text) => {
  expect(pythonFloat(value)).toBe(text);
});

test.each([
  [null, "None"],
  [true, "True"],
  [false, "False"],
  [2, "2.0"],
])("pythonValue(%s) is %s", (value, text) => {
  expect(pythonValue(value)).toBe(text);
});
