import fc from "fast-check";
import { expect } from "vitest";
import { type FloatType, Tensor, tensor } from "../../src/index.ts";
import { normals } from "../random.ts";

export { normals };

/** Normally distributed values; of the same seed always the same. */
export function randomTensor<D extends FloatType = "float64">(
  shape: readonly number[],
  seed: number,
  options: { readonly mean?: number; readonly std?: number; readonly dtype?: D } = {},
): Tensor<D> {
  const { mean = 0, std = 1, dtype = "float64" as D } = options;
  const size = shape.reduce((product, extent) => product * extent, 1);
  const values = normals(size, seed).map((value) => mean + std * value);
  return tensor(values, shape, { dtype });
}

/** Weights away from 0 and from 1, so that a weight left out or applied twice shows. */
export function randomWeight(shape: readonly number[], seed: number): Tensor<"float64"> {
  return mapped(randomTensor(shape, seed), (value) => 1.5 + 0.4 * Math.tanh(value));
}

export function mapped(x: Tensor<"float64">, change: (value: number) => number): Tensor<"float64"> {
  return new Tensor("float64", x.shape, x.data.map(change));
}

export const seeds: fc.Arbitrary<number> = fc.integer({ min: 0, max: 2 ** 31 });

const extent: fc.Arbitrary<number> = fc.integer({ min: 1, max: 4 });

/** Shapes (N, C, H, W) with more than one value for each channel of a sample. */
export const imageShapes: fc.Arbitrary<[number, number, number, number]> = fc.tuple(
  extent,
  extent,
  fc.integer({ min: 2, max: 4 }),
  extent,
);

/** Groups and channels in a group. */
export const groupings: fc.Arbitrary<{ groups: number; channels: number }> = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))
  .map(([groups, perGroup]) => ({ groups, channels: groups * perGroup }));

/** Values of eps that a framework has as a default, and one that dominates. */
export const epsilons: fc.Arbitrary<number> = fc.constantFrom(1e-12, 1e-5, 1e-3, 0.5);

/** Weight and bias each given or absent. */
export const affines: fc.Arbitrary<{ weight: boolean; bias: boolean }> = fc.record({
  weight: fc.boolean(),
  bias: fc.boolean(),
});

/** Largest difference as a part of the largest expected magnitude (or of `least`, where that is more). */
export function relativeError(
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number | bigint>,
  least = 0,
): number {
  let largest = least;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(Number(expected[i])));
    const gap = Math.abs(Number(actual[i]) - Number(expected[i]));
    difference = Number.isNaN(gap) ? Number.POSITIVE_INFINITY : Math.max(difference, gap);
  }
  return difference === 0 ? 0 : difference / largest;
}

/** Checks shape and values; two nulls are equal. */
export function expectClose(actual: Tensor | null, expected: Tensor | null, tolerance: number): void {
  if (expected === null || actual === null) {
    expect(actual).toBe(expected);
    return;
  }
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.data.length).toBe(expected.data.length);
  expect(relativeError(actual.data, expected.data, 1)).toBeLessThanOrEqual(tolerance);
}
