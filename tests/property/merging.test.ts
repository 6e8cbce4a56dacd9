import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reference } from "../../src/backends/reference/reference.ts";
import { type Moments, mergeMoments, tensor } from "../../src/index.ts";
import { varianceOf } from "../../src/plan/moments.ts";
import { planOf } from "../../src/plan/plan.ts";
import { randomTensor, relativeError, seeds } from "./arbitraries.ts";

/** A mean of 1e6 is rounded by 1e-10, once for each of up to 50 chunks, against a deviation of 1. */
const tolerance = 1e-8;

/** Moments of `rows` rows of `channels` columns, one statistic for each column. */
function momentsOfRows(data: Float64Array, channels: number): Moments {
  const pool = data.length / channels;
  const plan = planOf({ shape: [pool, channels], reduced: [0], affine: [1] });
  return reference.moments(plan, tensor(data, [pool, channels]));
}

function expectSame(actual: Moments, expected: Moments): void {
  expect(actual.count).toBe(expected.count);
  expect(relativeError(actual.mean, expected.mean)).toBeLessThanOrEqual(tolerance);
  expect(relativeError(actual.m2, expected.m2, 1)).toBeLessThanOrEqual(tolerance);
}

const chunkings = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 });
const means = fc.constantFrom(0, 1, 1e3, 1e6);

describe("mergeMoments", () => {
  it("of any chunks, in any order, with empty ones too, gives the moments of the whole", () => {
    fc.assert(
      fc.property(
        chunkings,
        fc.integer({ min: 1, max: 3 }),
        means,
        seeds,
        (lengths, channels, mean, seed) => {
          const rows = lengths.reduce((total, length) => total + length, 0);
          fc.pre(rows > 0);
          const { data } = randomTensor([rows, channels], seed, { mean });
          let row = 0;
          const chunks = lengths.map((length) => {
            const chunk = data.slice(row * channels, (row + length) * channels);
            row += length;
            return momentsOfRows(chunk, channels);
          });
          const whole = momentsOfRows(data, channels);
          expectSame(chunks.reduce(mergeMoments), whole);
          expectSame(chunks.reduceRight(mergeMoments), whole);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("of single values is Welford's algorithm", () => {
    const { data } = randomTensor([50], 5, { mean: 1e6 });
    const single = (value: number): Moments => ({
      count: 1,
      mean: Float64Array.of(value),
      m2: Float64Array.of(0),
    });
    expectSame(Array.from(data, single).reduce(mergeMoments), momentsOfRows(data, 1));
  });

  it("leaves its arguments as they were", () => {
    const a = momentsOfRows(Float64Array.of(1, 2, 3), 1);
    const b = momentsOfRows(Float64Array.of(11, 13), 1);
    expect(mergeMoments(a, b)).toEqual({ count: 5, mean: Float64Array.of(6), m2: Float64Array.of(124) });
    expect(a).toEqual({ count: 3, mean: Float64Array.of(2), m2: Float64Array.of(2) });
    expect(b).toEqual({ count: 2, mean: Float64Array.of(12), m2: Float64Array.of(2) });
  });

  it("refuses different numbers of statistics", () => {
    const a = momentsOfRows(Float64Array.of(1, 2), 1);
    const b = momentsOfRows(Float64Array.of(1, 2), 2);
    expect(() => mergeMoments(a, b)).toThrow(
      new RangeError("mergeMoments: expected the same number of statistics, got 1 and 2"),
    );
  });
});

describe("varianceOf", () => {
  it("divides by n - ddof", () => {
    const moments = momentsOfRows(Float64Array.of(1, 2, 3, 4), 1);
    expect(varianceOf(moments, 0)[0]).toBe(1.25);
    expect(varianceOf(moments, 1)[0]).toBeCloseTo(5 / 3, 15);
  });

  it("of one value is 0 biased and NaN unbiased", () => {
    const moments = momentsOfRows(Float64Array.of(3), 1);
    expect(varianceOf(moments, 0)[0]).toBe(0);
    expect(varianceOf(moments, 1)[0]).toBeNaN();
  });
});
