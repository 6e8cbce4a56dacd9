import { describe, expect, test } from "vitest";
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  CrossMapLRN2d,
  GroupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type Layer,
  LayerNorm,
  LocalResponseNorm,
  RMSNorm,
} from "../../src/index.ts";
import { expectClose, f32, f64, thrownBy, wave } from "./support.ts";

function zeros(shape: readonly number[]) {
  return f32(new Array(shape.reduce((a, b) => a * b, 1)).fill(0), shape);
}

describe("ranks, in PyTorch's words", () => {
  test.each<[Layer, number[], string]>([
    [new BatchNorm1d(2), [2], "expected 2D or 3D input (got 1D input)"],
    [new BatchNorm1d(2), [2, 2, 2, 2], "expected 2D or 3D input (got 4D input)"],
    [new BatchNorm2d(2), [2, 2, 2], "expected 4D input (got 3D input)"],
    [new BatchNorm2d(2), [2, 2, 2, 2, 2], "expected 4D input (got 5D input)"],
    [new BatchNorm3d(2), [2, 2, 2, 2], "expected 5D input (got 4D input)"],
    [new BatchNorm3d(2), [], "expected 5D input (got 0D input)"],
    [new InstanceNorm1d(2), [2], "expected 2D or 3D input (got 1D input)"],
    [new InstanceNorm1d(2), [2, 2, 2, 2], "expected 2D or 3D input (got 4D input)"],
    [new InstanceNorm2d(2), [2, 2], "expected 3D or 4D input (got 2D input)"],
    [new InstanceNorm3d(2), [2, 2, 2], "expected 4D or 5D input (got 3D input)"],
    [new LocalResponseNorm(2), [2, 2], "Expected 3D or higher dimensionality input (got 2 dimensions)"],
    [new CrossMapLRN2d(2), [2], "Expected 3D or higher dimensionality input (got 1 dimensions)"],
  ])("%s of %j", (layer, shape, message) => {
    expect(thrownBy(() => layer.forward(zeros(shape)))).toBe(`RangeError: ${layer.name}: ${message}`);
  });
});

describe("shapes", () => {
  test.each<[Layer, number[], string]>([
    [new BatchNorm1d(4), [8, 3], "expected input of shape (N, 4), got (8, 3)"],
    [new BatchNorm1d(4), [8, 3, 5], "expected input of shape (N, 4, L), got (8, 3, 5)"],
    [new BatchNorm2d(64), [8, 3, 32, 32], "expected input of shape (N, 64, H, W), got (8, 3, 32, 32)"],
    [new BatchNorm3d(4), [1, 3, 1, 2, 2], "expected input of shape (N, 4, D, H, W), got (1, 3, 1, 2, 2)"],
    [
      new BatchNorm2d(4, { layout: "channels-last" }),
      [1, 4, 2, 3],
      "expected input of shape (N, H, W, 4), got (1, 4, 2, 3)",
    ],
    [new GroupNorm(2, 4), [1, 6, 2], "expected input of shape (N, 4, *), got (1, 6, 2)"],
    [new GroupNorm(2, 4), [4], "expected input of shape (N, 4, *), got (4,)"],
    [
      new GroupNorm(2, 4, { layout: "channels-last" }),
      [1, 4, 2],
      "expected input of shape (N, *, 4), got (1, 4, 2)",
    ],
    [
      new LayerNorm(3),
      [2, 4],
      "Given normalized_shape=[3], expected input with shape [*, 3], but got input of size[2, 4]",
    ],
    [
      new LayerNorm([2, 3]),
      [3],
      "Given normalized_shape=[2, 3], expected input with shape [*, 2, 3], but got input of size[3]",
    ],
    [
      new RMSNorm(3),
      [2, 4],
      "Given normalized_shape=[3], expected input with shape [*, 3], but got input of size[2, 4]",
    ],
  ])("%s of %j", (layer, shape, message) => {
    expect(thrownBy(() => layer.forward(zeros(shape)))).toBe(`RangeError: ${layer.name}: ${message}`);
  });
});

describe("GroupNorm counts the batch into one value per group", () => {
  test("(2, 4) in 4 groups gives the bias", () => {
    const gn = new GroupNorm(4, 4);
    gn.bias?.data.set([1, 2, 3, 4]);
    expect(Array.from(gn.forward(f32(wave(8), [2, 4])).data)).toEqual([1, 2, 3, 4, 1, 2, 3, 4]);
  });

  test.each(["train", "eval"] as const)("(1, 10, 1) in 10 groups is refused in %s", (mode) => {
    const gn = new GroupNorm(10, 10);
    gn[mode]();
    expect(thrownBy(() => gn.forward(zeros([1, 10, 1])))).toBe(
      "RangeError: GroupNorm: Expected more than 1 value per channel when training, got input size [1, 10, 1]",
    );
  });
});

describe("what is no tensor", () => {
  const ln = new LayerNorm(2);

  test.each<[unknown, string]>([
    [undefined, "expected input to be a tensor (an object with data and shape), got undefined"],
    [null, "expected input to be a tensor (an object with data and shape), got null"],
    [[1, 2], "expected input to be a tensor (an object with data and shape), got an array [1, 2]"],
    ["x", 'expected input to be a tensor (an object with data and shape), got "x"'],
    [{ data: [1, 2], shape: [2] }, "expected input.data to be a typed array, got an array [1, 2]"],
    [{ data: Int32Array.of(1, 2), shape: [2] }, "expected input to hold floating-point numbers, got int32"],
    [BigInt64Array.of(1n), "expected input to hold floating-point numbers, got int64"],
  ])("input %s", (input, message) => {
    expect(thrownBy(() => ln.forward(input as never))).toBe(`TypeError: LayerNorm: ${message}`);
  });

  test("a shape that is none, or that the data does not fill", () => {
    const data = Float32Array.of(1, 2);
    expect(thrownBy(() => ln.forward({ data }))).toBe(
      "TypeError: LayerNorm: input: expected a shape (an array of integers), got undefined",
    );
    expect(thrownBy(() => ln.forward({ data, shape: [-2] }))).toBe(
      "RangeError: LayerNorm: input: expected extents of 0 or more, got shape (-2,)",
    );
    expect(thrownBy(() => ln.forward({ data, shape: [2, 2] }))).toBe(
      "RangeError: LayerNorm: expected input of shape (2, 2) to hold 4 elements, got 2",
    );
  });

  test("dy", () => {
    ln.forward(f32([1, 2], [2]));
    expect(thrownBy(() => ln.backward("dy" as never))).toBe(
      'TypeError: LayerNorm: expected dy to be a tensor (an object with data and shape), got "dy"',
    );
  });
});

test("an object with data and dims, or a bare typed array, is a tensor", () => {
  const ln = new LayerNorm(2, { eps: 0, dtype: "float64" });
  expectClose(ln.forward({ data: Float64Array.of(1, 3), dims: [1, 2] }).data, [-1, 1]);
  expectClose(ln.forward(Float64Array.of(1, 3)).data, [-1, 1]);
  expect(ln.forward(f64([1, 3], [2])).shape).toEqual([2]);
});
