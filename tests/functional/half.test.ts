import { describe, expect, it } from "vitest";
import { BatchNorm1d, functional as F, Tensor, tensor } from "../../src/index.ts";
import { castArray } from "../../src/tensor/cast.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../../src/tensor/half.ts";

const patterns = Array.from({ length: 0x10000 }, (_, bits) => bits);

const formats = [
  { name: "float16", toNumber: halfToNumber, fromNumber: numberToHalf, exponent: 0x7c00, nan: 0x7e00 },
  { name: "bfloat16", toNumber: bfloatToNumber, fromNumber: numberToBfloat, exponent: 0x7f80, nan: 0x7fc0 },
] as const;

describe.each(formats)("$name", ({ name, toNumber, fromNumber, exponent, nan }) => {
  it("comes back from a number for all 65536 patterns", () => {
    const wrong = patterns.filter((bits) => {
      const isNaNPattern = (bits & 0x7fff) > exponent;
      const value = toNumber(bits);
      if (isNaNPattern) return !Number.isNaN(value) || (fromNumber(value) & 0x7fff) !== nan;
      return fromNumber(value) !== bits;
    });
    expect(wrong).toEqual([]);
  });

  it("rounds the middle of two neighbours to the even one, and either side of it to the nearer", () => {
    const wrong = patterns.filter((bits) => {
      const up = bits + 1;
      if ((up & 0x7fff) >= exponent || (bits & 0x7fff) === 0x7fff) return false;
      const middle = (toNumber(bits) + toNumber(up)) / 2;
      // Exact in float32, as are its neighbours at a hundredth of the gap's width or less.
      const gap = Math.abs(toNumber(up) - toNumber(bits)) / 64;
      const outwards = bits & 0x8000 ? -gap : gap;
      const even = bits % 2 === 0 ? bits : up;
      const sides = Math.fround(middle + gap) === middle ? [] : [middle + outwards, middle - outwards];
      return (
        fromNumber(middle) !== even ||
        (sides.length > 0 && (fromNumber(sides[0]) !== up || fromNumber(sides[1]) !== bits))
      );
    });
    expect(wrong).toEqual([]);
  });

  it("is kept by tensor() from numbers, and by castArray there and back", () => {
    const values = Float64Array.of(0, -0, 1, -2.5, 0.09375, Number.POSITIVE_INFINITY);
    const bits = castArray(values, "float64", name);
    expect(bits).toBeInstanceOf(Uint16Array);
    expect(castArray(bits, name, "float64")).toEqual(values);
    expect(tensor([...values], [6], { dtype: name })).toEqual(new Tensor(name, [6], bits));
  });
});

const known: readonly (readonly [number, number, number])[] = [
  [1, 0x3c00, 0x3f80],
  [-2, 0xc000, 0xc000],
  [65504, 0x7bff, 0x4780],
  // Half way from the largest float16 to the next power of two.
  [65519.99, 0x7bff, 0x4780],
  [65520, 0x7c00, 0x4780],
  [-65520, 0xfc00, 0xc780],
  [2 ** -24, 0x0001, 0x3380],
  // Half the smallest float16: a tie, to the even 0.
  [2 ** -25, 0x0000, 0x3300],
  [2 ** -25 * 1.01, 0x0001, 0x3301],
  [3 * 2 ** -25, 0x0002, 0x33c0],
  [1 + 2 ** -11, 0x3c00, 0x3f80],
  [1 + 3 * 2 ** -11, 0x3c02, 0x3f80],
  [1 + 2 ** -8, 0x3c04, 0x3f80],
  [1 + 3 * 2 ** -8, 0x3c0c, 0x3f82],
  [1e39, 0x7c00, 0x7f80],
  [3.4e38, 0x7c00, 0x7f80],
  [1e-46, 0x0000, 0x0000],
];

describe("bits of known numbers", () => {
  it.each(known)("%d is %i in float16, %i in bfloat16", (value, half, bfloat) => {
    expect([numberToHalf(value), numberToBfloat(value)]).toEqual([half, bfloat]);
  });
});

describe.each(["float16", "bfloat16"] as const)("norms of %s", (dtype) => {
  const toNumbers = (x: Tensor | null): number[] =>
    x === null ? [] : [...castArray(x.data, x.dtype, "float64")];
  const rounded = (values: ArrayLike<number>): number[] =>
    toNumbers(tensor(Float64Array.from(values), undefined, { dtype }));

  const x = tensor([1, 2, 3, 4, 5, 7, 9, 12], [4, 2], { dtype });
  const dy = tensor([1, -1, 0.5, 2, -0.25, 0.75, 1.5, 0.125], [4, 2], { dtype });
  const weight = tensor([1.5, 0.5], [2], { dtype });
  const bias = tensor([0.25, -1], [2], { dtype });
  const wide = (value: Tensor): Tensor => tensor(Float64Array.from(toNumbers(value)), value.shape);

  it("are the float64 results rounded once, gradients too", () => {
    const options = { training: true, weight, bias };
    const wideOptions = { training: true, weight: wide(weight), bias: wide(bias) };
    const y = F.batchNorm(x, options);
    expect([y.dtype, y.shape]).toEqual([dtype, [4, 2]]);
    expect(toNumbers(y)).toEqual(rounded(toNumbers(F.batchNorm(wide(x), wideOptions))));
    const actual = F.batchNormBackward(x, dy, options);
    const expected = F.batchNormBackward(wide(x), wide(dy), wideOptions);
    for (const key of ["dx", "dWeight", "dBias"] as const) {
      expect(actual[key]?.dtype).toBe(dtype);
      expect(toNumbers(actual[key])).toEqual(rounded(toNumbers(expected[key])));
    }
  });

  it("keep running statistics in that dtype", () => {
    const runningMean = tensor([0.5, 1], [2], { dtype });
    const runningVar = tensor([1, 2], [2], { dtype });
    F.batchNorm(x, { training: true, runningMean, runningVar, momentum: 0.5 });
    expect(toNumbers(runningMean)).toEqual(rounded([0.25 + 0.5 * 4.5, 0.5 + 0.5 * 6.25]));
    // Unbiased variances: 35 / 3 and 56.75 / 3.
    expect(toNumbers(runningVar)).toEqual(rounded([0.5 + 0.5 * (35 / 3), 1 + 0.5 * (56.75 / 3)]));
  });

  it("add up in a layer's gradients", () => {
    const layer = new BatchNorm1d(2, { dtype });
    const wideLayer = new BatchNorm1d(2, { dtype: "float64" });
    for (let step = 0; step < 2; step++) {
      layer.forward(x);
      layer.backward(dy);
      wideLayer.forward(wide(x));
      wideLayer.backward(wide(dy));
    }
    // Two backward passes double each gradient, which rounds as the single one does.
    expect(toNumbers(new Tensor(dtype, [2], layer.weight?.grad as Uint16Array))).toEqual(
      rounded(wideLayer.weight?.grad as Float64Array),
    );
    expect(toNumbers(new Tensor(dtype, [2], layer.bias?.grad as Uint16Array))).toEqual(
      rounded(wideLayer.bias?.grad as Float64Array),
    );
  });
});
