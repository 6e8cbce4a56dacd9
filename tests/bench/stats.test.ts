import { describe, expect, it } from "vitest";
import { median, medianRatio, medianTime, scaledError } from "../../bench/stats.ts";

describe("median", () => {
  it("takes the middle value, whatever the order", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  it("sorts as numbers and leaves its argument alone", () => {
    const values = [10, 9, 100];
    expect(median(values)).toBe(10);
    expect(values).toEqual([10, 9, 100]);
  });

  it("refuses no values", () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe("medianRatio", () => {
  it("is the median of the ratios within each round, not the ratio of the medians", () => {
    const peer = [20, 200, 30];
    const base = [10, 100, 10];
    expect(medianRatio(peer, base)).toBe(2);
    expect(medianTime(peer)! / medianTime(base)!).toBe(3);
  });

  it("does not see a slow phase that hits both", () => {
    expect(medianRatio([20, 2000, 20], [10, 1000, 10])).toBe(2);
  });

  it("uses only rounds in which both ran", () => {
    expect(medianRatio([null, 30, 40], [10, 10, null])).toBe(3);
    expect(medianRatio([30], [10, 99, 99])).toBe(3);
    expect(medianRatio([null, 30], [10, null])).toBeNull();
    expect(medianRatio([], [])).toBeNull();
  });
});

describe("medianTime", () => {
  it("skips the rounds that were sat out", () => {
    expect(medianTime([null, 3, 1, 2])).toBe(2);
    expect(medianTime([null])).toBeNull();
  });
});

describe("scaledError", () => {
  it("is relative to the largest expected magnitude", () => {
    expect(scaledError([1, -3.5], [1, -4])).toBe(0.125);
    expect(scaledError([0, 0], [0, 0])).toBe(0);
  });

  it("is infinite for another length, for NaN and for anything beside zeros", () => {
    expect(scaledError([1], [1, 2])).toBe(Number.POSITIVE_INFINITY);
    expect(scaledError([Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY);
    expect(scaledError([1e-9], [0])).toBe(Number.POSITIVE_INFINITY);
  });
});
