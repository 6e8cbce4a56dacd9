// Sums over one run of contiguous elements. Results are left in `first` and `second`.
import { across, addWidened, lanesOf, lastLanes, least, mulAdd } from "./lanes";

/** Results of the last call of a function of this file. */
export let first: f64 = 0;
export let second: f64 = 0;

// A float32 chain has 8 additions (32 vectors in 4 accumulators): then whatever a huge element makes
// its lane lose is at most 8 * 2^-24 of the sum, which goes on in float64.
const chainVectors: usize = 32;

/**
 * first = sum(x - shift), second = sum((x - shift)^2) over n elements.
 */
export function shiftedSums<T>(x: usize, n: usize, shift: T): void {
  const lanes = lanesOf<T>();
  if (n < lanes) return shiftedSumsOfFew<T>(x, n, shift);
  const k = v128.splat<T>(shift);
  let sum1 = f64x2.splat(0);
  let sum2 = f64x2.splat(0);
  const end = x + n * sizeof<T>();
  const vectorEnd = x + (n / lanes) * 16;
  let a0 = f64x2.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  const rest = n & (lanes - 1);
  if (rest) {
    a1 = v128.and(v128.sub<T>(v128.load(end - 16), k), lastLanes<T>(rest));
    b1 = v128.mul<T>(a1, a1);
  }
  do {
    const stop = least(x + chainVectors * 16, vectorEnd);
    while (x + 64 <= stop) {
      const d0 = v128.sub<T>(v128.load(x), k);
      const d1 = v128.sub<T>(v128.load(x, 16), k);
      const d2 = v128.sub<T>(v128.load(x, 32), k);
      const d3 = v128.sub<T>(v128.load(x, 48), k);
      a0 = v128.add<T>(a0, v128.add<T>(d0, d1));
      b0 = mulAdd<T>(d0, d0, b0);
      b1 = mulAdd<T>(d1, d1, b1);
      a1 = v128.add<T>(a1, v128.add<T>(d2, d3));
      b2 = mulAdd<T>(d2, d2, b2);
      b3 = mulAdd<T>(d3, d3, b3);
      x += 64;
    }
    while (x < stop) {
      const d = v128.sub<T>(v128.load(x), k);
      a0 = v128.add<T>(a0, d);
      b0 = mulAdd<T>(d, d, b0);
      x += 16;
    }
    sum1 = addWidened<T>(sum1, v128.add<T>(a0, a1));
    sum2 = addWidened<T>(sum2, v128.add<T>(v128.add<T>(b0, b1), v128.add<T>(b2, b3)));
    a0 = a1 = b0 = b1 = b2 = b3 = f64x2.splat(0);
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
  let sum = f64x2.splat(0);
  const end = x + n * sizeof<T>();
  const vectorEnd = x + (n / lanes) * 16;
  let b0 = f64x2.splat(0);
  let b1 = b0;
  let b2 = b0;
  let b3 = b0;
  const rest = n & (lanes - 1);
  if (rest) {
    const d = v128.and(v128.load(end - 16), lastLanes<T>(rest));
    b1 = v128.mul<T>(d, d);
  }
  do {
    const stop = least(x + chainVectors * 16, vectorEnd);
    while (x + 64 <= stop) {
      const d0 = v128.load(x);
      const d1 = v128.load(x, 16);
      const d2 = v128.load(x, 32);
      const d3 = v128.load(x, 48);
      b0 = mulAdd<T>(d0, d0, b0);
      b1 = mulAdd<T>(d1, d1, b1);
      b2 = mulAdd<T>(d2, d2, b2);
      b3 = mulAdd<T>(d3, d3, b3);
      x += 64;
    }
    while (x < stop) {
      const d = v128.load(x);
      b0 = mulAdd<T>(d, d, b0);
      x += 16;
    }
    sum = addWidened<T>(sum, v128.add<T>(v128.add<T>(b0, b1), v128.add<T>(b2, b3)));
    b0 = b1 = b2 = b3 = f64x2.splat(0);
  } while (x < vectorEnd);
  first = across(sum);
}

/**
 * first = sum(dy), second = sum(dy * (x - mean)) over n elements.
 */
export function gradientSums<T>(x: usize, dy: usize, n: usize, mean: T): void {
  const lanes = lanesOf<T>();
  if (n < lanes) return gradientSumsOfFew<T>(x, dy, n, mean);
  const m = v128.splat<T>(mean);
  let sum1 = f64x2.splat(0);
  let sum2 = f64x2.splat(0);
  const vectorEnd = x + (n / lanes) * 16;
  let a0 = f64x2.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  const rest = n & (lanes - 1);
  if (rest) {
    const last = n * sizeof<T>() - 16;
    const mask = lastLanes<T>(rest);
    a1 = v128.and(v128.load(dy + last), mask);
    b1 = v128.and(v128.mul<T>(a1, v128.sub<T>(v128.load(x + last), m)), mask);
  }
  do {
    const stop = least(x + chainVectors * 16, vectorEnd);
    while (x + 64 <= stop) {
      const g0 = v128.load(dy);
      const g1 = v128.load(dy, 16);
      const g2 = v128.load(dy, 32);
      const g3 = v128.load(dy, 48);
      a0 = v128.add<T>(a0, g0);
      b0 = mulAdd<T>(g0, v128.sub<T>(v128.load(x), m), b0);
      a1 = v128.add<T>(a1, g1);
      b1 = mulAdd<T>(g1, v128.sub<T>(v128.load(x, 16), m), b1);
      a2 = v128.add<T>(a2, g2);
      b2 = mulAdd<T>(g2, v128.sub<T>(v128.load(x, 32), m), b2);
      a3 = v128.add<T>(a3, g3);
      b3 = mulAdd<T>(g3, v128.sub<T>(v128.load(x, 48), m), b3);
      x += 64;
      dy += 64;
    }
    while (x < stop) {
      const g = v128.load(dy);
      a0 = v128.add<T>(a0, g);
      b0 = mulAdd<T>(g, v128.sub<T>(v128.load(x), m), b0);
      x += 16;
      dy += 16;
    }
    sum1 = addWidened<T>(sum1, v128.add<T>(v128.add<T>(a0, a1), v128.add<T>(a2, a3)));
    sum2 = addWidened<T>(sum2, v128.add<T>(v128.add<T>(b0, b1), v128.add<T>(b2, b3)));
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = f64x2.splat(0);
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
