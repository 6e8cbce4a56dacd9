import { castArray } from "./cast.ts";
import {
  arrayConstructor,
  type DataOf,
  type DType,
  dtypeOf,
  type FloatType,
  isDType,
  isFloatType,
  type TypedArray,
} from "./dtype.ts";
import { checkShape, describe, shapeText, sizeOf } from "./shape.ts";

/** A dense, row-major array: `data[((i0 * d1) + i1) * d2 + ...]`. */
export class Tensor<D extends DType = FloatType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: DataOf<D>;

  /** Wraps `data` without a copy; use {@link tensor} for checked construction. */
  constructor(dtype: D, shape: readonly number[], data: DataOf<D>) {
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /** Number of elements. */
  get size(): number {
    return this.data.length;
  }

  /** `tensor(float32, (8, 64))`: the kind and the shape, not the values. */
  toString(): string {
    return `tensor(${this.dtype}, ${shapeText(this.shape)})`;
  }
}

/** Numbers nested to any depth, every level of equal length. */
export type NestedNumbers = number | readonly NestedNumbers[];

/**
 * What every function takes as a tensor: ours, anything with `data` and `shape` or `dims` (such as the
 * tensors of ONNX Runtime and transformers.js), or a bare typed array, which is 1-D.
 */
export type TensorLike =
  | Tensor<DType>
  | TypedArray
  | {
      readonly data: TypedArray;
      readonly shape?: readonly number[];
      readonly dims?: readonly number[];
      readonly dtype?: string;
      readonly type?: string;
    };

/** Options of {@link tensor} and {@link empty}. */
export interface TensorOptions<D extends DType = DType> {
  /** Element type; by default that of the typed array, or float32 for plain numbers. */
  readonly dtype?: D;
}

/**
 * Makes a tensor from a typed array (wrapped, not copied) or from nested numbers (copied).
 *
 * Formula: `t[i0, i1, ...] = data[(i0 * d1 + i1) * d2 + ...]`, row-major.
 *
 * @param data typed array, flat numbers, or nested numbers
 * @param shape extents; by default the nesting's, or `[data.length]` for a typed array
 * @throws TypeError if `data` is no such thing; RangeError if the shape does not hold `data.length` elements
 * @example
 * tensor([[1, 2], [3, 4]]).shape; // [2, 2]
 * tensor(new Float32Array(6), [2, 3]);
 */
export function tensor(data: Float32Array | NestedNumbers, shape?: readonly number[]): Tensor<"float32">;
export function tensor(data: Float64Array, shape?: readonly number[]): Tensor<"float64">;
export function tensor<D extends DType>(
  data: TypedArray | NestedNumbers,
  shape: readonly number[] | undefined,
  options: { readonly dtype: D },
): Tensor<D>;
export function tensor(
  data: TypedArray | NestedNumbers,
  shape?: readonly number[],
  options?: TensorOptions,
): Tensor<DType>;
export function tensor(
  data: TypedArray | NestedNumbers,
  shape?: readonly number[],
  options: TensorOptions = {},
): Tensor<DType> {
  if (shape !== undefined) checkShape("tensor", shape);
  if (options.dtype !== undefined && !isDType(options.dtype)) {
    throw new TypeError(`tensor: unknown dtype ${describe(options.dtype)}`);
  }
  const held = dtypeOf(data);
  if (held !== undefined) {
    const array = data as TypedArray;
    const dtype = options.dtype ?? held;
    const extents = shape === undefined ? [array.length] : [...shape];
    checkLength(array.length, extents);
    const asBits = arrayConstructor(dtype) === arrayConstructor(held);
    return new Tensor(dtype, extents, asBits ? array : castArray(array, held, dtype));
  }
  if (typeof data !== "number" && !Array.isArray(data)) {
    throw new TypeError(`tensor: expected a typed array or nested numbers, got ${describe(data)}`);
  }
  const dtype = options.dtype ?? "float32";
  const nesting = nestedShape(data);
  const flat = new Float64Array(sizeOf(nesting));
  copyNested(data, nesting, 0, flat, 0);
  const extents = shape === undefined ? nesting : [...shape];
  checkLength(flat.length, extents);
  return new Tensor(dtype, extents, castArray(flat, "float64", dtype));
}

