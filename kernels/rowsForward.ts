// Rows: each statistic is one contiguous row of D elements, and each element has its own weight and bias
// (plans with pool = inner = 1: LayerNorm, RMSNorm).
import { normalizeRun } from "./apply";
import { lanesOf, least, mulAdd } from "./lanes";
import { finishMoments, finishSquares, m2 as finishedM2, mean as finishedMean, sampleMean } from "./moments";
import { segmentElements } from "./planesForward";
import { first, second, shiftedSums, squareSum } from "./sums";

// The statistics of some rows come before the first of them is normalized: while one waits for its square root and
// its division, the sums of the next are under way.
const rowsTogether: usize = 4;

// Longer rows than this share their weight and bias in fours.
const sharedBytes: usize = 8192;

/**
 * Statistics and, unless y is null, y = (x - mean) * rstd * weight + bias.
 *
 * x, y: [batch, group, D]; weight, bias: [group, D] or null, bias only with weight; mean, m2, rstd: float64
 * [batch, group]. An item is a row.
 */
export function rowsForward<T>(
  x: usize,
  y: usize,
  weight: usize,
  bias: usize,
  mean: usize,
  m2: usize,
  rstd: usize,
  group: usize,
  D: usize,
  centered: i32,
  eps: f64,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const bytes = D * sizeof<T>();
  const inverse = 1 / <f64>D;
  for (let row = begin; row < end; row += rowsTogether) {
    const stop = least(row + rowsTogether, end);
    for (let r = row; r < stop; r++) {
      rowMoments<T>(x + r * bytes, D, centered);
      store<f64>(mean + (r << 3), finishedMean);
      store<f64>(m2 + (r << 3), finishedM2);
      store<f64>(rstd + (r << 3), 1 / Math.sqrt(finishedM2 * inverse + eps));
    }
    if (y) rowsNormalize<T>(x, y, weight, bias, mean, rstd, group, D, scratch, row, stop);
  }
}

function rowMoments<T>(x: usize, D: usize, centered: i32): void {
  let sum1: f64 = 0;
  let sum2: f64 = 0;
  const shift: T = centered ? sampleMean<T>(x, 1, 0, D) : 0;
  for (let start: usize = 0; start < D; start += segmentElements) {
    const n = min(D - start, segmentElements);
    if (centered) shiftedSums<T>(x + start * sizeof<T>(), n, shift);
    else squareSum<T>(x + start * sizeof<T>(), n);
    sum1 += first;
    sum2 += second;
  }
  if (centered) finishMoments<T>(sum1, sum2, <f64>shift, x, 1, 0, D);
  else finishSquares<T>(sum1, x, 1, 0, D);
}

/** y = (x - mean) * rstd * weight + bias for given statistics. An item is a row. */
export function rowsNormalize<T>(
  x: usize,
  y: usize,
  weight: usize,
  bias: usize,
  mean: usize,
  rstd: usize,
  group: usize,
  D: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const bytes = D * sizeof<T>();
  let row = begin;
  // Long rows evict their weight and bias from the first-level cache: four rows share one reading of them.
  if (bytes > sharedBytes && weight && bias && group == 1) {
    for (; row + 4 <= end; row += 4) {
      normalizeFour<T>(x + row * bytes, y + row * bytes, D, mean + (row << 3), rstd + (row << 3), weight, bias);
    }
  }
  for (; row < end; row++) {
    const parameters = (row % group) * bytes;
    normalizeRow<T>(
      x + row * bytes,
      y + row * bytes,
      D,
      load<f64>(mean + (row << 3)),
      load<f64>(rstd + (row << 3)),
      weight ? weight + parameters : 0,
      bias ? bias + parameters : 0,
    );
  }
}

