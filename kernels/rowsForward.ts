// Rows: each statistic is one contiguous row of D elements, and each element has its own weight and bias
// (plans with pool = inner = 1: LayerNorm, RMSNorm).
import { normalizeRun } from "./apply";
import { lanesOf, mulAdd } from "./lanes";
import { finishMoments, finishSquares, m2 as finishedM2, mean as finishedMean, sampleMean } from "./moments";
import { segmentElements } from "./planesForward";
import { first, second, shiftedSums, squareSum } from "./sums";

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
  for (let row = begin; row < end; row++) {
    rowMoments<T>(x + row * bytes, D, centered);
    const center = finishedMean;
    const r = 1 / Math.sqrt(finishedM2 * inverse + eps);
    store<f64>(mean + (row << 3), center);
    store<f64>(m2 + (row << 3), finishedM2);
    store<f64>(rstd + (row << 3), r);
    const parameters = (row % group) * bytes;
    if (y) normalizeRow<T>(x + row * bytes, y + row * bytes, D, center, r, weight ? weight + parameters : 0, bias ? bias + parameters : 0);
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
  for (let row = begin; row < end; row++) {
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
