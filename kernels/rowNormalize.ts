// y = (x - mean) * rstd * weight + bias over rows whose elements have a weight and a bias each.
//
// xhat = (x - high) * rstd + rest, where high is the mean as T and rest = (high - mean) * rstd what that loses. A rest too
// small to be seen in xhat is left out, and about a mean of 0 nothing is subtracted: in cache the time is that of additions.
import { normalizeRun } from "./apply";
import { addWidened, lanesOf, least, roundingOf } from "./lanes";
import { chainBytes, pairOf, squaresFrom, squaresOf, sumOf, sumsFrom } from "./sums";

/** What the mean loses as T, in units of xhat; -0 where that is too little to be seen. */
// @ts-ignore: decorator
@inline
export function restOf<T>(mean: f64, rstd: f64): T {
  const rest = <T>((<f64><T>mean - mean) * rstd);
  // Adding -0 changes no value, not even a zero's sign.
  return Math.abs(<f64>rest) <= roundingOf<T>() ? <T>-0.0 : rest;
}

/**
 * One row, whose mean is 0 if it has a weight but no bias. How it is done follows from its own statistics alone, so that its bits do not
 * depend on other rows.
 */
export function normalizeRow<T>(x: usize, y: usize, D: usize, mean: f64, rstd: f64, weight: usize, bias: usize): void {
  const rest = restOf<T>(mean, rstd);
  if (!weight) normalizeRun<T>(x, y, D, <T>mean, <T>rstd, rest, 0);
  else if (!bias) normalizeScaled<T>(x, y, D, <T>rstd, weight);
  else if (sizeof<T>() == 8 || rest == 0) normalizeBiased<T>(x, y, D, <T>mean, <T>rstd, rest, weight, bias);
  else normalizeExactly<T>(x, y, D, <T>mean, <T>rstd, rest, weight, bias);
}

// Functions of their own: of branches that are nearly alike the optimizer makes one loop with a choice in it.
function normalizeScaled<T>(x: usize, y: usize, D: usize, rstd: T, weight: usize): void {
  normalizeAs<T>(x, y, D, 0, rstd, 0, weight, 0, false, false, false);
}

function normalizeBiased<T>(x: usize, y: usize, D: usize, mean: T, rstd: T, rest: T, weight: usize, bias: usize): void {
  normalizeAs<T>(x, y, D, mean, rstd, rest, weight, bias, true, false, true);
}

function normalizeExactly<T>(x: usize, y: usize, D: usize, mean: T, rstd: T, rest: T, weight: usize, bias: usize): void {
  normalizeAs<T>(x, y, D, mean, rstd, rest, weight, bias, true, true, true);
}

// @ts-ignore: decorator
@inline
function valueOf<T>(v: v128, mean: v128, rstd: v128, rest: v128, w: v128, b: v128, centered: boolean, exact: boolean, biased: boolean): v128 {
  const moved = centered ? v128.sub<T>(v, mean) : v;
  const scaled = v128.mul<T>(moved, rstd);
  const xhat = exact ? v128.add<T>(scaled, rest) : scaled;
  const weighted = v128.mul<T>(xhat, w);
  return biased ? v128.add<T>(weighted, b) : weighted;
}

// @ts-ignore: decorator
@inline
function normalizeAs<T>(x: usize, y: usize, n: usize, mean: T, rstd: T, rest: T, weight: usize, bias: usize, centered: boolean, exact: boolean, biased: boolean): void {
  const bytes = n * sizeof<T>();
  if (n < lanesOf<T>()) {
    for (let i: usize = 0; i < bytes; i += sizeof<T>()) {
      const scaled: T = ((load<T>(x + i) - mean) * rstd + rest) * load<T>(weight + i);
      store<T>(y + i, biased ? scaled + load<T>(bias + i) : scaled);
    }
    return;
  }
  const m = v128.splat<T>(mean);
  const r = v128.splat<T>(rstd);
  const c = v128.splat<T>(rest);
  const end = x + bytes;
  const toY = y - x;
  const toWeight = weight - x;
  const toBias = bias - x;
  const tail = end - 16;
  const last = valueOf<T>(v128.load(tail), m, r, c, v128.load(tail + toWeight), biased ? v128.load(tail + toBias) : m, centered, exact, biased);
  for (; x + 64 <= end; x += 64) {
    v128.store(x + toY, valueOf<T>(v128.load(x), m, r, c, v128.load(x + toWeight), biased ? v128.load(x + toBias) : m, centered, exact, biased));
    v128.store(x + toY, valueOf<T>(v128.load(x, 16), m, r, c, v128.load(x + toWeight, 16), biased ? v128.load(x + toBias, 16) : m, centered, exact, biased), 16);
    v128.store(x + toY, valueOf<T>(v128.load(x, 32), m, r, c, v128.load(x + toWeight, 32), biased ? v128.load(x + toBias, 32) : m, centered, exact, biased), 32);
    v128.store(x + toY, valueOf<T>(v128.load(x, 48), m, r, c, v128.load(x + toWeight, 48), biased ? v128.load(x + toBias, 48) : m, centered, exact, biased), 48);
  }
  for (; x + 16 <= end; x += 16) {
    v128.store(x + toY, valueOf<T>(v128.load(x), m, r, c, v128.load(x + toWeight), biased ? v128.load(x + toBias) : m, centered, exact, biased));
  }
  if (x < end) v128.store(tail + toY, last);
}

