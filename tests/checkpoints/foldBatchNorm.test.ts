import { describe, expect, test } from "vitest";
import { type FoldableNorm, foldBatchNorm } from "../../src/checkpoints/index.ts";
import { BatchNorm2d, type DType, Tensor, tensor } from "../../src/index.ts";
import { toFloat64 } from "../../src/tensor/cast.ts";
import { expectClose } from "../layers/support.ts";
import { plainConv, plainConvTranspose, plainLinear } from "../plainNetwork.ts";
import { normals } from "../random.ts";

function drawn(shape: readonly number[], seed: number, dtype: DType = "float64"): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return tensor(normals(size, seed), shape, { dtype }) as Tensor;
}

function normOf(channels: number): FoldableNorm {
  const runningVar = tensor(
    Float64Array.from({ length: channels }, (_, c) => 0.5 + c),
    [channels],
  );
  const parameter = (seed: number): Tensor => drawn([channels], seed);
  return { weight: parameter(1), bias: parameter(2), runningMean: parameter(3), runningVar, eps: 1e-3 };
}

/** A batch norm in eval mode, by its definition. */
function applyNorm(x: Tensor<"float64">, norm: FoldableNorm): Float64Array {
  const inner = x.shape.slice(2).reduce((size, extent) => size * extent, 1);
  const at = (value: unknown, c: number): number => (value as Tensor).data[c] as number;
  return x.data.map((value, i) => {
    const c = Math.floor(i / inner) % x.shape[1];
    const xhat = (value - at(norm.runningMean, c)) / Math.sqrt(at(norm.runningVar, c) + norm.eps);
    return xhat * at(norm.weight, c) + at(norm.bias, c);
  });
}

/** One rounding per operation of a few products. */
const tolerance = 1e-12;

describe.each([1, 2, 3])("%id", (dimensions) => {
  const field = [5, 4, 4].slice(0, dimensions);
  const kernel = [3, 2, 2].slice(0, dimensions);
  const x = drawn([2, 4, ...field], 7);

  test.each([1, 2, 4])("convolution of %i groups", (groups) => {
    const weight = drawn([8, 4 / groups, ...kernel], 8);
    const bias = drawn([8], 9);
    const folded = foldBatchNorm(weight, bias, normOf(8), { kind: "conv", groups });
    const expected = applyNorm(plainConv(x, weight, bias, { groups, padding: 1 }), normOf(8));
    expectClose(plainConv(x, folded.weight, folded.bias, { groups, padding: 1 }).data, expected, tolerance);
  });

  test.each([1, 2, 4])("transposed convolution of %i groups, without a bias", (groups) => {
    const weight = drawn([4, 8 / groups, ...kernel], 8);
    const folded = foldBatchNorm(weight, null, normOf(8), { kind: "convTranspose", groups });
    const options = { groups, stride: 2, padding: 1, outputPadding: 1 };
    const expected = applyNorm(plainConvTranspose(x, weight, null, options), normOf(8));
    expectClose(plainConvTranspose(x, folded.weight, folded.bias, options).data, expected, tolerance);
  });
});

test("linear, from a layer without weight and bias", () => {
  const x = drawn([3, 6], 1);
  const weight = drawn([4, 6], 2);
  const norm = { ...normOf(4), weight: null, bias: null };
  const { weight: w, bias } = foldBatchNorm(weight, undefined, norm, { kind: "linear" });
  const ones = tensor([1, 1, 1, 1], [4], { dtype: "float64" });
  const zeros = tensor([0, 0, 0, 0], [4], { dtype: "float64" });
  const expected = applyNorm(plainLinear(x, weight, null), { ...norm, weight: ones, bias: zeros });
  expectClose(plainLinear(x, w, bias).data, expected, tolerance);
});

