import { expect } from "vitest";
import { type Tensor, tensor } from "../../src/index.ts";

/** float64 results of the same formula, summed in another order. */
export const float64Tolerance = 1e-12;

/** A float64 tensor of flat values. */
export function f64(values: readonly number[], shape: readonly number[]): Tensor<"float64"> {
  return tensor(Float64Array.from(values), shape);
}

/** A float32 tensor of flat values. */
export function f32(values: readonly number[], shape: readonly number[]): Tensor<"float32"> {
  return tensor(Float32Array.from(values), shape);
}

/** Values in (-2, 2) that are the same everywhere and have no symmetry. */
export function wave(size: number, phase = 0): number[] {
  return Array.from({ length: size }, (_, i) => 2 * Math.sin(1.7 * i + 0.3 + phase) + 0.01 * i);
}

/** Elementwise |actual - expected| <= tolerance, with equal lengths. */
export function expectClose(
  actual: ArrayLike<number> | undefined | null,
  expected: ArrayLike<number>,
  tolerance: number = float64Tolerance,
): void {
  const got = Array.from(actual ?? []);
  expect(got).toHaveLength(expected.length);
  got.forEach((value, i) => {
    expect(Math.abs(value - expected[i]), `element ${i}: ${value}, not ${expected[i]}`).toBeLessThanOrEqual(
      tolerance,
    );
  });
}

/** The error that `call` throws: its class and its message. */
export function thrownBy(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
  return "nothing thrown";
}

/** A float64 input with its parameters and statistics, for vectors that were computed with PyTorch 1.13. */
export const vector: {
  readonly x: Tensor<"float64">;
  readonly dy: Tensor<"float64">;
  readonly weight: readonly number[];
  readonly bias: readonly number[];
  readonly runningMean: readonly number[];
  readonly runningVar: readonly number[];
} = {
  x: f64([1, 2, 4, 8, -3, 0.5], [1, 2, 3]),
  dy: f64([1, -2, 0.5, 3, 1, -1], [1, 2, 3]),
  weight: [1.5, -2],
  bias: [0.25, 3],
  runningMean: [0.5, -1],
  runningVar: [2, 4],
};
