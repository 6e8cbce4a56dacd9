import fc from "fast-check";
import { describe, it } from "vitest";
import { transpose } from "../../src/functional/transpose.ts";
import { functional as F, type Tensor, tensor } from "../../src/index.ts";
import {
  affines,
  epsilons,
  expectClose,
  groupings,
  imageShapes,
  mapped,
  randomTensor,
  randomWeight,
  seeds,
} from "./arbitraries.ts";

/** The two sides take the same float64 sums in different orders: 1e-15, times rstd^2, at most 1 / eps = 1e5. */
const tolerance = 1e-8;

const runs = { numRuns: 60 };

/** Smaller ones let a group of nearly equal values magnify the last digit of a sum. */
const eps = epsilons.filter((value) => value >= 1e-5);

interface Result extends F.Gradients {
  readonly y: Tensor;
}

function expectEqual(actual: Result, expected: Result): void {
  expectClose(actual.y, expected.y, tolerance);
  expectClose(actual.dx, expected.dx, tolerance);
  expectClose(actual.dWeight, expected.dWeight, tolerance);
  expectClose(actual.dBias, expected.dBias, tolerance);
}

function affineOf(
  given: { weight: boolean; bias: boolean },
  shape: readonly number[],
  seed: number,
): { weight: Tensor<"float64"> | null; bias: Tensor<"float64"> | null } {
  return {
    weight: given.weight ? randomWeight(shape, seed + 1) : null,
    bias: given.bias ? randomTensor(shape, seed + 2) : null,
  };
}

function batchNorm(x: Tensor, dy: Tensor, options: F.BatchNormOptions): Result {
  const full = { ...options, training: true, allowSingleValue: true };
  return { y: F.batchNorm(x, full), ...F.batchNormBackward(x, dy, full) };
}

function instanceNorm(x: Tensor, dy: Tensor, options: F.InstanceNormOptions): Result {
  return { y: F.instanceNorm(x, options), ...F.instanceNormBackward(x, dy, options) };
}

function groupNorm(x: Tensor, dy: Tensor, options: F.GroupNormOptions): Result {
  return { y: F.groupNorm(x, options), ...F.groupNormBackward(x, dy, options) };
}

function layerNorm(x: Tensor, dy: Tensor, options: F.LayerNormOptions): Result {
  return { y: F.layerNorm(x, options), ...F.layerNormBackward(x, dy, options) };
}

describe("one norm is another", () => {
  it("GroupNorm(1) = LayerNorm over C, H, W", () => {
    fc.assert(
      fc.property(imageShapes, seeds, eps, affines, (shape, seed, eps, given) => {
        const [, channels, height, width] = shape;
        const x = randomTensor(shape, seed, { mean: 3 });
        const dy = randomTensor(shape, seed + 9);
        const affine = affineOf(given, [channels], seed);
        const area = height * width;
        // LayerNorm's weight has one element per element; GroupNorm's is repeated over H and W.
        const spread = (parameter: Tensor<"float64"> | null): Tensor | null =>
          parameter &&
          tensor(
            Float64Array.from({ length: channels * area }, (_, i) => parameter.data[Math.floor(i / area)]),
            [channels, height, width],
          );
        const collect = (gradient: Tensor | null): Tensor | null => {
          if (gradient === null) return null;
          const sums = new Float64Array(channels);
          gradient.data.forEach((value: number, i: number) => {
            sums[Math.floor(i / area)] += value;
          });
          return tensor(sums, [channels]);
        };
        const group = groupNorm(x, dy, { numGroups: 1, eps, ...affine });
        const layer = layerNorm(x, dy, {
          normalizedShape: shape.slice(1),
          eps,
          weight: spread(affine.weight),
          bias: spread(affine.bias),
        });
        expectEqual(group, { ...layer, dWeight: collect(layer.dWeight), dBias: collect(layer.dBias) });
      }),
      runs,
    );
  });

  it("GroupNorm(C) = InstanceNorm", () => {
    fc.assert(
      fc.property(imageShapes, seeds, eps, affines, (shape, seed, eps, given) => {
        const x = randomTensor(shape, seed, { mean: -2, std: 4 });
        const dy = randomTensor(shape, seed + 9);
        const options = { eps, ...affineOf(given, [shape[1]], seed) };
        expectEqual(groupNorm(x, dy, { numGroups: shape[1], ...options }), instanceNorm(x, dy, options));
      }),
      runs,
    );
  });

  it("BatchNorm with N = 1 = InstanceNorm, running statistics too", () => {
    fc.assert(
      fc.property(imageShapes, seeds, eps, affines, ([, ...rest], seed, eps, given) => {
        const shape = [1, ...rest];
        const x = randomTensor(shape, seed, { mean: 1, std: 0.5 });
        const dy = randomTensor(shape, seed + 9);
        const buffers = () => ({
          runningMean: randomTensor([shape[1]], seed + 3),
          runningVar: randomWeight([shape[1]], seed + 4),
        });
        const [ofBatch, ofInstance] = [buffers(), buffers()];
        const options = { eps, momentum: 0.3, ...affineOf(given, [shape[1]], seed) };
        expectEqual(
          batchNorm(x, dy, { ...options, ...ofBatch }),
          instanceNorm(x, dy, { ...options, ...ofInstance }),
        );
        expectClose(ofBatch.runningMean, ofInstance.runningMean, tolerance);
        expectClose(ofBatch.runningVar, ofInstance.runningVar, tolerance);
      }),
      runs,
    );
  });

  it("RMSNorm = LayerNorm for rows of mean 0", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 6 }),
        seeds,
        eps,
        (n, half, seed, eps) => {
          const positive = randomTensor([n, half], seed, { std: 3 });
          // Each value is followed by its negative, so that every running sum comes back to exactly 0.
          const values = Float64Array.from({ length: 2 * n * half }, (_, i) => {
            const value = positive.data[Math.floor(i / 2)];
            return i % 2 === 0 ? value : -value;
          });
          const x = tensor(values, [n, 2 * half]);
          const options = { normalizedShape: 2 * half, eps, weight: randomWeight([2 * half], seed + 1) };
          expectClose(F.rmsNorm(x, options), F.layerNorm(x, options), tolerance);
        },
      ),
      runs,
    );
  });

  it("LayerNorm with its axes permuted = the same with weight and bias permuted", () => {
    const permutations = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 1 });
    fc.assert(
      fc.property(imageShapes, permutations, seeds, eps, affines, (shape, axes, seed, eps, given) => {
        const x = randomTensor(shape, seed, { mean: 1 });
        const dy = randomTensor(shape, seed + 9);
        const ascending = [...axes].sort();
        const toGiven = axes.map((axis) => ascending.indexOf(axis));
        const plain = affineOf(
          given,
          ascending.map((axis) => shape[axis]),
          seed,
        );
        const permute = (parameter: Tensor | null): Tensor | null =>
          parameter && transpose(parameter, toGiven);
        const expected = layerNorm(x, dy, { axes: ascending, eps, ...plain });
        const actual = layerNorm(x, dy, {
          axes: axes.map((axis, i) => (i % 2 === 0 ? axis : axis - 4)),
          eps,
          weight: permute(plain.weight),
          bias: permute(plain.bias),
        });
        expectEqual(actual, {
          ...expected,
          dWeight: permute(expected.dWeight),
          dBias: permute(expected.dBias),
        });
      }),
      runs,
    );
  });
});

