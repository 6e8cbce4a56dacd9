// y = (x - mean) * rstd * weight + bias over rows whose elements have a weight and a bias each.
//
// xhat = (x - high) * rstd + rest, where high is the mean as T and rest = (high - mean) * rstd what that loses. A rest too
// small to be seen in xhat is left out, and about a mean of 0 nothing is subtracted: in cache the time is that of additions.
import { normalizeRun } from "./apply";
import { lanesOf, roundingOf } from "./lanes";

/** What the mean loses as T, in units of xhat; -0 where that is too little to be seen. */
// @ts-ignore: decorator
@inline
export function restOf<T>(mean: f64, rstd: f64): T {
  const rest = <T>((<f64><T>mean - mean) * rstd);
  // Adding -0 changes no value, not even a zero's sign.
  return Math.abs(<f64>rest) <= roundingOf<T>() ? <T>-0.0 : rest;
}

/** One row. How it is done follows from its own statistics alone, so that its bits do not depend on other rows. */
export function normalizeRow<T>(x: usize, y: usize, D: usize, mean: f64, rstd: f64, weight: usize, bias: usize): void {
  const rest = restOf<T>(mean, rstd);
  if (!weight) normalizeRun<T>(x, y, D, <T>mean, <T>rstd, rest, 0);
  else if (!bias) {
    if (mean == 0) normalizeScaled<T>(x, y, D, <T>rstd, weight);
    else normalizeUnbiased<T>(x, y, D, <T>mean, <T>rstd, rest, weight);
  } else if (rest == 0) normalizeBiased<T>(x, y, D, <T>mean, <T>rstd, rest, weight, bias);
  else normalizeExactly<T>(x, y, D, <T>mean, <T>rstd, rest, weight, bias);
}

// Functions of their own: of branches that are nearly alike the optimizer makes one loop with a choice in it.
function normalizeScaled<T>(x: usize, y: usize, D: usize, rstd: T, weight: usize): void {
  normalizeAs<T>(x, y, D, 0, rstd, 0, weight, 0, false, false, false);
}

function normalizeUnbiased<T>(x: usize, y: usize, D: usize, mean: T, rstd: T, rest: T, weight: usize): void {
  normalizeAs<T>(x, y, D, mean, rstd, rest, weight, 0, true, true, false);
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
