import { describe, expect, it } from "vitest";
import { type BackendName, functional as F, LayerNorm, setBackend, tensor } from "../../src/index.ts";

import { type Throwing, throwsExactly, untyped, zeros } from "./throws.ts";

const x = zeros(2, 4, 3);

describe("the input", () => {
  throwsExactly([
    [
      () => F.batchNorm(untyped([1, 2, 3])),
      new TypeError(
        "batchNorm: expected input to be a tensor (an object with data and shape), got an array [1, 2, 3]",
      ),
    ],
    [
      () => F.instanceNorm(untyped(null)),
      new TypeError("instanceNorm: expected input to be a tensor (an object with data and shape), got null"),
    ],
    [
      () => F.groupNorm(new Int32Array(4), { numGroups: 1 }),
      new TypeError("groupNorm: expected input to hold floating-point numbers, got int32"),
    ],
    [
      () => F.layerNormBackward(untyped("x"), x, { axes: [0] }),
      new TypeError(
        'layerNormBackward: expected input to be a tensor (an object with data and shape), got "x"',
      ),
    ],
    [
      () => F.rmsNorm(untyped({ shape: [1] }), { axes: [0] }),
      new TypeError("rmsNorm: expected input to be a tensor (an object with data and shape), got a Object"),
    ],
  ]);
});

describe("batchNorm, in PyTorch's words", () => {
  const training = true;
  throwsExactly([
    [
      () => F.batchNorm(zeros(1, 4, 1, 1), { training }),
      new RangeError(
        "batchNorm: Expected more than 1 value per channel when training, got input size [1, 4, 1, 1]",
      ),
    ],
    [
      () => F.batchNormBackward(zeros(1, 4), zeros(1, 4), { training }),
      new RangeError(
        "batchNormBackward: Expected more than 1 value per channel when training, got input size [1, 4]",
      ),
    ],
    ...(["weight", "bias"] as const).map(
      (name): Throwing => [
        () => F.batchNorm(x, { training, [name]: zeros(3) }),
        new RangeError(`batchNorm: ${name} should contain 4 elements not 3`),
      ],
    ),
    [
      () => F.batchNorm(x, { training, runningMean: zeros(5) }),
      new RangeError("batchNorm: running_mean should contain 4 elements not 5"),
    ],
    [
      () => F.batchNorm(x, { runningMean: zeros(4), runningVar: zeros(1) }),
      new RangeError("batchNorm: running_var should contain 4 elements not 1"),
    ],
    [
      () => F.batchNorm(x),
      new RangeError("batchNorm: Expected running_mean to be defined when training=False"),
    ],
    [
      () => F.batchNorm(x, { runningMean: zeros(4) }),
      new RangeError("batchNorm: Expected running_var to be defined when training=False"),
    ],
    [
      () => F.batchNormBackward(x, x),
      new RangeError("batchNormBackward: Expected running_mean to be defined when training=False"),
    ],
    [
      () => F.batchNorm(x, { training, weight: untyped(new BigInt64Array(4)) }),
      new TypeError("batchNorm: expected weight to hold floating-point numbers, got int64"),
    ],
  ]);
});

describe("options of every norm", () => {
  const training = true;
  throwsExactly([
    [
      () => F.batchNorm(x, { training, axis: 1.5 }),
      new TypeError("batchNorm: expected an integer axis, got 1.5"),
    ],
    [
      () => F.batchNorm(x, { training, axis: 3 }),
      new RangeError("batchNorm: expected an axis from -3 to 2 for rank 3, got 3"),
    ],
    [
      () => F.layerNorm(x, { axes: [0, -4] }),
      new RangeError("layerNorm: expected an axis from -3 to 2 for rank 3, got -4"),
    ],
    [
      () => F.batchNorm(x, { training, eps: untyped("1e-5") }),
      new TypeError('batchNorm: expected eps to be a number, got "1e-5"'),
    ],
    [
      () => F.layerNorm(x, { normalizedShape: 3, eps: Number.NaN }),
      new RangeError("layerNorm: expected eps to be finite, got NaN"),
    ],
    [
      () => F.batchNorm(x, { runningMean: zeros(4), runningVar: zeros(4), eps: Number.POSITIVE_INFINITY }),
      new RangeError("batchNorm: expected eps to be finite, got Infinity"),
    ],
    [
      () => F.batchNorm(x, { training, momentum: untyped(null) }),
      new TypeError("batchNorm: expected momentum to be a number, got null"),
    ],
    [
      () => F.instanceNorm(x, { momentum: Number.NaN }),
      new RangeError("instanceNorm: expected momentum to be finite, got NaN"),
    ],
    [
      () => F.batchNorm(x, { training, out: zeros(2, 4) }),
      new RangeError(
        "batchNorm: expected out to be a tensor(float32, (2, 4, 3)), got a tensor(float32, (2, 4))",
      ),
    ],
    [
      () => F.groupNorm(x, { numGroups: 2, out: tensor(new Float64Array(24), [2, 4, 3]) }),
      new RangeError(
        "groupNorm: expected out to be a tensor(float32, (2, 4, 3)), got a tensor(float64, (2, 4, 3))",
      ),
    ],
    [
      () => F.layerNorm(x, { axes: [0], out: zeros(3) }),
      new RangeError(
        "layerNorm: expected out to be a tensor(float32, (2, 4, 3)), got a tensor(float32, (3,))",
      ),
    ],
    [
      () => F.instanceNormBackward(x, zeros(2, 4, 2)),
      new RangeError("instanceNormBackward: expected dy of the input's shape (2, 4, 3), got (2, 4, 2)"),
    ],
    [
      () => F.layerNormBackward(x, zeros(2), { axes: [0] }),
      new RangeError("layerNormBackward: expected dy of the input's shape (2, 4, 3), got (2,)"),
    ],
    [
      () => F.groupNormBackward(x, new Int8Array(24), { numGroups: 2 }),
      new TypeError("groupNormBackward: expected dy to hold floating-point numbers, got int8"),
    ],
    [
      () => F.layerNorm(x, { normalizedShape: 3, backend: untyped<BackendName>("gpu") }),
      new RangeError('setBackend: expected one of wasm, reference, got "gpu"'),
    ],
    [
      () => setBackend(untyped<BackendName>("toString")),
      new RangeError('setBackend: expected one of wasm, reference, got "toString"'),
    ],
  ]);
});

