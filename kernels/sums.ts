// Sums over one run of contiguous elements. Results are left in `first` and `second`.
import { across, addWidened, lanesOf, lastLanes, least, mulAdd } from "./lanes";

/** Results of the last call of a function of this file. */
export let first: f64 = 0;
export let second: f64 = 0;

// A float32 chain has 18 additions (16 of four vectors, which are added pairwise first): then whatever a huge element makes
// its lane lose is at most 18 * 2^-24 of the sum, which goes on in float64.
export const chainTrips: usize = 16;

// Runs of whole trips may be taken in twos, `other` bytes apart (samples.ts): half of a trip's `bytes` are of each.

/** Bytes from one trip to the next. */
// @ts-ignore: decorator
@inline
export function stepOf(other: usize, bytes: usize): usize {
  return other ? bytes / 2 : bytes;
}

/** Bytes from the first half of a trip to the second. */
// @ts-ignore: decorator
@inline
export function apartOf(other: usize, bytes: usize): usize {
  return other ? other : bytes / 2;
}

/**
 * first = sum(x - shift), second = sum((x - shift)^2) over n elements, and as many `other` bytes further unless that is 0.
 */
export function shiftedSums<T>(x: usize, n: usize, shift: T, other: usize): void {
  const lanes = lanesOf<T>();
  if (n < lanes) return shiftedSumsOfFew<T>(x, n, shift);
  const k = v128.splat<T>(shift);
  const zero = f64x2.splat(0);
  let sum1 = zero;
  let sum2 = zero;
  const end = x + n * sizeof<T>();
  const vectorEnd = x + (n / lanes) * 16;
  let a = zero;
  let b = zero;
  const rest = n & (lanes - 1);
  if (rest) {
    a = v128.and(v128.sub<T>(v128.load(end - 16), k), lastLanes<T>(rest));
    b = v128.mul<T>(a, a);
  }
  const step = stepOf(other, 64);
  const apart = apartOf(other, 64);
  do {
    const stop = least(x + chainTrips * step, vectorEnd);
    while (x + step <= stop) {
      const d0 = v128.sub<T>(v128.load(x), k);
      const d1 = v128.sub<T>(v128.load(x, 16), k);
      const d2 = v128.sub<T>(v128.load(x + apart), k);
      const d3 = v128.sub<T>(v128.load(x + apart, 16), k);
      a = v128.add<T>(a, v128.add<T>(v128.add<T>(d0, d1), v128.add<T>(d2, d3)));
      b = v128.add<T>(b, v128.add<T>(mulAdd<T>(d0, d0, v128.mul<T>(d1, d1)), mulAdd<T>(d2, d2, v128.mul<T>(d3, d3))));
      x += step;
    }
    while (x < stop) {
      const d = v128.sub<T>(v128.load(x), k);
      a = v128.add<T>(a, d);
      b = mulAdd<T>(d, d, b);
      x += 16;
    }
    sum1 = addWidened<T>(sum1, a);
    sum2 = addWidened<T>(sum2, b);
    a = b = zero;
  } while (x < vectorEnd);
  first = across(sum1);
  second = across(sum2);
}

function shiftedSumsOfFew<T>(x: usize, n: usize, shift: T): void {
  let sum1: f64 = 0;
  let sum2: f64 = 0;
  for (let i: usize = 0; i < n; i++) {
    const d = <f64>load<T>(x + i * sizeof<T>()) - <f64>shift;
    sum1 += d;
    sum2 += d * d;
  }
  first = sum1;
  second = sum2;
}

/**
 * first = sum(x^2) over n elements.
 */
