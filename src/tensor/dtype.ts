/** Floating-point types that the layers take; float16 and bfloat16 are storage only, computed in float32. */
export type FloatType = "float32" | "float64" | "float16" | "bfloat16";

/** Every element type that a tensor can hold. */
export type DType =
  | FloatType
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "bool";

/** The typed array that holds each element type; float16 and bfloat16 are their bits. */
interface ArrayOf {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
}

/** The typed array of a dtype. */
export type DataOf<D extends DType> = ArrayOf[D];

/** Any typed array that a tensor can wrap. */
export type TypedArray = ArrayOf[DType];

interface ArrayConstructor<A> {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): A;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): A;
}

const constructors: { readonly [D in DType]: ArrayConstructor<ArrayOf[D]> } = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/** Constructor of the typed array that holds `dtype`. */
export function arrayConstructor<D extends DType>(dtype: D): ArrayConstructor<DataOf<D>> {
  return constructors[dtype] as ArrayConstructor<DataOf<D>>;
}

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** Whether `value` names a dtype. */
export function isDType(value: unknown): value is DType {
  return typeof value === "string" && Object.hasOwn(constructors, value);
}

/** Whether `dtype` is one that the layers compute with. */
export function isFloatType(dtype: DType): dtype is FloatType {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}

const dtypeOfArray = new Map<unknown, DType>([
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [Int8Array, "int8"],
  [Uint8Array, "uint8"],
  [Int16Array, "int16"],
  [Uint16Array, "uint16"],
  [Int32Array, "int32"],
  [Uint32Array, "uint32"],
  [BigInt64Array, "int64"],
  [BigUint64Array, "uint64"],
]);

/** The dtype that a typed array holds by its kind, or undefined if it is not one we know. */
export function dtypeOf(data: unknown): DType | undefined {
  return typeof data === "object" && data !== null ? dtypeOfArray.get(data.constructor) : undefined;
}

/** Machine epsilon: the gap between 1 and the next number of the type that the computation runs in. */
export function machineEpsilon(dtype: FloatType): number {
  return dtype === "float64" ? Number.EPSILON : 2 ** -23;
}
