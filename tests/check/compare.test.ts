import { describe, expect, test } from "vitest";
import { compare } from "../../src/check/index.ts";
import { ulpDistance } from "../../src/check/ulp.ts";
import { tensor } from "../../src/index.ts";

describe("compare", () => {
  test("says where the worst is, and the error of each channel and sample", () => {
    const expected = tensor(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      undefined,
      { dtype: "float64" },
    );
    const actual = tensor(
      [
        [1, 2, 3.5],
        [4, 4.75, 6],
      ],
      undefined,
      { dtype: "float64" },
    );
    const found = compare(actual, expected, { tolerance: 0.3 });
    expect(found).toMatchObject({ maxAbs: 0.5, beyond: 1, mismatched: 0, agrees: false });
    expect(found.maxRel).toBeCloseTo(0.5 / 3);
    expect(found.worst).toEqual({ position: [0, 2], actual: 3.5, expected: 3 });
    expect(Array.from(found.perChannel)).toEqual([0, 0.25, 0.5]);
    expect(Array.from(found.perSample)).toEqual([0.5, 0.25]);
    expect(found.rms).toBeCloseTo(Math.sqrt((0.25 + 0.0625) / 6));
    expect(found.message).toMatch(/^Disagrees: 1 of 6 elements are beyond 0.3\./);
  });

  test("differences of opposite sign do not cancel", () => {
    const found = compare([1, -1], [0, 0], { tolerance: 0.5 });
    expect(found).toMatchObject({ agrees: false, rms: 1, beyond: 2 });
  });

  test("without a tolerance a few roundings of the coarser dtype pass", () => {
    const x = tensor([1, 2, 3]);
    const near = tensor([1 + 2 ** -23, 2, 3]);
    expect(compare(near, x)).toMatchObject({ agrees: true, maxUlp: 1, dtype: "float32" });
    expect(compare([1.001, 2, 3], x).agrees).toBe(false);
    expect(compare([1 + 1e-12, 2, 3], [1, 2, 3]).agrees).toBe(false);
    const half = tensor([1, 2, 3], undefined, { dtype: "bfloat16" });
    expect(compare([1.01, 2, 3], half)).toMatchObject({ agrees: true, dtype: "bfloat16" });
  });

  test("NaN and infinity match themselves alone", () => {
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    expect(compare([nan, inf, 1], [nan, inf, 1]).agrees).toBe(true);
    const found = compare([nan, -inf, 1], [1, inf, nan], { tolerance: 1e9 });
    expect(found).toMatchObject({ mismatched: 3, beyond: 3, agrees: false, maxAbs: 0 });
    expect(found.mismatches.map(({ position }) => position)).toEqual([[0], [1], [2]]);
    expect(found.message).toContain("3 elements are NaN or infinite");
  });

  test("text, scalars, empty arrays, a relative tolerance and an axis", () => {
    expect(compare("[1.5 2.5]", "tensor([1.5, 2.5])").agrees).toBe(true);
    expect(compare(1, 1).agrees).toBe(true);
    expect(compare([], []).agrees).toBe(true);
    expect(compare([101], [100], { relative: 0.02 }).agrees).toBe(true);
    expect(Array.from(compare([[1], [2]], [[1], [3]], { axis: 0 }).perChannel)).toEqual([0, 1]);
  });

  test.each([
    [[1], [1, 2], {}, "expected two arrays of one shape, got (1,) and (2,)"],
    [[1], [1], { tolerance: -1 }, "expected tolerance to be 0 or more"],
    [[1], [1], { axis: 4 }, "expected an axis from 0 to 0"],
    [null, [1], {}, "expected actual to be an array, got null"],
  ])("%#", (a, b, options, message) => {
    expect(() => compare(a as never, b, options)).toThrow(message);
  });
});

describe("ulpDistance", () => {
  test("counts steps of each type, through 0", () => {
    expect(ulpDistance(1, 1 + 2 ** -23)).toBe(1);
    expect(ulpDistance(-(2 ** -149), 2 ** -149)).toBe(2);
    expect(ulpDistance(1, 1 + 2 ** -52, "float64")).toBe(1);
    expect(ulpDistance(-(2 ** -1074), 2 ** -1074, "float64")).toBe(2);
    expect(ulpDistance(1, 1 + 2 ** -10, "float16")).toBe(1);
    expect(ulpDistance(-1, -1 - 2 ** -7, "bfloat16")).toBe(1);
    expect(ulpDistance(Number.NaN, 1)).toBe(Number.POSITIVE_INFINITY);
    expect(ulpDistance(Number.NaN, Number.NaN)).toBe(0);
  });
});
