// From shifted sums to mean and M2, and the slow way for the data on which shifted sums fail.
import { lanesOf, least } from "./lanes";
import { shiftedSums } from "./sums";

/** Results of `finishMoments`. */
export let mean: f64 = 0;
export let m2: f64 = 0;

/** The mean of the two middle ones of four vectors, lane by lane: one outlier does not move it. Of equals, their value. */
// @ts-ignore: decorator
@inline
export function middle<T>(a: v128, b: v128, c: v128, d: v128): v128 {
  const upper = v128.min<T>(v128.max<T>(a, b), v128.max<T>(c, d));
  const lower = v128.max<T>(v128.min<T>(a, b), v128.min<T>(c, d));
  return v128.mul<T>(v128.add<T>(upper, lower), v128.splat<T>(<T>0.5));
}

/**
 * Bytes between the four vectors that are a sample of one chunk of n elements. They are near its start, where reading begins: in main
 * memory a look further ahead is a wait of its own, a quarter of LayerNorm's time. A bad sample only costs a second reading, in cache.
 */
// @ts-ignore: decorator
@inline
export function sampleStep<T>(n: usize): usize {
  return least((n / lanesOf<T>() >> 2) << 4, 128);
}

/**
 * A value near the mean of one statistic, from 16 vectors spread over its `pool` chunks of n elements, `stride`
 * bytes apart, or from 4 of a single chunk. Of equal elements it is exactly their value.
 */
export function sampleMean<T>(x: usize, pool: usize, stride: usize, n: usize): T {
  const lanes = lanesOf<T>();
  if (n < lanes) return sampleScalars<T>(x, pool, stride, n);
  const vectors = n / lanes;
  if (pool == 1) {
    const step = sampleStep<T>(n);
    return averageOf<T>(middle<T>(v128.load(x), v128.load(x + step), v128.load(x + 2 * step), v128.load(x + 3 * step)));
  }
  let a = f64x2.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (let i: usize = 0; i < 16; i += 4) {
    a = v128.add<T>(a, v128.load(x + ((i * pool) >> 4) * stride + ((i * vectors) >> 4) * 16));
    b = v128.add<T>(b, v128.load(x + (((i + 1) * pool) >> 4) * stride + (((i + 1) * vectors) >> 4) * 16));
    c = v128.add<T>(c, v128.load(x + (((i + 2) * pool) >> 4) * stride + (((i + 2) * vectors) >> 4) * 16));
    d = v128.add<T>(d, v128.load(x + (((i + 3) * pool) >> 4) * stride + (((i + 3) * vectors) >> 4) * 16));
  }
  return averageOf<T>(middle<T>(a, b, c, d)) * <T>0.25;
}

/** Average of the lanes. Of equals, their value. */
// @ts-ignore: decorator
@inline
export function averageOf<T>(v: v128): T {
  if (sizeof<T>() == 4) v = f32x4.add(v, v128.shuffle<i64>(v, v, 1, 0));
  return (v128.extract_lane<T>(v, 0) + v128.extract_lane<T>(v, 1)) * <T>(1 / <f64>lanesOf<T>());
}

/** The same from 16 elements, for chunks shorter than a vector. */
function sampleScalars<T>(x: usize, pool: usize, stride: usize, n: usize): T {
  let sums = f64x2.splat(0);
  let more = f64x2.splat(0);
  for (let i: usize = 0; i < 16; i += 4) {
    sums = f64x2.add(sums, f64x2(sampleAt<T>(x, pool, stride, n, i), sampleAt<T>(x, pool, stride, n, i + 1)));
    more = f64x2.add(more, f64x2(sampleAt<T>(x, pool, stride, n, i + 2), sampleAt<T>(x, pool, stride, n, i + 3)));
  }
  const swapped = v128.shuffle<i64>(sums, sums, 1, 0);
  const center = middle<f64>(sums, swapped, more, v128.shuffle<i64>(more, more, 1, 0));
  return <T>(f64x2.extract_lane(center, 0) * 0.25);
}