test.each(["float32", "float16", "bfloat16"] as const)("%s: each number is rounded once", (dtype) => {
  const weight = drawn([2, 3, 3, 3], 1, dtype);
  const bias = drawn([2], 2, "float32");
  const folded = foldBatchNorm(weight, bias, normOf(2), { kind: "conv" });
  expect([folded.weight.dtype, folded.bias.dtype]).toEqual([dtype, "float32"]);
  const exact = foldBatchNorm(
    new Tensor("float64", weight.shape, toFloat64(weight.data, dtype)),
    bias,
    normOf(2),
    { kind: "conv" },
  );
  expect(folded.weight.data).toEqual(tensor(exact.weight.data, weight.shape, { dtype }).data);
});

test("a layer in eval mode, or frozen; the bias keeps its shape", () => {
  const bn = new BatchNorm2d(2);
  const weight = drawn([2, 1, 1, 1], 1);
  const bias = drawn([1, 2, 1, 1], 1);
  expect(() => foldBatchNorm(weight, bias, bn, { kind: "conv" })).toThrow(/Fusion only for eval!/);
  expect(foldBatchNorm(weight, bias, bn.eval(), { kind: "conv" }).bias.shape).toEqual([1, 2, 1, 1]);
  foldBatchNorm(weight, bias, bn.train().freeze(), { kind: "conv" });
});

describe("refusals", () => {
  const weight = drawn([2, 3, 3, 3], 1);
  const of = (values: number[]): Tensor => tensor(values, [values.length], { dtype: "float64" }) as Tensor;
  test.each<[string, Partial<FoldableNorm>, RegExp]>([
    ["no mean", { runningMean: null }, /expected running statistics, got none/],
    [
      "a negative variance",
      { runningVar: of([1, -0.5]) },
      /runningVar to be 0 or more .* got -0.5 in channel 1/,
    ],
    ["a NaN variance", { runningVar: of([Number.NaN, -1]) }, /got NaN in channel 0 \(and in 1 more\)/],
    [
      "a zero variance without eps",
      { runningVar: of([1, 0]), eps: 0 },
      /runningVar \+ eps to be a positive number/,
    ],
    ["a NaN mean", { runningMean: of([1, Number.NaN]) }, /runningMean to be a finite number/],
    ["a mean of another size", { runningMean: of([1]) }, /runningMean to have 2 elements .* got 1/],
    ["other channels", normOf(3), /conv weight of 3 output channels as the norm has, got 2/],
    ["eps that is none", { eps: Number.NaN }, /eps to be finite/],
  ])("%s", (_, change, message) => {
    expect(() => foldBatchNorm(weight, null, { ...normOf(2), ...change }, { kind: "conv" })).toThrow(message);
  });

  test("a weight or bias that does not fit its kind", () => {
    const norm = normOf(2);
    expect(() => foldBatchNorm(weight, of([1]), norm, { kind: "conv" })).toThrow(
      /a bias of 2 elements, got 1/,
    );
    expect(() => foldBatchNorm(weight, null, norm, { kind: "linear" })).toThrow(
      /weight of 2 axes, got shape/,
    );
    expect(() => foldBatchNorm(drawn([2, 3], 1), null, norm, { kind: "conv" })).toThrow(/3, 4 or 5 axes/);
    expect(() => foldBatchNorm(drawn([2, 3], 1), null, norm, { kind: "linear", groups: 2 })).toThrow(
      /1 group/,
    );
    expect(() =>
      foldBatchNorm(drawn([3, 1, 1], 1), null, norm, { kind: "convTranspose", groups: 2 }),
    ).toThrow(/divisible by 2 groups/);
    expect(() => foldBatchNorm(weight, null, norm, { kind: "pool" as "conv" })).toThrow(
      /expected kind to be/,
    );
  });

  test("a result that float16 cannot hold", () => {
    const large = tensor([60000, 1], [2, 1, 1], { dtype: "float16" });
    const norm = { ...normOf(2), weight: of([4, 1]), runningVar: of([1, 1]) };
    expect(() => foldBatchNorm(large, null, norm, { kind: "conv" })).toThrow(
      /a folded weight that float16 can hold, got 2.* at element 0/,
    );
  });
});
