import type { FloatType } from "../tensor/dtype.ts";
import { numberToBfloat, numberToHalf } from "../tensor/half.ts";

const single = new Float32Array(1);
const singleBits = new Int32Array(single.buffer);
const double = new Float64Array(1);
const doubleBits = new BigInt64Array(double.buffer);

/** Place of a number in the order of all numbers of a type, so that neighbours differ by 1. */
function order(value: number, dtype: Exclude<FloatType, "float64">): number {
  if (dtype === "float32") {
    single[0] = value;
    return singleBits[0] < 0 ? -(singleBits[0] & 0x7fffffff) : singleBits[0];
  }
  const bits = dtype === "float16" ? numberToHalf(value) : numberToBfloat(value);
  return bits & 0x8000 ? -(bits & 0x7fff) : bits & 0x7fff;
}

function orderOfDouble(value: number): bigint {
  double[0] = value;
  return doubleBits[0] < 0n ? -(doubleBits[0] & 0x7fffffffffffffffn) : doubleBits[0];
}

/**
 * How many steps of a type lie between two numbers rounded to it; 0 for two NaNs, Infinity for one.
 *
 * @example
 * ulpDistance(1, 1 + 2 ** -23); // 1
 */
export function ulpDistance(a: number, b: number, dtype: FloatType = "float32"): number {
  if (Number.isNaN(a) && Number.isNaN(b)) return 0;
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.POSITIVE_INFINITY;
  if (dtype !== "float64") return Math.abs(order(a, dtype) - order(b, dtype));
  const distance = orderOfDouble(a) - orderOfDouble(b);
  return Number(distance < 0n ? -distance : distance);
}
