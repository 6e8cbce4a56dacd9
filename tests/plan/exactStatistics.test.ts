import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type StatisticsState, statisticsAccumulator } from "../../src/checkpoints/index.ts";
import { nearestRatio } from "../../src/plan/exactRatio.ts";
import { exactMoments } from "../property/exact.ts";
import { normals } from "../random.ts";

type Data = Float32Array | Float64Array;

/** Values of one channel of `[samples, pool, channel, inner]`. */
function valuesOf(data: Data, channels: number, inner: number, channel: number): number[] {
  return Array.from(data).filter((_, i) => Math.floor(i / inner) % channels === channel);
}

/** Channels of very different scales, as activations have. */
function activations(
  samples: number,
  channels: number,
  inner: number,
  Kind: typeof Float32Array,
): Float32Array;
function activations(
  samples: number,
  channels: number,
  inner: number,
  Kind: typeof Float64Array,
): Float64Array;
function activations(
  samples: number,
  channels: number,
  inner: number,
  Kind: typeof Float32Array | typeof Float64Array,
): Data {
  const drawn = normals(samples * channels * inner, 5);
  return new Kind(
    drawn.map((value, i) => {
      const channel = Math.floor(i / inner) % channels;
      return (value + 100 * channel) * 4 ** (channel - 2);
    }),
  );
}

describe.each([
  ["float32", activations(12, 5, 7, Float32Array)],
  ["float64", activations(12, 5, 7, Float64Array)],
] as const)("%s", (_, data) => {
  test("mean and variance are the exact ones, rounded once", () => {
    const seen = statisticsAccumulator("batch", 5);
    seen.add(data, 12, 1, 7);
    const { mean, variance, count } = seen.statistics(0);
    expect(count).toBe(84);
    for (let c = 0; c < 5; c++) {
      const exact = exactMoments(valuesOf(data, 5, 7, c));
      expect([mean[c], variance[c]]).toEqual([exact.mean, exact.variance]);
    }
  });

  test("parts in any order, merged in any way, give the same state", () => {
    const whole = statisticsAccumulator("batch", 5);
    whole.add(data, 12, 1, 7);
    const parts = [
      [7, 12],
      [0, 3],
      [3, 7],
    ].map(([begin, end]) => {
      const part = statisticsAccumulator("batch", 5);
      part.add(data.subarray(begin * 35, end * 35), end - begin, 1, 7);
      return part.state();
    });
    const merged = statisticsAccumulator("batch", 5);
    for (const part of parts) merged.merge(JSON.parse(JSON.stringify(part)) as StatisticsState);
    expect(merged.state()).toEqual(whole.state());
  });

  test("instances: the means over the samples of their own means and variances", () => {
    const seen = statisticsAccumulator("instance", 5);
    seen.add(data, 12, 1, 7);
    const { mean, variance } = seen.statistics(1);
    for (let c = 0; c < 5; c++) {
      const samples = Array.from({ length: 12 }, (_, n) =>
        exactMoments(valuesOf(data.subarray(n * 35, (n + 1) * 35), 5, 7, c)),
      );
      const average = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / 12;
      const unbiased = average(samples.map((sample) => (sample.variance * 7) / 6));
      expect(Math.abs(mean[c] - average(samples.map((sample) => sample.mean)))).toBeLessThan(
        1e-13 * 4 ** (c + 2),
      );
      expect(Math.abs(variance[c] / unbiased - 1)).toBeLessThan(1e-14);
    }
  });
});

test("instances of several sizes count alike, in whatever order", () => {
  const [long, short] = [Float32Array.of(1, 2, 3, 6), Float32Array.of(10, 12)];
  const forward = statisticsAccumulator("instance", 1);
  forward.add(long, 1, 1, 4);
  forward.add(short, 1, 1, 2);
  const backward = statisticsAccumulator("instance", 1);
  backward.add(short, 1, 2, 1);
  backward.add(long, 1, 4, 1);
  const { mean, variance, count } = forward.statistics(0);
  expect([mean[0], variance[0], count]).toEqual([7, (3.5 + 1) / 2, 6]);
  expect(backward.statistics(0)).toEqual({ mean, variance, count });
});

test("extremes of float32 and float64 are exact", () => {
  for (const values of [
    Float32Array.of(3.4028235e38, -3.4028235e38, 1e-45, -1e-45, 0, -0, 1.1754944e-38),
    Float64Array.of(1e-160, 3e-160, -1e-160, 5e-324, -5e-324),
    Float64Array.of(2 ** 500, 2 ** 500, -(2 ** 499), 1),
  ]) {
    const seen = statisticsAccumulator("batch", 1);
    seen.add(values, 1, 1, values.length);
    const { mean, variance } = seen.statistics(0);
    const n = BigInt(values.length);
    const fixed = Array.from(values, (value) => toFixed(value));
    const sum = fixed.reduce((total, value) => total + value, 0n);
    const squares = fixed.reduce((total, value) => total + value * value, 0n);
    expect(mean[0]).toBe(nearestRatio(sum, n, -1074));
    expect(variance[0]).toBe(nearestRatio(n * squares - sum * sum, n * n, -2148));
  }
});

/** A float64 in units of 2^-1074, by repeated doubling. */
function toFixed(value: number): bigint {
  let scaled = value;
  let shift = 1074;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    shift--;
  }
  return BigInt(scaled) << BigInt(shift);
}

