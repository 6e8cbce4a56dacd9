// Sums over one run of contiguous elements, as pairs of float64.
import { across, addWidened, lanesOf, lastLanes, least, mulAdd, widenHigh, widenLow } from "./lanes";

// A float32 chain has 19 additions (16 of four vectors, which are added pairwise first, and one of its lanes): then whatever a huge
// element makes its lane lose is at most 19 * 2^-24 of the sum, which goes on in float64.
export const chainTrips: usize = 16;

/** Long chunks and runs are summed in segments of so many elements, so that threads may take them apart. */
export const segmentElements: usize = 32768;

/** Bytes of a chain of one run. */
export const chainBytes: usize = chainTrips * 64;

/** (sum of the lanes of a, sum of the lanes of b). Half of the lanes are added as T, before the conversions, which cost more. */
// @ts-ignore: decorator
@inline
export function pairOf<T>(a: v128, b: v128): v128 {
  if (sizeof<T>() == 8) return f64x2.add(v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
  const lanes = f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  return f64x2.add(widenLow<T>(lanes), widenHigh<T>(lanes));
}

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

// @ts-ignore: decorator
@inline
export function sumOf<T>(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.add<T>(v128.add<T>(a, b), v128.add<T>(c, d));
}

// @ts-ignore: decorator
@inline
export function squaresOf<T>(a: v128, b: v128, c: v128, d: v128): v128 {
  return productsOf<T>(a, a, b, b, c, c, d, d);
}

/** a * b + c * d + e * f + g * h, lane by lane. */
// @ts-ignore: decorator
@inline
export function productsOf<T>(a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128): v128 {
  return v128.add<T>(mulAdd<T>(a, b, v128.mul<T>(c, d)), mulAdd<T>(e, f, v128.mul<T>(g, h)));
}

/** total + (sum(x - shift), sum((x - shift)^2)) over n elements, and as many `other` bytes further unless that is 0. */
export function shiftedSums<T>(x: usize, n: usize, shift: T, other: usize, total: v128): v128 {
  if (n < lanesOf<T>()) return shiftedSumsOfFew<T>(x, n, shift, total);
  const zero = f64x2.splat(0);
  return sumsFrom<T>(x, x + n * sizeof<T>(), x + chainTrips * stepOf(other, 64), v128.splat<T>(shift), other, zero, zero, total);
}

/** The same about 0, which nothing has to be subtracted for, of a vector or more. */
export function plainSums<T>(x: usize, n: usize): v128 {
  const zero = f64x2.splat(0);
  return sumsAs<T>(x, x + n * sizeof<T>(), x + chainBytes, zero, 0, zero, zero, zero, false);
}

/** The same, from within a chain that goes on to `stop` and whose sums so far are a and b; the pair of the last chain is added too. */
export function sumsFrom<T>(x: usize, end: usize, stop: usize, k: v128, other: usize, a: v128, b: v128, total: v128): v128 {
  return sumsAs<T>(x, end, stop, k, other, a, b, total, true);
}

// @ts-ignore: decorator
@inline
function offset<T>(v: v128, shift: v128, shifted: boolean): v128 {
  return shifted ? v128.sub<T>(v, shift) : v;
}

// @ts-ignore: decorator
@inline
function sumsAs<T>(x: usize, end: usize, stop: usize, k: v128, other: usize, a: v128, b: v128, total: v128, shifted: boolean): v128 {
  const vectorEnd = x + ((end - x) & ~15);
  const step = stepOf(other, 64);
  const apart = apartOf(other, 64);
  for (;;) {
    const part = least(stop, vectorEnd);
    while (x + step <= part) {
      const d0 = offset<T>(v128.load(x), k, shifted);
      const d1 = offset<T>(v128.load(x, 16), k, shifted);
      const d2 = offset<T>(v128.load(x + apart), k, shifted);
      const d3 = offset<T>(v128.load(x + apart, 16), k, shifted);
      a = v128.add<T>(a, sumOf<T>(d0, d1, d2, d3));
      b = v128.add<T>(b, squaresOf<T>(d0, d1, d2, d3));
      x += step;
    }
    while (x < part) {
      const d = offset<T>(v128.load(x), k, shifted);
      a = v128.add<T>(a, d);
      b = mulAdd<T>(d, d, b);
      x += 16;
    }
    if (x == vectorEnd) break;
    total = f64x2.add(total, pairOf<T>(a, b));
    a = b = f64x2.splat(0);
    stop += chainTrips * step;
  }
  if (x < end) {
    const d = v128.and(offset<T>(v128.load(end - 16), k, shifted), lastLanes<T>((end - x) / sizeof<T>()));
    a = v128.add<T>(a, d);
    b = mulAdd<T>(d, d, b);
  }
  return f64x2.add(total, pairOf<T>(a, b));
}

function shiftedSumsOfFew<T>(x: usize, n: usize, shift: T, total: v128): v128 {
  for (let i: usize = 0; i < n; i++) {
    const d = <f64>load<T>(x + i * sizeof<T>()) - <f64>shift;
    total = f64x2.add(total, f64x2(d, d * d));
  }
  return total;
}

/** sum(x^2) over n elements. */
export function squareSum<T>(x: usize, n: usize): f64 {
  const zero = f64x2.splat(0);
  if (n < lanesOf<T>()) return f64x2.extract_lane(shiftedSumsOfFew<T>(x, n, <T>0, zero), 1);
  return squaresFrom<T>(x, x + n * sizeof<T>(), x + chainBytes, zero, zero);
}

/** The same, from within a chain that goes on to `stop` and whose sum so far is b, those before it being `total`. */
export function squaresFrom<T>(x: usize, end: usize, stop: usize, b: v128, total: v128): f64 {
  const vectorEnd = x + ((end - x) & ~15);
  for (;;) {
    const part = least(stop, vectorEnd);
    while (x + 64 <= part) {
      b = v128.add<T>(b, squaresOf<T>(v128.load(x), v128.load(x, 16), v128.load(x, 32), v128.load(x, 48)));
      x += 64;
    }
    while (x < part) {
      const d = v128.load(x);
      b = mulAdd<T>(d, d, b);
      x += 16;
    }
    if (x == vectorEnd) break;
    total = addWidened<T>(total, b);
    b = f64x2.splat(0);
    stop += chainBytes;
  }
  if (x < end) {
    const d = v128.and(v128.load(end - 16), lastLanes<T>((end - x) / sizeof<T>()));
    b = mulAdd<T>(d, d, b);
  }
  return across(addWidened<T>(total, b));
}

/** total + (sum(dy), sum(dy * (x - mean))) over n elements, and as many `other` bytes further unless that is 0. */
export function gradientSums<T>(x: usize, dy: usize, n: usize, mean: T, other: usize, total: v128): v128 {
  if (n < lanesOf<T>()) return gradientSumsOfFew<T>(x, dy, n, mean, total);
  const m = v128.splat<T>(mean);
  const end = x + n * sizeof<T>();
  const vectorEnd = end - ((n * sizeof<T>()) & 15);
  const from = dy - x;
  const step = stepOf(other, 64);
  const apart = apartOf(other, 64);
  do {
    const part = least(x + chainTrips * step, vectorEnd);
    let a = f64x2.splat(0);
    let b = a;
    for (; x + step <= part; x += step) {
      const beyond = x + apart;
      const g0 = v128.load(x + from);
      const g1 = v128.load(x + from, 16);
      const g2 = v128.load(beyond + from);
      const g3 = v128.load(beyond + from, 16);
      const d0 = v128.sub<T>(v128.load(x), m);
      const d1 = v128.sub<T>(v128.load(x, 16), m);
      const d2 = v128.sub<T>(v128.load(beyond), m);
      const d3 = v128.sub<T>(v128.load(beyond, 16), m);
      a = v128.add<T>(a, sumOf<T>(g0, g1, g2, g3));
      b = v128.add<T>(b, productsOf<T>(g0, d0, g1, d1, g2, d2, g3, d3));
    }
    for (; x < part; x += 16) {
      const g = v128.load(x + from);
      a = v128.add<T>(a, g);
      b = mulAdd<T>(g, v128.sub<T>(v128.load(x), m), b);
    }
    if (x == vectorEnd && x < end) {
      const mask = lastLanes<T>((end - x) / sizeof<T>());
      const g = v128.and(v128.load(end + from - 16), mask);
      a = v128.add<T>(a, g);
      b = v128.add<T>(b, v128.and(v128.mul<T>(g, v128.sub<T>(v128.load(end - 16), m)), mask));
    }
    total = f64x2.add(total, pairOf<T>(a, b));
  } while (x < vectorEnd);
  return total;
}

function gradientSumsOfFew<T>(x: usize, dy: usize, n: usize, mean: T, total: v128): v128 {
  for (let i: usize = 0; i < n * sizeof<T>(); i += sizeof<T>()) {
    const g = <f64>load<T>(dy + i);
    total = f64x2.add(total, f64x2(g, g * (<f64>load<T>(x + i) - <f64>mean)));
  }
  return total;
}
