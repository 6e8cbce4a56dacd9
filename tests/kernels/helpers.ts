import { expect } from "vitest";
import { statisticsOf } from "../../src/backends/backend.ts";
import { reference } from "../../src/backends/reference/reference.ts";
import { anyChoice, pooledChoice } from "../../src/backends/wasm/choice.ts";
import { allocate, free, setThreads } from "../../src/backends/wasm/runtime.ts";
import { wasmSteps } from "../../src/backends/wasm/steps.ts";
import { wasmFor } from "../../src/backends/wasm/wasm.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { storeFloat64, toFloat64 } from "../../src/tensor/cast.ts";
import {
  arrayConstructor,
  bytesPerElement,
  type FloatType,
  type TypedArray,
} from "../../src/tensor/dtype.ts";
import { view } from "../../src/tensor/memory.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const wasm = wasmFor(anyChoice);
const steps = wasmSteps();

/** Elements on both sides of a guarded buffer; larger than any overshoot of a kernel unrolled by 4 vectors. */
const guardElements = 24;

/** Bits that no kernel writes. */
const sentinel = 0xa5;

/** A tensor in the kernels' memory, `offset` elements past a multiple of 64, between sentinels. */
export interface Guarded {
  readonly tensor: Tensor;
  check(): void;
  dispose(): void;
}

export function guarded(values: Float64Array, dtype: FloatType, offset: number): Guarded {
  const width = bytesPerElement(dtype);
  const bytes = (values.length + 2 * guardElements + offset) * width;
  const base = allocate(bytes);
  const start = base + (guardElements + offset) * width;
  const end = start + values.length * width;
  view("uint8", base, bytes).fill(sentinel);
  const data = view(dtype, start, values.length);
  storeFloat64(values, data, dtype);
  return {
    tensor: new Tensor(dtype, [values.length], data),
    check() {
      const edges = [view("uint8", base, start - base), view("uint8", end, base + bytes - end)];
      for (const edge of edges) expect(edge.every((byte) => byte === sentinel)).toBe(true);
    },
    dispose: () => free(base),
  };
}

/** A tensor of plain JavaScript memory. */
export function plain(values: ArrayLike<number>, dtype: FloatType): Tensor {
  const data = new (arrayConstructor(dtype))(values.length);
  storeFloat64(Float64Array.from(values), data as TypedArray, dtype);
  return new Tensor(dtype, [values.length], data);
}