export function squareSum<T>(x: usize, n: usize): void {
  const lanes = lanesOf<T>();
  if (n < lanes) {
    shiftedSumsOfFew<T>(x, n, <T>0);
    first = second;
    return;
  }
  const zero = f64x2.splat(0);
  let sum = zero;
  const end = x + n * sizeof<T>();
  const vectorEnd = x + (n / lanes) * 16;
  let b = zero;
  const rest = n & (lanes - 1);
  if (rest) {
    const d = v128.and(v128.load(end - 16), lastLanes<T>(rest));
    b = v128.mul<T>(d, d);
  }
  do {
    const stop = least(x + chainTrips * 64, vectorEnd);
    while (x + 64 <= stop) {
      const d0 = v128.load(x);
      const d1 = v128.load(x, 16);
      const d2 = v128.load(x, 32);
      const d3 = v128.load(x, 48);
      b = v128.add<T>(b, v128.add<T>(mulAdd<T>(d0, d0, v128.mul<T>(d1, d1)), mulAdd<T>(d2, d2, v128.mul<T>(d3, d3))));
      x += 64;
    }
    while (x < stop) {
      const d = v128.load(x);
      b = mulAdd<T>(d, d, b);
      x += 16;
    }
    sum = addWidened<T>(sum, b);
    b = zero;
  } while (x < vectorEnd);
  first = across(sum);
}

/**
 * first = sum(dy), second = sum(dy * (x - mean)) over n elements, and as many `other` bytes further unless that is 0.
 */
export function gradientSums<T>(x: usize, dy: usize, n: usize, mean: T, other: usize): void {
  const lanes = lanesOf<T>();
  if (n < lanes) return gradientSumsOfFew<T>(x, dy, n, mean);
  const m = v128.splat<T>(mean);
  const zero = f64x2.splat(0);
  let sum1 = zero;
  let sum2 = zero;
  const vectorEnd = x + (n / lanes) * 16;
  let a = zero;
  let b = zero;
  const rest = n & (lanes - 1);
  if (rest) {
    const last = n * sizeof<T>() - 16;
    const mask = lastLanes<T>(rest);
    a = v128.and(v128.load(dy + last), mask);
    b = v128.and(v128.mul<T>(a, v128.sub<T>(v128.load(x + last), m)), mask);
  }
  const from = dy - x;
  const step = stepOf(other, 64);
  const apart = apartOf(other, 64);
  do {
    const stop = least(x + chainTrips * step, vectorEnd);
    for (; x + step <= stop; x += step) {
      const beyond = x + apart;
      const g0 = v128.load(x + from);
      const g1 = v128.load(x + from, 16);
      const g2 = v128.load(beyond + from);
      const g3 = v128.load(beyond + from, 16);
      const p0 = mulAdd<T>(g0, v128.sub<T>(v128.load(x), m), v128.mul<T>(g1, v128.sub<T>(v128.load(x, 16), m)));
      const p1 = mulAdd<T>(g2, v128.sub<T>(v128.load(beyond), m), v128.mul<T>(g3, v128.sub<T>(v128.load(beyond, 16), m)));
      a = v128.add<T>(a, v128.add<T>(v128.add<T>(g0, g1), v128.add<T>(g2, g3)));
      b = v128.add<T>(b, v128.add<T>(p0, p1));
    }
    for (; x < stop; x += 16) {
      const g = v128.load(x + from);
      a = v128.add<T>(a, g);
      b = mulAdd<T>(g, v128.sub<T>(v128.load(x), m), b);
    }
    sum1 = addWidened<T>(sum1, a);
    sum2 = addWidened<T>(sum2, b);
    a = b = zero;
  } while (x < vectorEnd);
  first = across(sum1);
  second = across(sum2);
}

function gradientSumsOfFew<T>(x: usize, dy: usize, n: usize, mean: T): void {
  let sum1: f64 = 0;
  let sum2: f64 = 0;
  for (let i: usize = 0; i < n; i++) {
    const g = <f64>load<T>(dy + i * sizeof<T>());
    sum1 += g;
    sum2 += g * (<f64>load<T>(x + i * sizeof<T>()) - <f64>mean);
  }
  first = sum1;
  second = sum2;
}