/**
 * One row about whose mean nothing is lost (`restOf` is 0) and whose elements have a weight and a bias each; the pair is of the sums of
 * the D elements at `next` about `shift`, as `shiftedSums` has it. Memory is read and written at the same time.
 */
export function normalizeAndSumRow<T>(x: usize, y: usize, D: usize, mean: f64, rstd: f64, weight: usize, bias: usize, next: usize, shift: T): v128 {
  return normalizeAndSum<T>(x, y, D, mean, rstd, weight, bias, next, shift, true);
}

/** The same about a mean of 0 and without a bias; of the squares at `next`, as `squareSum` has it, in the second of the pair. */
export function scaleAndSumRow<T>(x: usize, y: usize, D: usize, rstd: f64, weight: usize, next: usize): v128 {
  return normalizeAndSum<T>(x, y, D, 0, rstd, weight, 0, next, 0, false);
}

// @ts-ignore: decorator
@inline
function normalizeAndSum<T>(x: usize, y: usize, D: usize, mean: f64, rstd: f64, weight: usize, bias: usize, next: usize, shift: T, centered: boolean): v128 {
  const m = v128.splat<T>(<T>mean);
  const r = v128.splat<T>(<T>rstd);
  const k = v128.splat<T>(shift);
  const end = x + D * sizeof<T>();
  const bulk = end - ((D * sizeof<T>()) & 63);
  const toY = y - x;
  const toWeight = weight - x;
  const toBias = bias - x;
  const toNext = next - x;
  let total = f64x2.splat(0);
  let a = total;
  let b = total;
  let chainEnd = x + chainBytes;
  for (;;) {
    for (const part = least(chainEnd, bulk); x < part; x += 64) {
      const v0 = v128.load(x + toNext);
      const v1 = v128.load(x + toNext, 16);
      const v2 = v128.load(x + toNext, 32);
      const v3 = v128.load(x + toNext, 48);
      const d0 = centered ? v128.sub<T>(v0, k) : v0;
      const d1 = centered ? v128.sub<T>(v1, k) : v1;
      const d2 = centered ? v128.sub<T>(v2, k) : v2;
      const d3 = centered ? v128.sub<T>(v3, k) : v3;
      if (centered) a = v128.add<T>(a, sumOf<T>(d0, d1, d2, d3));
      b = v128.add<T>(b, squaresOf<T>(d0, d1, d2, d3));
      v128.store(x + toY, valueOf<T>(v128.load(x), m, r, m, v128.load(x + toWeight), centered ? v128.load(x + toBias) : m, centered, false, centered));
      v128.store(x + toY, valueOf<T>(v128.load(x, 16), m, r, m, v128.load(x + toWeight, 16), centered ? v128.load(x + toBias, 16) : m, centered, false, centered), 16);
      v128.store(x + toY, valueOf<T>(v128.load(x, 32), m, r, m, v128.load(x + toWeight, 32), centered ? v128.load(x + toBias, 32) : m, centered, false, centered), 32);
      v128.store(x + toY, valueOf<T>(v128.load(x, 48), m, r, m, v128.load(x + toWeight, 48), centered ? v128.load(x + toBias, 48) : m, centered, false, centered), 48);
    }
    if (x == bulk) break;
    total = centered ? f64x2.add(total, pairOf<T>(a, b)) : addWidened<T>(total, b);
    a = b = f64x2.splat(0);
    chainEnd += chainBytes;
  }
  if (x < end) normalizeRow<T>(x, x + toY, (end - x) / sizeof<T>(), mean, rstd, x + toWeight, centered ? x + toBias : 0);
  if (!centered) return f64x2(0, squaresFrom<T>(x + toNext, end + toNext, chainEnd + toNext, b, total));
  return sumsFrom<T>(x + toNext, end + toNext, chainEnd + toNext, k, 0, a, b, total);
}