/** Repeatable normal deviates. */
export function normals(n: number, seed: number, mean = 0, std = 1): Float64Array {
  let state = (seed * 2654435761 + 1) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return Float64Array.from(
    { length: n },
    () => mean + std * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

/** Inputs of one normalization forward and backward. */
export interface Case {
  readonly plan: Plan;
  readonly dtype: FloatType;
  readonly x: Float64Array;
  readonly dy: Float64Array;
  readonly weight: Float64Array | null;
  readonly bias: Float64Array | null;
  readonly eps: number;
}

export function caseOf(plan: Plan, dtype: FloatType, options: Partial<Case> = {}): Case {
  return {
    plan,
    dtype,
    x: normals(plan.size, 1, 0.3, 1.5),
    dy: normals(plan.size, 2),
    weight: normals(plan.parameters, 3, 1, 0.3),
    bias: normals(plan.parameters, 4),
    eps: 1e-5,
    ...options,
  };
}

/** Everything that the two backends compute of a case. */
export interface Results {
  readonly y: Float64Array;
  readonly mean: Float64Array;
  readonly rstd: Float64Array;
  readonly m2: Float64Array;
  readonly dx: Float64Array;
  readonly fixedDx: Float64Array;
  readonly dWeight: Float64Array;
  readonly dBias: Float64Array;
}

export function byReference(given: Case): Results {
  const { plan, dtype, eps } = given;
  const [x, dy] = [plain(given.x, dtype), plain(given.dy, dtype)];
  const weight = given.weight && plain(given.weight, dtype);
  const bias = given.bias && plain(given.bias, dtype);
  // float32 results are compared before they are rounded: the reference computes in float64 throughout.
  const wide = (tensor: Tensor) => plain(toFloat64(tensor.data, tensor.dtype), "float64");
  const [wideX, wideDy] = [wide(x), wide(dy)];
  const wideWeight = weight && wide(weight);
  const outs = [0, 1, 2].map(() => plain(new Float64Array(plan.size), "float64"));
  const moments = reference.moments(plan, wideX);
  const statistics = statisticsOf(moments, eps);
  reference.normalize(plan, wideX, statistics, { weight: wideWeight, bias: bias && wide(bias) }, outs[0]);
  const sums = reference.gradSums(plan, wideX, wideDy, statistics, wideWeight);
  reference.gradInput(plan, wideX, wideDy, statistics, wideWeight, sums, outs[1]);
  reference.gradInput(plan, wideX, wideDy, statistics, wideWeight, null, outs[2]);
  const [y, dx, fixedDx] = outs.map((out) => out.data as Float64Array);
  return { y, mean: moments.mean, rstd: statistics.rstd, m2: moments.m2, dx, fixedDx, ...sums };
}

/** Whether a backward may be done in two steps, by the loops of the fused one. */
export function hasSteps(plan: Plan, dtype: FloatType): boolean {
  const compute = dtype === "float64" ? "F64" : "F32";
  return anyChoice.shapeOf(plan, compute) === pooledChoice.shapeOf(plan, compute);
}

/** The fused forms, on guarded buffers; the separate steps must give the same bits. */
export function byKernels(given: Case, offset = 0, threads = 1): Results {
  const { plan, dtype, eps } = given;
  setThreads(threads);
  const zeros = new Float64Array(plan.size);
  const buffers = [given.x, given.dy, zeros, zeros, zeros, zeros].map((values, i) =>
    guarded(values, dtype, offset * (i + 1)),
  );
  const [x, dy, y, dx, fixedDx, out] = buffers.map((buffer) => buffer.tensor);
  const weight = given.weight && plain(given.weight, dtype);
  const bias = given.bias && plain(given.bias, dtype);
  const { moments, statistics } = wasm.forward!(plan, x, eps, { weight, bias }, y);
  const needs = { fixed: false, parameters: true };
  const grads = wasm.backward(plan, x, dy, statistics, weight, needs, dx);
  wasm.backward(plan, x, dy, statistics, weight, { fixed: true, parameters: false }, fixedDx);

  expectSame(wasm.moments(plan, x), moments);
  wasm.normalize(plan, x, statistics, { weight, bias }, out);
  expectSame({ data: out.data }, { data: y.data });
  if (hasSteps(plan, dtype)) {
    const sums = steps.gradSums(plan, x, dy, statistics, weight);
    expectSame({ dWeight: sums.dWeight, dBias: sums.dBias }, { ...grads });
    steps.gradInput(plan, x, dy, statistics, weight, sums, out);
    expectSame({ data: out.data }, { data: dx.data });
    steps.gradInput(plan, x, dy, statistics, weight, null, out);
    expectSame({ data: out.data }, { data: fixedDx.data });
  }

  for (const buffer of buffers) buffer.check();
  const results = {
    y: Float64Array.from(toFloat64(y.data, dtype)),
    mean: moments.mean,
    rstd: statistics.rstd,
    m2: moments.m2,
    dx: Float64Array.from(toFloat64(dx.data, dtype)),
    fixedDx: Float64Array.from(toFloat64(fixedDx.data, dtype)),
    ...(grads as { dWeight: Float64Array; dBias: Float64Array }),
  };
  for (const buffer of buffers) buffer.dispose();
  setThreads(1);
  return results;
}

/** The same bits in every typed array of two records. */
export function expectSame(got: object, want: object): void {
  const expected = Object.entries(want) as [string, unknown][];
  for (const [name, value] of Object.entries(got) as [string, unknown][]) {
    const other = expected.find(([key]) => key === name)?.[1];
    if (!ArrayBuffer.isView(value) || !ArrayBuffer.isView(other)) expect(value, name).toEqual(other);
    else if (Buffer.compare(bytesOf(value), bytesOf(other)) !== 0) expect(value, name).toEqual(other);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Unit roundoff of results of a dtype, and of what they are computed in. */
const roundoff: Readonly<Record<FloatType, number>> = {
  float32: 2 ** -24,
  float64: 2 ** -53,
  float16: 2 ** -11,
  bfloat16: 2 ** -8,
};

/** Results of the kernels against float64's, with errors counted in roundoffs of the results' scale. */
export function expectClose(given: Case, got: Results, want: Results): void {
  const { dtype, plan } = given;
  const stored = roundoff[dtype];
  const computed = dtype === "float64" ? 2 ** -53 : 2 ** -24;
  // dx is the difference of terms as large as rstd * weight * dy; sums grow with the number of their terms.
  const scaleOfDx = 8 * Math.max(...want.rstd) * (1 + Math.max(...(given.weight ?? [0]).map(Math.abs)));
  const scaleOfSum = Math.sqrt(plan.size / plan.parameters) * 8;
  // Below 2^-14 the values of float16 are 2^-24 apart.
  const step = dtype === "float16" ? 2 ** -25 : 1e-300;
  // The reference adds in one chain: of float64 results it is the one that errs.
  const chain = 4 * 2 ** -53 * Math.sqrt(plan.count);
  const statistics = dtype === "float64" ? 64 * computed + chain : 4 * computed;
  expectWithin(got.mean, want.mean, statistics, 4 * computed, "mean");
  expectWithin(got.rstd, want.rstd, statistics, 0, "rstd");
  expectWithin(
    got.y,
    want.y,
    dtype === "float64" ? statistics : 2 * stored,
    64 * computed + chain + step,
    "y",
  );
  expectWithin(got.dx, want.dx, 2 * stored, 64 * computed * scaleOfDx + step, "dx");
  expectWithin(got.fixedDx, want.fixedDx, 2 * stored + statistics, step, "fixed dx");
  expectWithin(got.dBias, want.dBias, 0, 16 * computed * scaleOfSum, "dBias");
  expectWithin(got.dWeight, want.dWeight, 0, 64 * computed * scaleOfSum, "dWeight");
}

/** |got - want| <= relative * |want| + absolute; NaN and infinities must agree. */
export function expectWithin(
  got: Float64Array,
  want: Float64Array,
  relative: number,
  absolute: number,
  what: string,
): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < want.length; i++) {
    const isSame = Object.is(got[i], want[i]) || got[i] === want[i];
    const isNear = Math.abs(got[i] - want[i]) <= relative * Math.abs(want[i]) + absolute;
    if (!isSame && !isNear) expect.fail(`${what}[${i}]: ${got[i]}, expected ${want[i]}`);
  }
}
