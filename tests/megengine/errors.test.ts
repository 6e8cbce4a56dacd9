import { describe, expect, test } from "vitest";
import * as megengine from "../../src/megengine/index.ts";
import { f32, thrownBy } from "../layers/support.ts";

const { BatchNorm1d, BatchNorm2d, GeneralNorm, GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm } =
  megengine;

const wrong = <T>(value: T) => value as never;

function zeros(shape: readonly number[]) {
  return f32(new Array(shape.reduce((a, b) => a * b, 1)).fill(0), shape);
}

describe("construction", () => {
  const batchNormOptions = "eps, momentum, affine, trackRunningStats, freeze, dtype, backend";
  test.each([
    [
      () => new BatchNorm2d(4, wrong({ layout: "channels-last" })),
      `TypeError: BatchNorm2d: unknown option "layout"; the options are ${batchNormOptions}`,
    ],
    [
      () => new BatchNorm2d(4, wrong({ momentum: null })),
      "TypeError: BatchNorm2d: expected momentum to be a number, got null",
    ],
    [
      () => new BatchNorm1d(wrong("4")),
      'TypeError: BatchNorm1d: expected numFeatures to be an integer, got "4"',
    ],
    [() => new BatchNorm1d(-4), "RangeError: BatchNorm1d: expected numFeatures to be at least 0, got -4"],
    [
      () => new GroupNorm(3, 4),
      "RangeError: GroupNorm: num_channels (4) must be divisible by num_groups (3)",
    ],
    [() => new GroupNorm(0, 4), "RangeError: GroupNorm: expected numGroups to be at least 1, got 0"],
    [
      () => new GroupNorm(2, wrong("4")),
      'TypeError: GroupNorm: expected numChannels to be an integer, got "4"',
    ],
    [
      () => new GroupNorm(2, 4, wrong({ momentum: 1 })),
      'TypeError: GroupNorm: unknown option "momentum"; the options are eps, affine, dtype, backend',
    ],
    [() => new InstanceNorm(1.5), "TypeError: InstanceNorm: expected numChannels to be an integer, got 1.5"],
    [
      () => new InstanceNorm(4, { eps: Number.NaN }),
      "RangeError: InstanceNorm: expected eps to be finite, got NaN",
    ],
    [
      () => new LayerNorm([]),
      "RangeError: LayerNorm: Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []",
    ],
    [
      () => new LayerNorm(wrong("4")),
      'TypeError: LayerNorm: expected normalizedShape to be an integer or a list of integers, got "4"',
    ],
    [
      () => new GeneralNorm([2, 3], [1]),
      "RangeError: GeneralNorm: expected one axis for each extent of normalizedShape (2, 3), got an array [1]",
    ],
    [
      () => new GeneralNorm([2, 3]),
      "RangeError: GeneralNorm: expected one axis for each extent of normalizedShape (2, 3), got an array [0]",
    ],
    [
      () => new GeneralNorm([2], wrong("1")),
      'TypeError: GeneralNorm: expected normalizedAxis to be an integer or a list of integers, got "1"',
    ],
    [
      () => new LocalResponseNorm({ kernelSize: 0 }),
      "RangeError: LocalResponseNorm: expected kernelSize to be at least 1, got 0",
    ],
    [
      () => new LocalResponseNorm({ k: wrong("2") }),
      'TypeError: LocalResponseNorm: expected k to be a number, got "2"',
    ],
    [
      () => new LocalResponseNorm({ alpha: Number.NaN }),
      "RangeError: LocalResponseNorm: expected alpha to be finite, got NaN",
    ],
    [
      () => new LocalResponseNorm({ beta: wrong(null) }),
      "TypeError: LocalResponseNorm: expected beta to be a number, got null",
    ],
    [
      () => new LocalResponseNorm(wrong({ size: 5 })),
      'TypeError: LocalResponseNorm: unknown option "size"; the options are kernelSize, k, alpha, beta',
    ],
  ])("%o", (make, message) => {
    expect(thrownBy(make)).toContain(message);
  });
});

describe("input", () => {
  test.each([
    [new BatchNorm1d(2), [2], "expected 2D or 3D input (got 1D input)"],
    [new BatchNorm1d(2), [2, 2, 2, 2], "expected 2D or 3D input (got 4D input)"],
    [new BatchNorm2d(2), [2, 2, 2], "expected 4D input (got 3D input)"],
    [new BatchNorm2d(2), [1, 3, 2, 2], "expected input of shape (N, 2, *), got (1, 3, 2, 2)"],
    [new GroupNorm(2, 4), [2, 3, 4], "expected input of shape (N, 4, *), got (2, 3, 4)"],
    [new GroupNorm(2, 4), [4], "expected input of shape (N, 4, *), got (4,)"],
    [new InstanceNorm(4), [1, 3, 2], "expected input of shape (N, 4, *), got (1, 3, 2)"],
    [
      new LayerNorm(4),
      [4, 3],
      "Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[4, 3]",
    ],
    [
      new GeneralNorm([4, 3], [0, 2]),
      [4, 2, 2],
      "expected extents (4, 3) at axes (0, 2), got input of shape (4, 2, 2)",
    ],
    [new GeneralNorm([4], [3]), [4, 4], "expected an axis from -2 to 1 for rank 2, got 3"],
    [new GeneralNorm([4, 4], [1, -1]), [2, 4], "expected distinct axes, got an array [1, -1]"],
    [new LocalResponseNorm(), [3], "expected input of shape (N, C, *), got (3,)"],
  ])("%s of %j", (layer, shape, message) => {
    expect(thrownBy(() => layer.forward(zeros(shape)))).toBe(`RangeError: ${layer.name}: ${message}`);
  });
});

describe("print as MegEngine prints them", () => {
  test.each([
    [
      new BatchNorm1d(2, { freeze: true }),
      "BatchNorm1d(2, eps=1e-05, momentum=0.9, affine=True, track_running_stats=True)",
    ],
    [
      new BatchNorm2d(64, { affine: false, trackRunningStats: false, momentum: 0.5 }),
      "BatchNorm2d(64, eps=1e-05, momentum=0.5, affine=False, track_running_stats=False)",
    ],
    [new GroupNorm(2, 4), "GroupNorm(groups=2, channels=4, eps=1e-05, affine=True)"],
    [new InstanceNorm(4, { affine: false }), "InstanceNorm(channels=4, eps=1e-05, affine=False)"],
    [new LayerNorm([4, 4]), "LayerNorm(normalized_shape=(4, 4), eps=1e-05, affine=True)"],
    [
      new GeneralNorm(3, 1),
      "GeneralNorm(normalized_shape=(3,), normalized_axis=(1,), eps=1e-05, affine=True)",
    ],
    [new LocalResponseNorm(), "LocalResponseNorm(kernel_size=5, k=2.0, alpha=0.0001, beta=0.75)"],
  ])("%s", (layer, text) => {
    expect(String(layer)).toBe(text);
  });
});
