import { describe, expect, it } from "vitest";
import { inverseOrder, transpose } from "../../src/functional/transpose.ts";
import { functional as F, tensor } from "../../src/index.ts";

const x = tensor(
  Float64Array.from({ length: 24 }, (_, i) => i * i),
  [2, 3, 4],
);

/** The elements of x for one index of the kept axes, by the definition of row-major order. */
function elements(axes: readonly number[], index: readonly number[]): number[] {
  const found: number[] = [];
  for (let i = 0; i < 2; i++)
    for (let j = 0; j < 3; j++)
      for (let k = 0; k < 4; k++) {
        const at = [i, j, k];
        if (at.every((value, axis) => axes.includes(axis) || value === index[axis])) {
          found.push(((i * 3 + j) * 4 + k) ** 2);
        }
      }
  return found;
}

const cases: readonly { readonly axes: number[]; readonly shape: readonly [number, number, number] }[] = [
  { axes: [0], shape: [1, 3, 4] },
  { axes: [1], shape: [2, 1, 4] },
  { axes: [2], shape: [2, 3, 1] },
  { axes: [0, 2], shape: [1, 3, 1] },
  { axes: [2, 0], shape: [1, 3, 1] },
  { axes: [1, 2], shape: [2, 1, 1] },
  { axes: [0, 1, 2], shape: [1, 1, 1] },
];

describe("moments", () => {
  it.each(cases)("over axes $axes", ({ axes, shape }) => {
    const { count, mean, variance } = F.moments(x, { axes });
    const unbiased = F.moments(x, { axes, ddof: 1 }).variance;
    expect(mean.shape).toEqual(shape);
    expect(variance.shape).toEqual(shape);
    let s = 0;
    for (let i = 0; i < shape[0]; i++)
      for (let j = 0; j < shape[1]; j++)
        for (let k = 0; k < shape[2]; k++) {
          const values = elements(axes, [i, j, k]);
          const average = values.reduce((a, b) => a + b) / values.length;
          const squares = values.reduce((a, b) => a + (b - average) ** 2, 0);
          expect(count).toBe(values.length);
          expect(mean.data[s]).toBeCloseTo(average, 10);
          expect(variance.data[s]).toBeCloseTo(squares / values.length, 8);
          expect(unbiased.data[s]).toBeCloseTo(squares / (values.length - 1), 8);
          s++;
        }
  });

  it("reduces every axis by default, and counts negative ones from the back", () => {
    expect(F.moments(x).mean.data).toEqual(F.moments(x, { axes: [0, 1, 2] }).mean.data);
    expect(F.moments(x, { axes: [-1] }).mean.data).toEqual(F.moments(x, { axes: [2] }).mean.data);
  });

  it("over no axis is x itself, with variance 0", () => {
    const { count, mean, variance } = F.moments(x, { axes: [] });
    expect(count).toBe(1);
    expect(mean).toEqual(x);
    expect([...variance.data]).toEqual(new Array(24).fill(0));
  });

  it("takes float32 and gives float64", () => {
    const { mean, variance } = F.moments(tensor([1, 2, 4]));
    expect([mean.dtype, variance.dtype]).toEqual(["float64", "float64"]);
    expect(mean.data[0]).toBeCloseTo(7 / 3, 15);
    expect(variance.data[0]).toBeCloseTo(14 / 9, 15);
  });
});

const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

describe("transpose", () => {
  it.each(orders)("by [%i, %i, %i] moves each element and comes back", (...order) => {
    const moved = transpose(x, order);
    expect(moved.shape).toEqual(order.map((axis) => x.shape[axis]));
    const at = [1, 2, 3];
    const [a, b, c] = order.map((axis) => at[axis]);
    expect(moved.data[(a * moved.shape[1] + b) * moved.shape[2] + c]).toBe(23 ** 2);
    const [d, e, f] = order.map((axis) => [1, 0, 2][axis]);
    expect(moved.data[(d * moved.shape[1] + e) * moved.shape[2] + f]).toBe(14 ** 2);
    expect(transpose(moved, inverseOrder(order))).toEqual(x);
  });

  it("is a copy, of any dtype and extent", () => {
    const half = tensor([1, 2, 3, 4], [2, 2], { dtype: "float16" });
    expect(transpose(half, [1, 0])).toEqual(tensor([1, 3, 2, 4], [2, 2], { dtype: "float16" }));
    expect(transpose(half, [0, 1]).data).not.toBe(half.data);
    expect(transpose(tensor(new Float32Array(0), [0, 3]), [1, 0]).shape).toEqual([3, 0]);
    expect(transpose(tensor(7), [])).toEqual(tensor(7));
  });
});
