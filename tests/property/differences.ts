import { expect } from "vitest";
import type { Tensor } from "../../src/index.ts";
import { relativeError } from "./arbitraries.ts";

/**
 * Largest error of a gradient, as a part of its largest magnitude. A five-point stencil of step 1e-3 in float64
 * leaves about 1e-12 of truncation and 1e-13 of rounding; a wrong term is off by parts of 1.
 */
export const gradientTolerance = 1e-6;

const step = 1e-3;

/** Gradient of `loss` over `values` by differences; `values` are written and restored. */
export function numericalGradient(values: Float64Array, loss: () => number): Float64Array {
  return values.map((value, i) => {
    const at = (offset: number): number => {
      values[i] = value + offset * step;
      return loss();
    };
    const slope = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step);
    values[i] = value;
    return slope;
  });
}

/** sum(y * dy), whose gradient of y is dy. */
export function project(y: Tensor, dy: Tensor): number {
  let total = 0;
  for (let i = 0; i < y.data.length; i++) total += y.data[i] * dy.data[i];
  return total;
}

/** Checks a gradient against differences of the loss; `parameter` is what the loss depends on. */
export function expectGradient(
  actual: Tensor["data"] | null | undefined,
  parameter: { readonly data: Tensor["data"] },
  loss: () => number,
): void {
  expect(actual).toBeInstanceOf(Float64Array);
  const expected = numericalGradient(parameter.data as Float64Array, loss);
  expect(actual?.length).toBe(expected.length);
  expect(expected.some((slope) => Math.abs(slope) > 1e-3)).toBe(true);
  expect(relativeError(actual as Float64Array, expected)).toBeLessThanOrEqual(gradientTolerance);
}
