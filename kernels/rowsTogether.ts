// Rows that share the loads of their weight and bias: long ones, since beyond a length these do not stay in the first-level cache from one
// row to the next, and others where x and y are in cache. Of float32 alone.
import { mulAdd } from "./lanes";
import { normalizeRow, restOf } from "./rowNormalize";

/** A trip takes two vectors of each row. */
const least: usize = 8;

/** Longer rows are always taken together: weight and bias are a quarter of a cache of 32 KB. */
const mostAlone: usize = 1024;

const rows: usize = 4;

// @ts-ignore: decorator
@inline
export function isLong<T>(D: usize): bool {
  return sizeof<T>() == 4 && D > mostAlone;
}

/** How many rows to normalize together; `near` where x and y are in cache: from main memory four shorter rows take twice the time of one. */
// @ts-ignore: decorator
@inline
export function rowsTogether<T>(D: usize, group: usize, bias: usize, near: i32): usize {
  return group == 1 && (isLong<T>(D) || (near && bias && sizeof<T>() == 4 && D >= least)) ? rows : 1;
}

/**
 * y = (x - mean) * rstd * weight + bias over four rows; bias may be null. False where a row needs more than that (rowNormalize.ts):
 * then nothing is done. The bits are those of one row after the other.
 */
export function normalizeTogether<T>(x: usize, y: usize, D: usize, mean: usize, rstd: usize, weight: usize, bias: usize): bool {
  for (let s: usize = 0; s < rows * 8; s += 8) {
    if (restOf<T>(load<f64>(mean + s), load<f64>(rstd + s)) != 0) return false;
  }
  if (bias) biasedRows<T>(x, y, D, mean, rstd, weight, bias);
  else unbiasedRows<T>(x, y, D, mean, rstd, weight);
  return true;
}

// Functions of their own: of branches that are nearly alike the optimizer makes one loop with a choice in it.
function biasedRows<T>(x: usize, y: usize, D: usize, mean: usize, rstd: usize, weight: usize, bias: usize): void {
  normalizeFour<T>(x, y, D, mean, rstd, weight, bias, true);
}

function unbiasedRows<T>(x: usize, y: usize, D: usize, mean: usize, rstd: usize, weight: usize): void {
  normalizeFour<T>(x, y, D, mean, rstd, weight, 0, false);
}

// @ts-ignore: decorator
@inline
function splatOf<T>(at: usize): v128 {
  return v128.splat<T>(<T>load<f64>(at));
}

// @ts-ignore: decorator
@inline
function valueOf<T>(x: v128, mean: v128, rstd: v128, w: v128, b: v128, biased: boolean): v128 {
  const xhat = v128.mul<T>(v128.sub<T>(x, mean), rstd);
  return biased ? mulAdd<T>(xhat, w, b) : v128.mul<T>(xhat, w);
}

/** Two vectors of one row. */
// @ts-ignore: decorator
@inline
function storeTwo<T>(x: usize, y: usize, mean: v128, rstd: v128, w0: v128, w1: v128, b0: v128, b1: v128, biased: boolean): void {
  v128.store(y, valueOf<T>(v128.load(x), mean, rstd, w0, b0, biased));
  v128.store(y, valueOf<T>(v128.load(x, 16), mean, rstd, w1, b1, biased), 16);
}

// @ts-ignore: decorator
@inline
function normalizeFour<T>(x: usize, y: usize, D: usize, mean: usize, rstd: usize, weight: usize, bias: usize, biased: boolean): void {
  const m0 = splatOf<T>(mean);
  const m1 = splatOf<T>(mean + 8);
  const m2 = splatOf<T>(mean + 16);
  const m3 = splatOf<T>(mean + 24);
  const r0 = splatOf<T>(rstd);
  const r1 = splatOf<T>(rstd + 8);
  const r2 = splatOf<T>(rstd + 16);
  const r3 = splatOf<T>(rstd + 24);
  const bytes = D * sizeof<T>();
  const vectorBytes = bytes & ~15;
  let j: usize = 0;
  // A loop that is run at least once: the engine then keeps what does not change before it.
  do {
    const w0 = v128.load(weight + j);
    const w1 = v128.load(weight + j, 16);
    const b0 = biased ? v128.load(bias + j) : w0;
    const b1 = biased ? v128.load(bias + j, 16) : w1;
    let from = x + j;
    let to = y + j;
    storeTwo<T>(from, to, m0, r0, w0, w1, b0, b1, biased);
    from += bytes;
    to += bytes;
    storeTwo<T>(from, to, m1, r1, w0, w1, b0, b1, biased);
    from += bytes;
    to += bytes;
    storeTwo<T>(from, to, m2, r2, w0, w1, b0, b1, biased);
    from += bytes;
    to += bytes;
    storeTwo<T>(from, to, m3, r3, w0, w1, b0, b1, biased);
    j += 32;
  } while (j + 32 <= vectorBytes);
  const done = j / sizeof<T>();
  if (done == D) return;
  for (let s: usize = 0; s < rows * 8; s += 8, x += bytes, y += bytes) {
    normalizeRow<T>(x + j, y + j, D - done, load<f64>(mean + s), load<f64>(rstd + s), weight + j, biased ? bias + j : 0);
  }
}
