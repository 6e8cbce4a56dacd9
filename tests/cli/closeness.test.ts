import { describe, expect, test } from "vitest";
import { closenessOf, largestMagnitude } from "../../src/cli/closeness.ts";

describe("closenessOf", () => {
  test("equal arrays are 0 apart, empty ones too", () => {
    expect(closenessOf([1, -2, 0], [1, -2, 0])).toEqual({ abs: 0, ulp: 0 });
    expect(closenessOf([], [])).toEqual({ abs: 0, ulp: 0 });
  });

  test("the largest difference counts, in float32 ULP of the largest |b|", () => {
    // The gap between float32 numbers from 4 to 8 is 2^-21.
    expect(closenessOf([4, 1 + 2 ** -20], [4, 1])).toEqual({ abs: 2 ** -20, ulp: 2 });
    expect(closenessOf([7.5, 1 - 2 ** -22], [7.5, 1])).toEqual({ abs: 2 ** -22, ulp: 0.5 });
    expect(closenessOf([-1 - 2 ** -23], [-1])).toEqual({ abs: 2 ** -23, ulp: 1 });
  });

  test("the scale may be given", () => {
    expect(closenessOf([2 ** -20], [0], 1)).toEqual({ abs: 2 ** -20, ulp: 8 });
  });

  test("at scale 0 the unit is the smallest subnormal", () => {
    expect(closenessOf([2 ** -149], [0])).toEqual({ abs: 2 ** -149, ulp: 1 });
  });

  test.each([
    [[Number.NaN], [1]],
    [[1], [Number.NaN]],
    [
      [1, Number.NaN, 3],
      [1, 2, 3],
    ],
    [[], [1]],
    [[Number.POSITIVE_INFINITY], [1]],
  ])("%j and %j are infinitely far apart", (a, b) => {
    expect(closenessOf(a, b, 1)).toEqual({ abs: Number.POSITIVE_INFINITY, ulp: Number.POSITIVE_INFINITY });
    expect(closenessOf(a, b).abs).toBe(Number.POSITIVE_INFINITY);
  });
});

test("largestMagnitude", () => {
  expect(largestMagnitude([])).toBe(0);
  expect(largestMagnitude([1, -3, 2])).toBe(3);
  expect(largestMagnitude(Float32Array.of(-0.5))).toBe(0.5);
});