test("property: any float64 values, any split, the same bits as all at once", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 2, maxLength: 30 }),
      fc.nat(29),
      (values, cut) => {
        const at = Math.min(cut, values.length);
        const whole = statisticsAccumulator("batch", 1);
        whole.add(Float64Array.from(values), 1, 1, values.length);
        const parts = statisticsAccumulator("batch", 1);
        parts.add(Float64Array.from(values.slice(at)), 1, values.length - at, 1);
        parts.add(Float64Array.from(values.slice(0, at)), at, 1, 1);
        expect(parts.state()).toEqual(whole.state());
        const fixed = values.map(toFixed);
        expect(whole.statistics(1).mean[0]).toBe(
          nearestRatio(
            fixed.reduce((total, value) => total + value, 0n),
            BigInt(values.length),
            -1074,
          ),
        );
      },
    ),
  );
});

test("NaN and Infinity poison their channel alone, through a state too", () => {
  for (const data of [
    Float32Array.of(1, Number.NaN, 3, 4, 5, 6, 7, 8),
    Float64Array.of(1, Number.POSITIVE_INFINITY, 3, 4, 5, 6, 7, 8),
  ]) {
    const seen = statisticsAccumulator("batch", 2);
    seen.add(data, 2, 1, 2);
    const resumed = statisticsAccumulator("batch", 2);
    resumed.merge(seen.state());
    resumed.add(
      data.map(() => 1),
      2,
      1,
      2,
    );
    const { mean, variance } = resumed.statistics(1);
    expect([mean[0], variance[0]]).toEqual([Number.NaN, Number.NaN]);
    expect(mean[1]).toBe((3 + 4 + 7 + 8 + 4) / 8);
  }
});

describe("refusals", () => {
  const state = (): StatisticsState => {
    const seen = statisticsAccumulator("batch", 1);
    seen.add(Float32Array.of(1, 2), 1, 1, 2);
    return seen.state();
  };
  const instances = (): StatisticsState => {
    const seen = statisticsAccumulator("instance", 1);
    seen.add(Float32Array.of(1, 2), 1, 1, 2);
    return seen.state();
  };

  test("data of another size, no values, too few values", () => {
    const seen = statisticsAccumulator("batch", 2);
    expect(() => seen.add(new Float32Array(5), 1, 1, 3)).toThrow(/expected 1 \* 1 \* 2 \* 3 elements, got 5/);
    expect(() => seen.statistics(1)).toThrow(/expected values, got none/);
    seen.add(new Float32Array(2), 1, 1, 1);
    expect(() => seen.statistics(1)).toThrow(/more than 1 value behind each variance, got 1/);
    expect(seen.statistics(0).variance[0]).toBe(0);
  });

  test.each<[string, (good: StatisticsState) => unknown, RegExp]>([
    ["no state", () => null, /expected the state of batch statistics of 1 channels/],
    ["another kind", instances, /got instance statistics/],
    ["other channels", (good) => ({ ...good, channels: 2 }), /got batch statistics of 2/],
    ["no sets", (good) => ({ ...good, sets: 3 }), /with sets and poisoned/],
    ["a channel that is none", (good) => ({ ...good, poisoned: [1] }), /channels below 1/],
    [
      "a wrong number of sums",
      (good) => ({ ...good, sets: [{ ...good.sets[0], sum: [] }] }),
      /counts and 1 sums/,
    ],
    [
      "a count that is none",
      (good) => ({ ...good, sets: [{ ...good.sets[0], count: -1 }] }),
      /counts and 1 sums/,
    ],
    [
      "a size for pooled values",
      (good) => ({ ...good, sets: [{ ...good.sets[0], perSample: 3 }] }),
      /counts/,
    ],
    ["a set twice", (good) => ({ ...good, sets: [good.sets[0], good.sets[0]] }), /counts/],
    [
      "a sum that is no integer",
      (good) => ({ ...good, sets: [{ ...good.sets[0], sum: ["x"] }] }),
      /such as "1f:231"/,
    ],
    [
      "a sum beyond all memory",
      (good) => ({ ...good, sets: [{ ...good.sets[0], sum: ["1:9999"] }] }),
      /1f:231/,
    ],
  ])("%s", (_, spoil, message) => {
    const seen = statisticsAccumulator("batch", 1);
    seen.merge(state());
    const before = seen.state();
    expect(() => seen.merge(spoil(state()) as StatisticsState)).toThrow(message);
    expect(seen.state()).toEqual(before);
  });
});

test("nearestRatio rounds once, to even", () => {
  expect(nearestRatio(1n, 3n, 0)).toBe(1 / 3);
  expect(nearestRatio(-2n, 3n, 4)).toBe(-32 / 3);
  expect(nearestRatio(0n, 3n, 0)).toBe(0);
  expect(nearestRatio(2n ** 53n + 1n, 1n, 0)).toBe(2 ** 53);
  expect(nearestRatio((2n ** 53n + 1n) * 2n ** 200n + 1n, 2n ** 200n, 0)).toBe(2 ** 53 + 2);
  expect(nearestRatio(1n << 1100n, 1n << 100n, 0)).toBe(2 ** 1000);
  expect(nearestRatio(1n, 1n, -1074)).toBe(5e-324);
  expect(nearestRatio(1n, 1n, 2000)).toBe(Number.POSITIVE_INFINITY);
});
