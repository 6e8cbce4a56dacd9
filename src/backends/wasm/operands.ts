import { toFloat64 } from "../../tensor/cast.ts";
import type { DType } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { copyElements } from "./copy.ts";
import { parallel, pointerOf, view } from "./runtime.ts";
import { heapOf, reserve } from "./workspace.ts";

/** The element type that kernels compute in, by the ending of their names. */
export type Compute = "F32" | "F64";

/** Kernels that widen 16-bit elements to float32. */
export const widenings: Readonly<Partial<Record<DType, string>>> = {
  float16: "widenHalf",
  bfloat16: "widenBfloat",
};

/** Kernels that round float32 to 16-bit elements. */
export const narrowings: Readonly<Partial<Record<DType, string>>> = {
  float16: "narrowHalf",
  bfloat16: "narrowBfloat",
};

/**
 * The names of a kernel for each compute type, for kernels that small calls use: putting a name together takes them a
 * tenth of their time.
 */
// @__NO_SIDE_EFFECTS__
export function kernelPair(name: string): Readonly<Record<Compute, string>> {
  return { F32: `${name}F32`, F64: `${name}F64` };
}

/** float64 is computed in float64, every other type in float32. */
export function computeOf(tensor: Tensor): Compute {
  return tensor.dtype === "float64" ? "F64" : "F32";
}

/** Bytes of an element of the compute type. */
export function elementBytes(compute: Compute): number {
  return compute === "F64" ? 8 : 4;
}

/** Where kernels find the tensor in the compute type; it is copied into the workspace unless it lies ready. */
export function input(tensor: Tensor, compute: Compute): number {
  if (computeOf(tensor) !== compute) return parameter(tensor, compute);
  const there = pointerOf(tensor);
  const widening = widenings[tensor.dtype];
  if (there !== undefined && widening === undefined) return there;
  const pointer = reserve(tensor.size * elementBytes(compute));
  if (widening === undefined) {
    copyIn(tensor, pointer);
    return pointer;
  }
  let from = there;
  if (from === undefined) {
    from = reserve(tensor.size * 2);
    copyIn(tensor, from);
  }
  parallel(widening, [from, pointer], tensor.size, tensor.size);
  return pointer;
}

/** A result under way: where kernels write it, and how it gets into its tensor. */
export interface Output {
  readonly pointer: number;
  readonly tensor: Tensor;
}

/**
 * Where kernels write what `tensor` is to hold; {@link finishOutput} puts it there.
 *
 * @param over a copy in the workspace that the result may take the place of, or 0
 */
export function output(tensor: Tensor, over: number): Output {
  const there = tensor.dtype in narrowings ? undefined : pointerOf(tensor);
  if (there !== undefined) return { pointer: there, tensor };
  return { pointer: over || reserve(tensor.size * elementBytes(computeOf(tensor))), tensor };
}

/** Completes an output. */
export function finishOutput({ pointer, tensor }: Output): void {
  const there = pointerOf(tensor);
  const narrowing = narrowings[tensor.dtype];
  if (narrowing !== undefined) {
    const to = there ?? reserve(tensor.size * 2);
    parallel(narrowing, [pointer, to], tensor.size, tensor.size);
    if (there === undefined) copyOut(tensor, to);
  } else if (there === undefined) copyOut(tensor, pointer);
}

function copyIn({ data, size }: Tensor, pointer: number): void {
  copyElements(heapOf(data), pointer / data.BYTES_PER_ELEMENT, data, 0, size);
}

function copyOut({ data, size }: Tensor, pointer: number): void {
  copyElements(data, 0, heapOf(data), pointer / data.BYTES_PER_ELEMENT, size);
}

/** Where kernels find a tensor of any dtype, converted to the type they compute in; 0 where there is none. */
export function parameter(tensor: Tensor | null, compute: Compute): number {
  if (tensor === null) return 0;
  const dtype = compute === "F64" ? "float64" : "float32";
  const there = tensor.dtype === dtype ? pointerOf(tensor) : undefined;
  if (there !== undefined) return there;
  const pointer = reserve(tensor.size * elementBytes(compute));
  if (tensor.dtype === dtype) {
    copyIn(tensor, pointer);
    return pointer;
  }
  const values = tensor.dtype === "float32" ? tensor.data : toFloat64(tensor.data, tensor.dtype);
  view(dtype, pointer, tensor.size).set(values as Float32Array);
  return pointer;
}

/** n copies of `value` in the compute type. */
export function constant(value: number, n: number, compute: Compute): number {
  const pointer = reserve(n * elementBytes(compute));
  view(compute === "F64" ? "float64" : "float32", pointer, n).fill(value);
  return pointer;
}

/** Where kernels find float64 values. */
export function doubles(values: Float64Array): number {
  const pointer = reserve(values.length * 8);
  copyElements(heapOf(values), pointer / 8, values, 0, values.length);
  return pointer;
}