describe("channels-last = channels-first transposed", () => {
  const toLast = (x: Tensor): Tensor => transpose(x, [0, 2, 3, 1]);

  function expectTransposed(
    shape: readonly number[],
    seed: number,
    norm: (x: Tensor, dy: Tensor, axis: number) => Result,
  ): void {
    const x = randomTensor(shape, seed, { mean: 5, std: 2 });
    const dy = randomTensor(shape, seed + 9);
    const expected = norm(x, dy, 1);
    const actual = norm(toLast(x), toLast(dy), -1);
    expectEqual(actual, { ...expected, y: toLast(expected.y), dx: toLast(expected.dx) });
  }

  it("BatchNorm in training and eval, InstanceNorm", () => {
    fc.assert(
      fc.property(imageShapes, seeds, eps, affines, (shape, seed, eps, given) => {
        const options = { eps, ...affineOf(given, [shape[1]], seed) };
        const running = {
          runningMean: randomTensor([shape[1]], seed + 3),
          runningVar: randomWeight([shape[1]], seed + 4),
        };
        expectTransposed(shape, seed, (x, dy, axis) => batchNorm(x, dy, { ...options, axis }));
        expectTransposed(shape, seed, (x, dy, axis) => instanceNorm(x, dy, { ...options, axis }));
        expectTransposed(shape, seed, (x, dy, axis) => {
          const full = { ...options, ...running, axis };
          return { y: F.batchNorm(x, full), ...F.batchNormBackward(x, dy, full) };
        });
      }),
      runs,
    );
  });

  it("GroupNorm", () => {
    fc.assert(
      fc.property(imageShapes, groupings, seeds, eps, affines, ([n, , h, w], grouping, seed, eps, given) => {
        const { groups: numGroups, channels } = grouping;
        const options = { numGroups, eps, ...affineOf(given, [channels], seed) };
        expectTransposed([n, channels, h, w], seed, (x, dy, axis) => groupNorm(x, dy, { ...options, axis }));
      }),
      runs,
    );
  });

  it("LocalResponseNorm, lpNormalize", () => {
    fc.assert(
      fc.property(imageShapes, fc.integer({ min: 1, max: 6 }), seeds, (shape, size, seed) => {
        const none = { dWeight: null, dBias: null };
        expectTransposed(shape, seed, (x, dy, axis) => {
          const options = { size, alpha: 0.4, axis };
          return {
            y: F.localResponseNorm(x, options),
            ...F.localResponseNormBackward(x, dy, options),
            ...none,
          };
        });
        expectTransposed(shape, seed, (x, dy, axis) => ({
          y: F.lpNormalize(x, { axis }),
          ...F.lpNormalizeBackward(x, dy, { axis }),
          ...none,
        }));
      }),
      runs,
    );
  });
});

describe("gradients of a centered norm", () => {
  it("sum to 0 over each statistic", () => {
    fc.assert(
      fc.property(imageShapes, seeds, eps, (shape, seed, eps) => {
        const x = randomTensor(shape, seed);
        const dy = randomTensor(shape, seed + 9);
        const weight = randomWeight(shape.slice(1), seed + 1);
        const { dx } = F.layerNormBackward(x, dy, { normalizedShape: shape.slice(1), eps, weight });
        const sums = F.moments(dx, { axes: [1, 2, 3] }).mean;
        expectClose(
          sums,
          mapped(sums, () => 0),
          tolerance,
        );
      }),
      runs,
    );
  });
});
