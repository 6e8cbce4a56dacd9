import { arrayConstructor, type DataOf, type DType, type TypedArray } from "./dtype.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "./half.ts";

/** The element at `index` as a number; int64 beyond 2^53 loses its low digits. */
function numberReader(data: TypedArray, dtype: DType): (index: number) => number {
  if (dtype === "float16") return (index) => halfToNumber(data[index] as number);
  if (dtype === "bfloat16") return (index) => bfloatToNumber(data[index] as number);
  if (dtype === "int64" || dtype === "uint64") return (index) => Number(data[index]);
  return (index) => data[index] as number;
}

/** All elements as float64: a view of float64 data, else a copy. Every float dtype is exact in float64. */
export function toFloat64(data: TypedArray, dtype: DType): Float64Array {
  if (dtype === "float64") return data as Float64Array;
  if (dtype === "float32") return new Float64Array(data as Float32Array);
  const read = numberReader(data, dtype);
  return Float64Array.from({ length: data.length }, (_, index) => read(index));
}

/** Writes float64 values into `target`, each rounded once to the dtype (16-bit types by way of float32). */
export function storeFloat64(values: Float64Array, target: TypedArray, dtype: DType): void {
  if (dtype === "float16") for (let i = 0; i < values.length; i++) target[i] = numberToHalf(values[i]);
  else if (dtype === "bfloat16")
    for (let i = 0; i < values.length; i++) target[i] = numberToBfloat(values[i]);
  else if (dtype === "int64" || dtype === "uint64") {
    for (let i = 0; i < values.length; i++) target[i] = BigInt(Math.trunc(values[i]));
  } else (target as Float64Array).set(values);
}

/** A new array of dtype `to` with the elements of `data`. */
export function castArray<D extends DType>(data: TypedArray, from: DType, to: D): DataOf<D> {
  const target = new (arrayConstructor(to))(data.length);
  storeFloat64(toFloat64(data, from), target as TypedArray, to);
  return target;
}
