import { freeBlock, newBlock, newZeroedBlock, PoolBlock, viewOfBlock } from "./block.ts";
import { castArray } from "./cast.ts";
import {
  arrayConstructor,
  bytesPerElement,
  type DataOf,
  type DType,
  dtypeOf,
  type FloatType,
  isDType,
  isFloatType,
  type TypedArray,
} from "./dtype.ts";
import { addressOf } from "./memory.ts";
import { copyNested, type NestedNumbers, nestedShape } from "./nested.ts";
import { checkShape, describe, shapeText, sizeOf } from "./shape.ts";

/** Reads a tensor's private source. */
let sourceOf: (tensor: Tensor<DType>) => TypedArray | PoolBlock;

/**
 * A dense, row-major array: `data[((i0 * d1) + i1) * d2 + ...]`.
 *
 * Its elements are either in an array of the caller's ({@link tensor}) or in kernel memory ({@link empty}),
 * where kernels work in place; that memory is free again after `dispose()`, or once the garbage collector has
 * seen that neither the tensor nor an array taken from `data` is in use.
 */
export class Tensor<D extends DType = FloatType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  readonly #source: DataOf<D> | PoolBlock;
  #view: DataOf<D> | undefined;

  /** Wraps `data` without a copy; use {@link tensor} for checked construction. */
  constructor(dtype: D, shape: readonly number[], data: DataOf<D> | PoolBlock) {
    this.dtype = dtype;
    this.shape = shape;
    this.#source = data;
    if (data instanceof PoolBlock) this.size = sizeOf(shape);
    else {
      this.#view = data;
      this.size = data.length;
    }
  }

  /**
   * The elements: the caller's array, or a view of kernel memory.
   *
   * A part taken of a view (`subarray`) does not keep the memory; hold on to the tensor or to `data` itself.
   *
   * @throws RangeError after `dispose()`
   */
  get data(): DataOf<D> {
    const source = this.#source;
    if (!(source instanceof PoolBlock)) return source;
    checkInUse(source, this);
    let seen = this.#view;
    // Growth of an unshared memory detaches its views, which leaves them empty.
    if (seen === undefined || seen.length !== this.size) {
      seen = viewOfBlock(source, this.dtype, this.size);
      this.#view = seen;
    }
    return seen;
  }

  /**
   * Frees kernel memory, that of views on it too; nothing happens for a caller's array, or the second time.
   *
   * @example
   * using y = layer.forward(x); // disposed at the end of the block
   */
  dispose(): void {
    const source = this.#source;
    if (!(source instanceof PoolBlock)) return;
    this.#view = undefined;
    freeBlock(source);
  }

  // Where the host has no Symbol.dispose there is no `using` either, and this is a method named "undefined".
  /** As {@link Tensor.dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** `tensor(float32, (8, 64))`: the kind and the shape, not the values. */
  toString(): string {
    return `tensor(${this.dtype}, ${shapeText(this.shape)})`;
  }

  static {
    sourceOf = (tensor) => tensor.#source;
  }
}

/**
 * Byte address of a tensor in kernel memory; undefined for an array outside it.
 *
 * @throws RangeError if the tensor was disposed
 */
export function pointerOf(tensor: Tensor<DType>): number | undefined {
  const source = sourceOf(tensor);
  if (!(source instanceof PoolBlock)) return addressOf(source);
  checkInUse(source, tensor);
  return source.pointer;
}

/** Another shape for the same elements; the memory lives as long as either tensor, or until either is disposed. */
export function viewOf<D extends DType>(tensor: Tensor<D>, shape: readonly number[]): Tensor<D> {
  return new Tensor(tensor.dtype, shape, sourceOf(tensor) as DataOf<D> | PoolBlock);
}

/** Whether two tensors begin at the same element of the same memory. */
export function sameStorage(a: Tensor<DType>, b: Tensor<DType>): boolean {
  const sourceA = sourceOf(a);
  const sourceB = sourceOf(b);
  if (sourceA instanceof PoolBlock || sourceB instanceof PoolBlock) return sourceA === sourceB;
  return sourceA.buffer === sourceB.buffer && sourceA.byteOffset === sourceB.byteOffset;
}

/** Whether two tensors share some of their memory without beginning at the same element. */
export function overlapsPartly(a: Tensor<DType>, b: Tensor<DType>): boolean {
  const pointerA = pointerOf(a);
  const pointerB = pointerOf(b);
  if ((pointerA === undefined) !== (pointerB === undefined)) return false;
  if (pointerA === undefined && a.data.buffer !== b.data.buffer) return false;
  const startA = pointerA ?? a.data.byteOffset;
  const startB = pointerB ?? b.data.byteOffset;
  if (startA === startB) return false;
  return startA < startB
    ? startB < startA + a.size * bytesPerElement(a.dtype)
    : startA < startB + b.size * bytesPerElement(b.dtype);
}

/** An uninitialized tensor of x's dtype and size that lives where x lives: in kernel memory or in an array. */
export function emptyLike<D extends DType>(x: Tensor<D>, shape: readonly number[] = x.shape): Tensor<D> {
  const pointer = pointerOf(x);
  if (pointer === undefined) return zerosInArray(shape, x.dtype);
  return new Tensor(x.dtype, shape, newBlock(x.size * bytesPerElement(x.dtype), pointer));
}

/** A tensor of zeros in an array of its own, as parameters and statistics have: small, long-lived, written by optimizers. */
export function zerosInArray<D extends DType>(shape: readonly number[], dtype: D): Tensor<D> {
  return new Tensor(dtype, [...shape], new (arrayConstructor(dtype))(sizeOf(shape)));
}

function checkInUse(block: PoolBlock, tensor: Tensor<DType>): void {
  if (block.isFree) throw new RangeError(`${tensor} was disposed and can no longer be used`);
}

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
 * Makes a tensor of zeros in kernel memory, where kernels work in place and threads can share the work.
 *
 * @throws TypeError or RangeError if `shape` is not a list of non-negative integers; RangeError if kernel memory
 *   (4 GiB) is full
 * @example
 * using y = empty([8, 64, 56, 56]);
 * y.data.set(values);
 */
export function empty<D extends DType = "float32">(
  shape: readonly number[],
  options: TensorOptions<D> = {},
): Tensor<D> {
  checkShape("empty", shape);
  const dtype = (options.dtype ?? "float32") as D;
  if (!isDType(dtype)) throw new TypeError(`empty: unknown dtype ${describe(dtype)}`);
  return new Tensor(dtype, [...shape], newZeroedBlock(sizeOf(shape) * bytesPerElement(dtype)));
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