/**
 * Makes a tensor of zeros.
 *
 * @throws TypeError or RangeError if `shape` is not a list of non-negative integers
 * @example
 * const y = empty([8, 64, 56, 56]);
 */
export function empty<D extends DType = "float32">(
  shape: readonly number[],
  options: TensorOptions<D> = {},
): Tensor<D> {
  checkShape("empty", shape);
  const dtype = (options.dtype ?? "float32") as D;
  if (!isDType(dtype)) throw new TypeError(`empty: unknown dtype ${describe(dtype)}`);
  return new Tensor(dtype, [...shape], new (arrayConstructor(dtype))(sizeOf(shape)));
}

/**
 * Sees `value` as a tensor that the layers can compute with, without a copy where its data is a typed array.
 *
 * @throws TypeError naming `who` and `what` if it is not a float tensor; RangeError if shape and data disagree
 */
export function asTensor(who: string, what: string, value: TensorLike): Tensor {
  const seen = value instanceof Tensor ? value : wrap(who, what, value);
  if (!isFloatType(seen.dtype)) {
    throw new TypeError(`${who}: expected ${what} to hold floating-point numbers, got ${seen.dtype}`);
  }
  return seen as Tensor;
}

/** Sees `value` as a tensor of any dtype. */
export function wrap(who: string, what: string, value: unknown): Tensor<DType> {
  if (value instanceof Tensor) return value;
  const bare = dtypeOf(value);
  if (bare !== undefined) {
    const data = value as TypedArray;
    return new Tensor(bare, [data.length], data);
  }
  if (typeof value !== "object" || value === null || !("data" in value)) {
    throw new TypeError(
      `${who}: expected ${what} to be a tensor (an object with data and shape), got ${describe(value)}`,
    );
  }
  const like = value as {
    data: unknown;
    shape?: readonly number[];
    dims?: readonly number[];
    dtype?: string;
    type?: string;
  };
  const shape = like.shape ?? like.dims;
  checkShape(`${who}: ${what}`, shape);
  const data = like.data as TypedArray;
  const held = dtypeOf(data);
  if (held === undefined) {
    throw new TypeError(`${who}: expected ${what}.data to be a typed array, got ${describe(like.data)}`);
  }
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(
      `${who}: expected ${what} of shape ${shapeText(shape)} to hold ${sizeOf(shape)} elements, got ${data.length}`,
    );
  }
  const said = like.dtype ?? like.type;
  const dtype = isDType(said) && arrayConstructor(said) === arrayConstructor(held) ? said : held;
  return new Tensor(dtype, [...shape], data);
}

function checkLength(length: number, shape: readonly number[]): void {
  if (sizeOf(shape) !== length) {
    throw new RangeError(
      `tensor: shape ${shapeText(shape)} holds ${sizeOf(shape)} elements, got data of ${length}`,
    );
  }
}

function nestedShape(data: NestedNumbers): number[] {
  const shape: number[] = [];
  let level: NestedNumbers = data;
  while (Array.isArray(level)) {
    shape.push(level.length);
    if (level.length === 0) break;
    level = level[0];
  }
  return shape;
}

function copyNested(
  data: NestedNumbers,
  shape: readonly number[],
  depth: number,
  flat: Float64Array,
  at: number,
): number {
  if (depth === shape.length) {
    if (typeof data !== "number") throw new TypeError(`tensor: expected a number, got ${describe(data)}`);
    flat[at] = data;
    return at + 1;
  }
  if (!Array.isArray(data)) {
    throw new TypeError(`tensor: expected a list at depth ${depth}, got ${describe(data)}`);
  }
  if (data.length !== shape[depth]) {
    throw new RangeError(
      `tensor: expected every list at depth ${depth} to have ${shape[depth]} items, got ${data.length}`,
    );
  }
  for (const item of data) at = copyNested(item, shape, depth + 1, flat, at);
  return at;
}