describe("instanceNorm and groupNorm", () => {
  throwsExactly([
    [
      () => F.instanceNorm(zeros(2, 4, 1)),
      new RangeError(
        "instanceNorm: Expected more than 1 spatial element when training, got input size [2, 4, 1]",
      ),
    ],
    [
      () => F.instanceNorm(zeros(4)),
      new RangeError("instanceNorm: expected an input of at least 2 dimensions, got shape (4,)"),
    ],
    [
      () => F.instanceNorm(x, { bias: zeros(3) }),
      new RangeError("instanceNorm: bias should contain 4 elements not 3"),
    ],
    [
      () => F.instanceNorm(x, { runningVar: zeros(3) }),
      new RangeError("instanceNorm: running_var should contain 4 elements not 3"),
    ],
    [
      () => F.groupNorm(zeros(4), { numGroups: 2 }),
      new RangeError("groupNorm: expected an input of at least 2 dimensions, got shape (4,)"),
    ],
    [
      () => F.groupNorm(x, { numGroups: 3 }),
      new RangeError(
        "groupNorm: Expected number of channels in input to be divisible by num_groups, " +
          "but got input of shape [2, 4, 3] and num_groups=3",
      ),
    ],
    [
      () => F.groupNorm(x, untyped({})),
      new TypeError("groupNorm: expected numGroups to be an integer, got undefined"),
    ],
    [
      () => F.groupNorm(x, { numGroups: 0 }),
      new RangeError("groupNorm: expected numGroups to be at least 1, got 0"),
    ],
    [
      () => F.groupNorm(zeros(1, 10, 1), { numGroups: 10 }),
      new RangeError(
        "groupNorm: Expected more than 1 value per channel when training, got input size [1, 10, 1]",
      ),
    ],
    [
      () => F.groupNorm(x, { numGroups: 2, bias: zeros(4, 1) }),
      new RangeError(
        "groupNorm: Expected bias to be a vector of size equal to the number of channels in input, " +
          "but got bias of shape [4, 1] and input of shape [2, 4, 3]",
      ),
    ],
  ]);

  it("one value per group is accepted in a larger batch, and gives the bias", () => {
    const y = F.groupNorm(tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 4]), {
      numGroups: 4,
      weight: tensor([2, 3, 4, 5]),
      bias: tensor([0.5, 1.5, 2.5, 3.5]),
    });
    expect([...y.data]).toEqual([0.5, 1.5, 2.5, 3.5, 0.5, 1.5, 2.5, 3.5]);
  });
});

describe("options of a layer", () => {
  throwsExactly([
    [
      () => new LayerNorm(3, untyped({ epsilon: 1e-5 })),
      new TypeError(
        'LayerNorm: unknown option "epsilon"; the options are eps, elementwiseAffine, bias, dtype, backend',
      ),
    ],
    [
      () => new LayerNorm(3, untyped(null)),
      new TypeError("LayerNorm: expected an object of options, got null"),
    ],
    [
      () => new LayerNorm(3, untyped(1e-5)),
      new TypeError("LayerNorm: expected an object of options, got 0.00001"),
    ],
  ]);

  it("that are undefined take their default", () => {
    expect(new LayerNorm(3, untyped({ eps: undefined })).eps).toBe(1e-5);
  });
});
