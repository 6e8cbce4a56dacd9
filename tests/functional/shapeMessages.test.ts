import { describe, expect, it } from "vitest";
import { type DType, empty, functional as F, tensor } from "../../src/index.ts";
import { asTensor } from "../../src/tensor/tensor.ts";

import { type Throwing, throwsExactly, untyped, zeros } from "./throws.ts";

const x = zeros(2, 4, 3);

describe("layerNorm and rmsNorm, in PyTorch's words", () => {
  throwsExactly([
    [
      () => F.layerNorm(x, { normalizedShape: [4, 4] }),
      new RangeError(
        "layerNorm: Given normalized_shape=[4, 4], expected input with shape [*, 4, 4], " +
          "but got input of size[2, 4, 3]",
      ),
    ],
    [
      () => F.rmsNorm(zeros(3), { normalizedShape: [4, 3] }),
      new RangeError(
        "rmsNorm: Given normalized_shape=[4, 3], expected input with shape [*, 4, 3], but got input of size[3]",
      ),
    ],
    [
      () => F.layerNorm(x, { normalizedShape: [] }),
      new RangeError(
        "layerNorm: Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one " +
          "element, but got normalized_shape = []",
      ),
    ],
    [
      () => F.layerNorm(x, {}),
      new TypeError(
        "layerNorm: expected normalizedShape to be an integer or a list of integers, got undefined",
      ),
    ],
    [
      () => F.rmsNorm(x, { normalizedShape: 1.5 }),
      new TypeError("rmsNorm: expected normalizedShape to be an integer or a list of integers, got 1.5"),
    ],
    ...(["weight", "bias"] as const).map(
      (name): Throwing => [
        () => F.layerNorm(x, { normalizedShape: [4, 3], [name]: zeros(12) }),
        new RangeError(
          `layerNorm: Expected ${name} to be of same shape as normalized_shape, ` +
            `but got ${name} of shape [12] and normalized_shape = [4, 3]`,
        ),
      ],
    ),
    [
      () => F.rmsNormBackward(x, x, { axes: [2, 0], weight: zeros(2, 3) }),
      new RangeError(
        "rmsNormBackward: Expected weight to be of same shape as normalized_shape, " +
          "but got weight of shape [2, 3] and normalized_shape = [3, 2]",
      ),
    ],
    [
      () => F.layerNorm(x, { axes: [1, -2] }),
      new RangeError("layerNorm: expected distinct axes, got an array [1, -2]"),
    ],
    [
      () => F.layerNorm(x, { axes: [untyped("1")] }),
      new TypeError('layerNorm: expected an integer axis, got "1"'),
    ],
  ]);
});

describe("localResponseNorm, lpNormalize and moments", () => {
  throwsExactly([
    [
      () => F.localResponseNorm(x, untyped({})),
      new TypeError("localResponseNorm: expected size to be an integer, got undefined"),
    ],
    [
      () => F.localResponseNorm(x, { size: 0 }),
      new RangeError("localResponseNorm: expected size to be at least 1, got 0"),
    ],
    [
      () => F.localResponseNorm(x, { size: 3, channelsBefore: -1 }),
      new RangeError("localResponseNorm: expected channelsBefore to be at least 0, got -1"),
    ],
    [
      () => F.localResponseNorm(x, { size: 3, channelsBefore: 3 }),
      new RangeError("localResponseNorm: expected channelsAfter to be at least 0, got -1"),
    ],
    ...(["alpha", "beta", "k", "alphaDivisor"] as const).map(
      (name): Throwing => [
        () => F.localResponseNormBackward(x, x, { size: 3, [name]: Number.NaN }),
        new RangeError(`localResponseNormBackward: expected ${name} to be finite, got NaN`),
      ],
    ),
    [
      () => F.localResponseNormBackward(x, zeros(2, 4), { size: 3 }),
      new RangeError("localResponseNormBackward: expected dy of the input's shape (2, 4, 3), got (2, 4)"),
    ],
    [
      () => F.localResponseNorm(x, { size: 3, out: zeros(24) }),
      new RangeError(
        "localResponseNorm: expected out to be a tensor(float32, (2, 4, 3)), got a tensor(float32, (24,))",
      ),
    ],
    [() => F.lpNormalize(x, { p: 0.5 }), new RangeError("lpNormalize: expected p to be at least 1, got 0.5")],
    [
      () => F.lpNormalize(x, { p: Number.POSITIVE_INFINITY }),
      new RangeError("lpNormalize: expected p to be finite, got Infinity"),
    ],
    [
      () => F.lpNormalize(zeros(3)),
      new RangeError("lpNormalize: expected an axis from -1 to 0 for rank 1, got 1"),
    ],
    [
      () => F.lpNormalizeBackward(x, x, { eps: Number.NaN }),
      new RangeError("lpNormalizeBackward: expected eps to be finite, got NaN"),
    ],
    [
      () => F.moments(x, { axes: [0, 0] }),
      new RangeError("moments: expected distinct axes, got an array [0, 0]"),
    ],
    [
      () => F.moments(x, { axes: [3] }),
      new RangeError("moments: expected an axis from -3 to 2 for rank 3, got 3"),
    ],
  ]);
});