/** normalizeRow for four neighbouring rows. */
function normalizeFour<T>(x: usize, y: usize, D: usize, mean: usize, rstd: usize, weight: usize, bias: usize): void {
  const bytes = D * sizeof<T>();
  const vectorBytes = bytes & ~15;
  const m0 = v128.splat<T>(<T>load<f64>(mean));
  const m1 = v128.splat<T>(<T>load<f64>(mean, 8));
  const m2 = v128.splat<T>(<T>load<f64>(mean, 16));
  const m3 = v128.splat<T>(<T>load<f64>(mean, 24));
  const r0 = v128.splat<T>(<T>load<f64>(rstd));
  const r1 = v128.splat<T>(<T>load<f64>(rstd, 8));
  const r2 = v128.splat<T>(<T>load<f64>(rstd, 16));
  const r3 = v128.splat<T>(<T>load<f64>(rstd, 24));
  const c0 = v128.splat<T>(restOf<T>(load<f64>(mean), load<f64>(rstd)));
  const c1 = v128.splat<T>(restOf<T>(load<f64>(mean, 8), load<f64>(rstd, 8)));
  const c2 = v128.splat<T>(restOf<T>(load<f64>(mean, 16), load<f64>(rstd, 16)));
  const c3 = v128.splat<T>(restOf<T>(load<f64>(mean, 24), load<f64>(rstd, 24)));
  for (let j: usize = 0; j < vectorBytes; j += 16) {
    const w = v128.load(weight + j);
    const b = v128.load(bias + j);
    let from = x + j;
    let to = y + j;
    v128.store(to, mulAdd<T>(mulAdd<T>(v128.sub<T>(v128.load(from), m0), r0, c0), w, b));
    from += bytes;
    to += bytes;
    v128.store(to, mulAdd<T>(mulAdd<T>(v128.sub<T>(v128.load(from), m1), r1, c1), w, b));
    from += bytes;
    to += bytes;
    v128.store(to, mulAdd<T>(mulAdd<T>(v128.sub<T>(v128.load(from), m2), r2, c2), w, b));
    from += bytes;
    to += bytes;
    v128.store(to, mulAdd<T>(mulAdd<T>(v128.sub<T>(v128.load(from), m3), r3, c3), w, b));
  }
  for (let k: usize = 0; k < 4; k++) {
    const high = <T>load<f64>(mean + (k << 3));
    const r = <T>load<f64>(rstd + (k << 3));
    const c = restOf<T>(load<f64>(mean + (k << 3)), load<f64>(rstd + (k << 3)));
    for (let j = vectorBytes; j < bytes; j += sizeof<T>()) {
      const at = k * bytes + j;
      const scaled: T = ((load<T>(x + at) - high) * r + c) * load<T>(weight + j);
      store<T>(y + at, scaled + load<T>(bias + j));
    }
  }
}

/** What the mean loses as T, in units of xhat. */
// @ts-ignore: decorator
@inline
function restOf<T>(mean: f64, rstd: f64): T {
  return <T>((<f64><T>mean - mean) * rstd);
}

/**
 * xhat = (x - high) * rstd + rest with mean = high + (what the mean loses as T), y = xhat * weight + bias.
 */
function normalizeRow<T>(x: usize, y: usize, D: usize, mean: f64, rstd: f64, weight: usize, bias: usize): void {
  const high = <T>mean;
  const rest = restOf<T>(mean, rstd);
  if (!weight) normalizeRun<T>(x, y, D, high, <T>rstd, rest);
  else if (!bias) normalizeWeighted<T>(x, y, D, high, <T>rstd, rest, weight, 0, false);
  else normalizeWeighted<T>(x, y, D, high, <T>rstd, rest, weight, bias, true);
}

// @ts-ignore: decorator
@inline
function affineAt<T>(x: usize, weight: usize, bias: usize, m: v128, r: v128, rest: v128, biased: boolean): v128 {
  const xhat = mulAdd<T>(v128.sub<T>(v128.load(x), m), r, rest);
  const scaled = v128.mul<T>(xhat, v128.load(weight));
  return biased ? v128.add<T>(scaled, v128.load(bias)) : scaled;
}

// @ts-ignore: decorator
@inline
function normalizeWeighted<T>(x: usize, y: usize, n: usize, mean: T, rstd: T, rest: T, weight: usize, bias: usize, biased: boolean): void {
  const lanes = lanesOf<T>();
  const end = x + n * sizeof<T>();
  if (n < lanes) {
    for (let i: usize = 0; i < n * sizeof<T>(); i += sizeof<T>()) {
      const scaled: T = ((load<T>(x + i) - mean) * rstd + rest) * load<T>(weight + i);
      store<T>(y + i, biased ? scaled + load<T>(bias + i) : scaled);
    }
    return;
  }
  const m = v128.splat<T>(mean);
  const r = v128.splat<T>(rstd);
  const c = v128.splat<T>(rest);
  const tail = n * sizeof<T>() - 16;
  const last = affineAt<T>(x + tail, weight + tail, bias + tail, m, r, c, biased);
  const lastY = y + tail;
  while (x + 64 <= end) {
    v128.store(y, affineAt<T>(x, weight, bias, m, r, c, biased));
    v128.store(y, affineAt<T>(x + 16, weight + 16, bias + 16, m, r, c, biased), 16);
    v128.store(y, affineAt<T>(x + 32, weight + 32, bias + 32, m, r, c, biased), 32);
    v128.store(y, affineAt<T>(x + 48, weight + 48, bias + 48, m, r, c, biased), 48);
    x += 64;
    y += 64;
    weight += 64;
    bias += 64;
  }
  while (x + 16 <= end) {
    v128.store(y, affineAt<T>(x, weight, bias, m, r, c, biased));
    x += 16;
    y += 16;
    weight += 16;
    bias += 16;
  }
  if (x < end) v128.store(lastY, last);
}
