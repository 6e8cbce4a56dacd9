// Mean and M2 of one contiguous row, in one reading of it.
import { across, addWidened, lanesOf, lastLanes, least, mulAdd } from "./lanes";
import { averageOf, finishMoments, finishSquares, middle, sampleMean, sampleStep } from "./moments";
import { first, squareSum } from "./sums";

// Vectors whose sums stay in T before they go on in float64. A trip takes 8 of them, 4 to each chain: with 8
// trips, what a huge element makes its lane lose is at most 10 * 2^-25 of the sum.
const tripBytes: usize = 128;
const chainBytes: usize = 8 * tripBytes;

let sum1: f64 = 0;
let sum2: f64 = 0;

/** Leaves mean and M2 of n elements in `mean` and `m2` of moments.ts. */
// @ts-ignore: decorator
@inline
export function rowMoments<T>(x: usize, n: usize, centered: i32): void {
  if (!centered) {
    squareSum<T>(x, n);
    return finishSquares<T>(first, x, 1, 0, n);
  }
  const shift = shiftOf<T>(x, n);
  if (n < lanesOf<T>()) sumsOfFew<T>(x, n, shift);
  else if (shift == 0) sumsAboutZero<T>(x, n);
  else sumsAboutShift<T>(x, n, shift);
  finishMoments<T>(sum1, sum2, <f64>shift, x, 1, 0, n);
}

/**
 * A value near the mean, from 4 vectors of the row: 0 where that is near enough, since x - 0 needs no
 * subtraction. Near enough is half a standard deviation or so, 4 values being about 2 of them apart. Of equal elements
 * it is exactly their value.
 */
// @ts-ignore: decorator
@inline
function shiftOf<T>(x: usize, n: usize): T {
  const lanes = lanesOf<T>();
  if (n < 4 * lanes) return sampleMean<T>(x, 1, 0, n);
  const step = sampleStep<T>(n);
  const v0 = v128.load(x);
  const v1 = v128.load(x + step);
  const v2 = v128.load(x + 2 * step);
  const v3 = v128.load(x + 3 * step);
  const range = v128.sub<T>(
    v128.max<T>(v128.max<T>(v0, v1), v128.max<T>(v2, v3)),
    v128.min<T>(v128.min<T>(v0, v1), v128.min<T>(v2, v3)),
  );
  const center = averageOf<T>(middle<T>(v0, v1, v2, v3));
  return abs<T>(center) < <T>0.25 * averageOf<T>(range) ? <T>0 : center;
}

function sumsOfFew<T>(x: usize, n: usize, shift: T): void {
  sum1 = 0;
  sum2 = 0;
  for (let i: usize = 0; i < n * sizeof<T>(); i += sizeof<T>()) {
    const d = <f64>load<T>(x + i) - <f64>shift;
    sum1 += d;
    sum2 += d * d;
  }
}

// @ts-ignore: decorator
@inline
function offset<T>(v: v128, shift: v128, shifted: boolean): v128 {
  return shifted ? v128.sub<T>(v, shift) : v;
}

// @ts-ignore: decorator
@inline
function sumOf<T>(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.add<T>(v128.add<T>(a, b), v128.add<T>(c, d));
}

// @ts-ignore: decorator
@inline
function squaresOf<T>(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.add<T>(mulAdd<T>(a, a, v128.mul<T>(b, b)), mulAdd<T>(c, c, v128.mul<T>(d, d)));
}

// Functions of their own: of branches that are nearly alike the optimizer makes one loop with a choice in it.
function sumsAboutZero<T>(x: usize, n: usize): void {
  sumsAbout<T>(x, n, 0, false);
}

function sumsAboutShift<T>(x: usize, n: usize, shift: T): void {
  sumsAbout<T>(x, n, shift, true);
}

/** sum1 = sum(x - shift), sum2 = sum((x - shift)^2) over n elements, a vector or more. */
// @ts-ignore: decorator
@inline
function sumsAbout<T>(x: usize, n: usize, shift: T, shifted: boolean): void {
  const lanes = lanesOf<T>();
  const k = v128.splat<T>(shift);
  const zero = f64x2.splat(0);
  const end = x + n * sizeof<T>();
  const vectorEnd = x + (n / lanes) * 16;
  let total1 = zero;
  let total2 = zero;
  let a0 = zero;
  let a1 = zero;
  let b0 = zero;
  let b1 = zero;
  const few = n & (lanes - 1);
  if (few) {
    a1 = v128.and(v128.sub<T>(v128.load(end - 16), k), lastLanes<T>(few));
    b1 = v128.mul<T>(a1, a1);
  }
  do {
    const stop = least(x + chainBytes, vectorEnd);
    for (; x + tripBytes <= stop; x += tripBytes) {
      const d0 = offset<T>(v128.load(x), k, shifted);
      const d1 = offset<T>(v128.load(x, 16), k, shifted);
      const d2 = offset<T>(v128.load(x, 32), k, shifted);
      const d3 = offset<T>(v128.load(x, 48), k, shifted);
      a0 = v128.add<T>(a0, sumOf<T>(d0, d1, d2, d3));
      b0 = v128.add<T>(b0, squaresOf<T>(d0, d1, d2, d3));
      const d4 = offset<T>(v128.load(x, 64), k, shifted);
      const d5 = offset<T>(v128.load(x, 80), k, shifted);
      const d6 = offset<T>(v128.load(x, 96), k, shifted);
      const d7 = offset<T>(v128.load(x, 112), k, shifted);
      a1 = v128.add<T>(a1, sumOf<T>(d4, d5, d6, d7));
      b1 = v128.add<T>(b1, squaresOf<T>(d4, d5, d6, d7));
    }
    for (; x < stop; x += 16) {
      const d = offset<T>(v128.load(x), k, shifted);
      a0 = v128.add<T>(a0, d);
      b0 = mulAdd<T>(d, d, b0);
    }
    total1 = addWidened<T>(total1, v128.add<T>(a0, a1));
    total2 = addWidened<T>(total2, v128.add<T>(b0, b1));
    a0 = a1 = b0 = b1 = zero;
  } while (x < vectorEnd);
  sum1 = across(total1);
  sum2 = across(total2);
}