// @ts-ignore: decorator
@inline
function sampleAt<T>(x: usize, pool: usize, stride: usize, n: usize, i: usize): f64 {
  return <f64>load<T>(x + ((i * pool) >> 4) * stride + ((i * n) >> 4) * sizeof<T>());
}

/**
 * Whether sums about `shift` determine the moments: the shift is within a standard deviation of the
 * mean, so that no more than half of second cancels, and squares of float32 stayed in range.
 */
// @ts-ignore: decorator
@inline
export function sumsHold(first: f64, second: f64, count: f64): bool {
  if (first == 0 && second == 0) return true;
  return first * first <= 0.5 * count * second && second > 1e-30 * count && second < Infinity;
}

/**
 * Mean and M2 of one statistic from its sums about `shift`:
 * mean = shift + first / count, M2 = second - first^2 / count.
 *
 * Where the sums do not hold, x (`pool` chunks of n elements, `stride` bytes apart) is read again.
 */
export function finishMoments<T>(
  first: f64,
  second: f64,
  shift: f64,
  x: usize,
  pool: usize,
  stride: usize,
  n: usize,
): void {
  const count = <f64>(pool * n);
  const inverse = 1 / count;
  if (!sumsHold(first, second, count)) {
    const better = <T>(shift + first / count);
    const sums = sumsAbout<T>(better, x, pool, stride, n);
    shift = <f64>better;
    first = f64x2.extract_lane(sums, 0);
    second = f64x2.extract_lane(sums, 1);
    if (!sumsHold(first, second, count)) return twoPassMoments<T>(x, pool, stride, n);
  }
  const off = first * inverse;
  mean = shift + off;
  m2 = second - off * first;
}

/** (sum(x - shift), sum((x - shift)^2)) of one statistic. */
function sumsAbout<T>(shift: T, x: usize, pool: usize, stride: usize, n: usize): v128 {
  let total = f64x2.splat(0);
  for (let p: usize = 0; p < pool; p++) total = shiftedSums<T>(x + p * stride, n, shift, 0, total);
  return total;
}

/** Mean square about zero of one statistic, as M2; mean = 0. */
export function finishSquares<T>(sum: f64, x: usize, pool: usize, stride: usize, n: usize): void {
  const count = <f64>(pool * n);
  mean = 0;
  m2 = sum;
  if (sum != 0 && !(sum > 1e-30 * count && sum < Infinity)) m2 = deviations<T>(x, pool, stride, n, 0);
}

function twoPassMoments<T>(x: usize, pool: usize, stride: usize, n: usize): void {
  const count = <f64>(pool * n);
  const rough = about<T>(x, pool, stride, n, 0) / count;
  // The mean of the deviations is what rounding left in the first sum.
  const center = isFinite(rough) ? rough + about<T>(x, pool, stride, n, rough) / count : rough;
  mean = center;
  m2 = deviations<T>(x, pool, stride, n, center);
}

/** sum(x - center), in float64. */
function about<T>(x: usize, pool: usize, stride: usize, n: usize, center: f64): f64 {
  let sum: f64 = 0;
  for (let p: usize = 0; p < pool; p++) {
    const end = x + p * stride + n * sizeof<T>();
    for (let at = x + p * stride; at < end; at += sizeof<T>()) sum += <f64>load<T>(at) - center;
  }
  return sum;
}

/** sum((x - center)^2), in float64. */
function deviations<T>(x: usize, pool: usize, stride: usize, n: usize, center: f64): f64 {
  let sum: f64 = 0;
  for (let p: usize = 0; p < pool; p++) {
    const end = x + p * stride + n * sizeof<T>();
    for (let at = x + p * stride; at < end; at += sizeof<T>()) {
      const d = <f64>load<T>(at) - center;
      sum += d * d;
    }
  }
  return sum;
}
