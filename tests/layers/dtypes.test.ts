import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  BatchNorm1d,
  empty,
  type FloatType,
  LayerNorm,
  setBackend,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import { toFloat64 } from "../../src/tensor/cast.ts";
import { expectClose, f64 } from "./support.ts";

// Results that are rounded once are the reference's.
beforeAll(() => setBackend("reference"));
afterAll(() => setBackend("wasm"));

/** Relative rounding to nearest of each dtype. */
const rounding = { float64: 2 ** -53, float32: 2 ** -24, float16: 2 ** -11, bfloat16: 2 ** -8 } as const;
const dtypes = Object.keys(rounding) as FloatType[];

// LayerNorm of (1, 2, 3, 5): mean 2.75, variance 2.1875.
const input = [1, 2, 3, 5];
const std = Math.sqrt(2.1875 + 1e-5);
const xhat = input.map((value) => (value - 2.75) / std);
const dy = [1, -1, 0.5, 2];

function expectRounded(actual: ArrayLike<number>, expected: readonly number[], dtype: FloatType): void {
  const largest = Math.max(...expected.map(Math.abs));
  expectClose(actual, expected, 1.01 * rounding[dtype] * largest + 1e-15);
}

describe.each(dtypes)("%s", (dtype) => {
  const x = tensor(input, [1, 4], { dtype });

  test("parameters and results have the dtype, and are rounded once", () => {
    const ln = new LayerNorm(4, { dtype });
    expect([ln.weight?.dtype, ln.bias?.dtype, ln.weight?.data.BYTES_PER_ELEMENT]).toEqual([
      dtype,
      dtype,
      empty([1], { dtype }).data.BYTES_PER_ELEMENT,
    ]);
    expect(Array.from(toFloat64(ln.weight?.data ?? new Float64Array(), dtype))).toEqual([1, 1, 1, 1]);
    const y = ln.forward(x);
    expect([y.dtype, y.shape]).toEqual([dtype, [1, 4]]);
    expectRounded(toFloat64(y.data, dtype), xhat, dtype);
  });

  test("gradients of the input and of the parameters", () => {
    const ln = new LayerNorm(4, { dtype });
    ln.forward(x);
    const dx = ln.backward(tensor(dy, [1, 4], { dtype }));
    const mean = dy.reduce((a, b) => a + b) / 4;
    const meanXhat = dy.reduce((sum, value, i) => sum + value * xhat[i], 0) / 4;
    expect(dx.dtype).toBe(dtype);
    expectRounded(
      toFloat64(dx.data, dtype),
      dy.map((value, i) => (value - mean - xhat[i] * meanXhat) / std),
      dtype,
    );
    const gradOf = (which: "weight" | "bias") => toFloat64(ln[which]?.grad ?? new Float64Array(), dtype);
    expectRounded(
      gradOf("weight"),
      dy.map((value, i) => value * xhat[i]),
      dtype,
    );
    expectRounded(gradOf("bias"), dy, dtype);
  });

  test("parameter gradients add up", () => {
    const ln = new LayerNorm(4, { dtype });
    ln.forward(x);
    for (let i = 0; i < 3; i++) ln.backward(tensor(dy, [1, 4], { dtype }));
    const grad = toFloat64(ln.bias?.grad ?? new Float64Array(), dtype);
    expectRounded(
      grad,
      dy.map((value) => 3 * value),
      dtype,
    );
  });

  test("running statistics are held in the dtype", () => {
    const bn = new BatchNorm1d(1, { dtype, momentum: 0.5 });
    bn.forward(tensor([1, 2, 3, 6], [4, 1], { dtype }));
    const numbersOf = (statistic: Tensor | null) => toFloat64(statistic?.data ?? new Float64Array(), dtype);
    expect(bn.runningMean?.dtype).toBe(dtype);
    expectRounded(numbersOf(bn.runningMean), [1.5], dtype);
    expectRounded(numbersOf(bn.runningVar), [0.5 + 0.5 * (14 / 3)], dtype);
    expect(bn.numBatchesTracked).toBe(1);
  });
});

test("the input's dtype is the result's, whatever the parameters'", () => {
  const ln = new LayerNorm(4, { dtype: "float64" });
  const y = ln.forward(tensor(input, [1, 4]));
  expect(y.dtype).toBe("float32");
  expect(ln.backward(f64(dy, [1, 4])).dtype).toBe("float32");
  expect(ln.weight?.grad).toBeInstanceOf(Float64Array);
});

test("a large mean costs no digits: 40000..40003 in float32", () => {
  const y = new LayerNorm(4, { eps: 0 }).forward(tensor([40000, 40001, 40002, 40003], [1, 4]));
  expectClose(
    y.data,
    [-1.5, -0.5, 0.5, 1.5].map((value) => value / Math.sqrt(1.25)),
    1e-7,
  );
});

test("a constant row gives the bias exactly", () => {
  const ln = new LayerNorm(3);
  ln.bias?.data.set([1, 2, 3]);
  expect(Array.from(ln.forward(tensor([0.1, 0.1, 0.1], [1, 3])).data)).toEqual([1, 2, 3]);
});
