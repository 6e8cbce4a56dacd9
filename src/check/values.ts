import { castArray } from "../tensor/cast.ts";
import type { DType, TypedArray } from "../tensor/dtype.ts";
import type { NestedNumbers } from "../tensor/nested.ts";
import { describe, sizeOf } from "../tensor/shape.ts";
import { Tensor, type TensorLike, tensor, wrap } from "../tensor/tensor.ts";
import { type Printed, parseArray } from "./text.ts";

/** What the checks take as an array: a tensor, nested numbers, or the text that numpy, torch or JSON print. */
export type ArrayLikeInput = TensorLike | NestedNumbers | string;

/** Real numbers that can be indexed: float32 and float64 data as they are, anything else decoded. */
export type Values = Float32Array | Float64Array;

/** An array to check, read without a copy where its data is float32 or float64. */
export interface Checked {
  readonly values: Values;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** How it was printed, where it came as text. */
  readonly printed: Printed | null;
}

/**
 * Reads any array that the checks take.
 *
 * @throws TypeError if it is no array; RangeError if its text or its shape is malformed
 */
export function checkedArray(who: string, what: string, input: unknown): Checked {
  if (typeof input === "string") {
    const printed = parseArray(input, `${who}: ${what}`);
    return { values: printed.values, shape: printed.shape, dtype: "float64", printed };
  }
  if (input === null || input === undefined) {
    throw new TypeError(`${who}: expected ${what} to be an array, got ${describe(input)}`);
  }
  const nested = typeof input === "number" || Array.isArray(input);
  const seen = nested
    ? tensor(input as NestedNumbers, undefined, { dtype: "float64" })
    : wrap(who, what, input);
  if (seen.data.length !== sizeOf(seen.shape)) {
    throw new RangeError(
      `${who}: expected ${what} to hold ${sizeOf(seen.shape)} elements, got ${seen.data.length}`,
    );
  }
  return { values: valuesOf(seen), shape: seen.shape, dtype: seen.dtype, printed: null };
}

function valuesOf({ data, dtype }: Tensor<DType>): Values {
  if (dtype === "float32") return data as Float32Array;
  if (dtype === "float64") return data as Float64Array;
  if (dtype === "float16" || dtype === "bfloat16") return castArray(data as TypedArray, dtype, "float32");
  return castArray(data as TypedArray, dtype, "float64");
}

/** A float64 tensor over checked values, copied only where they are not float64. */
export function asFloat64({ values, shape }: Checked): Tensor<"float64"> {
  return new Tensor("float64", shape, values instanceof Float64Array ? values : new Float64Array(values));
}

/** The position of a flat index: `[1, 0, 2]`. */
export function positionOf(flat: number, shape: readonly number[]): number[] {
  const position: number[] = [];
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    position.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return position;
}

/** A position as code writes it: `[1, 0, 2]`. */
export function positionText(flat: number, shape: readonly number[]): string {
  return `[${positionOf(flat, shape).join(", ")}]`;
}

/** A number in few digits: 0.99958, 1e-5. */
export function short(value: number, digits = 5): string {
  if (!Number.isFinite(value)) return String(value);
  return String(Number(value.toPrecision(digits)));
}