describe("tensor and empty", () => {
  throwsExactly([
    [
      () => tensor(untyped("1, 2")),
      new TypeError('tensor: expected a typed array or nested numbers, got "1, 2"'),
    ],
    [
      () => tensor(untyped(undefined)),
      new TypeError("tensor: expected a typed array or nested numbers, got undefined"),
    ],
    [
      () => tensor(new Float32Array(5), [2, 3]),
      new RangeError("tensor: shape (2, 3) holds 6 elements, got data of 5"),
    ],
    [() => tensor([1, 2, 3], [2]), new RangeError("tensor: shape (2,) holds 2 elements, got data of 3")],
    [
      () => tensor([[1, 2], [3]]),
      new RangeError("tensor: expected every list at depth 1 to have 2 items, got 1"),
    ],
    [() => tensor(untyped([1, [2]])), new TypeError("tensor: expected a number, got an array [2]")],
    [() => tensor(untyped([1, "2"])), new TypeError('tensor: expected a number, got "2"')],
    [
      () => tensor([1], [1], { dtype: untyped<DType>("complex64") }),
      new TypeError('tensor: unknown dtype "complex64"'),
    ],
    [
      () => tensor([1], untyped<number[]>("1")),
      new TypeError('tensor: expected a shape (an array of integers), got "1"'),
    ],
    [
      () => tensor([1], [1.5]),
      new TypeError("tensor: expected a shape (an array of integers), got an array [1.5]"),
    ],
    [() => empty([2, -1]), new RangeError("empty: expected extents of 0 or more, got shape (2, -1)")],
    [
      () => empty([2 ** 40, 2 ** 40]),
      new RangeError("empty: shape (1099511627776, 1099511627776) has too many elements"),
    ],
    [() => empty([1], { dtype: untyped<DType>("float8") }), new TypeError('empty: unknown dtype "float8"')],
    [() => empty(untyped(3)), new TypeError("empty: expected a shape (an array of integers), got 3")],
  ]);
});

it("something that is no list among lists names its depth", () => {
  expect(() => tensor(untyped([[1], 2]))).toThrow(/depth 1/);
  expect(() => tensor(untyped([[[1]], [[]], [null]]))).toThrow(/depth 2/);
});

describe("a tensor from elsewhere", () => {
  const data = new Float32Array(6);
  throwsExactly([
    [
      () => asTensor("f", "dy", untyped({ data })),
      new TypeError("f: dy: expected a shape (an array of integers), got undefined"),
    ],
    [
      () => asTensor("f", "dy", untyped({ data: [1, 2], shape: [2] })),
      new TypeError("f: expected dy.data to be a typed array, got an array [1, 2]"),
    ],
    // A TensorFlow.js tensor: its data is a function.
    [
      () => asTensor("f", "dy", untyped({ data: () => data, shape: [6] })),
      new TypeError("f: expected dy.data to be a typed array, got a function"),
    ],
    [
      () => asTensor("f", "dy", { data, dims: [2, 2] }),
      new RangeError("f: expected dy of shape (2, 2) to hold 4 elements, got 6"),
    ],
    [
      () => asTensor("f", "dy", { data: new Uint8Array(6), dims: [6], type: "bool" }),
      new TypeError("f: expected dy to hold floating-point numbers, got bool"),
    ],
    [
      () => asTensor("f", "dy", untyped(5)),
      new TypeError("f: expected dy to be a tensor (an object with data and shape), got 5"),
    ],
  ]);
});
