// Rows in cache that share the loads of their weight and bias. Of float32 alone. From main memory it is faster to read the next row while
// one is written (rowNormalize.ts).
import { mulAdd } from "./lanes";
import { normalizeRow, restOf } from "./rowNormalize";

/** A trip takes two vectors of each row. */
const least: usize = 8;

const rows: usize = 4;

/** How many rows to normalize together; `near` where x and y are in cache. */
// @ts-ignore: decorator
@inline
export function rowsTogether<T>(D: usize, group: usize, bias: usize, near: i32): usize {
  return sizeof<T>() == 4 && near && bias && group == 1 && D >= least ? rows : 1;
}

/**
 * y = (x - mean) * rstd * weight + bias over four rows. False where a row needs more than that (rowNormalize.ts):
 * then nothing is done. The bits are those of one row after the other.
 */
export function normalizeTogether<T>(x: usize, y: usize, D: usize, mean: usize, rstd: usize, weight: usize, bias: usize): bool {
  for (let s: usize = 0; s < rows * 8; s += 8) {
    if (restOf<T>(load<f64>(mean + s), load<f64>(rstd + s)) != 0) return false;
  }
  normalizeFour<T>(x, y, D, mean, rstd, weight, bias);
  return true;
}

// @ts-ignore: decorator
@inline
function splatOf<T>(at: usize): v128 {
  return v128.splat<T>(<T>load<f64>(at));
}

// @ts-ignore: decorator
@inline
function valueOf<T>(x: v128, mean: v128, rstd: v128, w: v128, b: v128): v128 {
  return mulAdd<T>(v128.mul<T>(v128.sub<T>(x, mean), rstd), w, b);
}

/** Two vectors of one row. */
// @ts-ignore: decorator
@inline
function storeTwo<T>(x: usize, y: usize, mean: v128, rstd: v128, w0: v128, w1: v128, b0: v128, b1: v128): void {
  v128.store(y, valueOf<T>(v128.load(x), mean, rstd, w0, b0));
  v128.store(y, valueOf<T>(v128.load(x, 16), mean, rstd, w1, b1), 16);
}

function normalizeFour<T>(x: usize, y: usize, D: usize, mean: usize, rstd: usize, weight: usize, bias: usize): void {
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
    const b0 = v128.load(bias + j);
    const b1 = v128.load(bias + j, 16);
    let from = x + j;
    let to = y + j;
    storeTwo<T>(from, to, m0, r0, w0, w1, b0, b1);
    from += bytes;
    to += bytes;
    storeTwo<T>(from, to, m1, r1, w0, w1, b0, b1);
    from += bytes;
    to += bytes;
    storeTwo<T>(from, to, m2, r2, w0, w1, b0, b1);
    from += bytes;
    to += bytes;
    storeTwo<T>(from, to, m3, r3, w0, w1, b0, b1);
    j += 32;
  } while (j + 32 <= vectorBytes);
  const done = j / sizeof<T>();
  if (done == D) return;
  for (let s: usize = 0; s < rows * 8; s += 8, x += bytes, y += bytes) {
    normalizeRow<T>(x + j, y + j, D - done, load<f64>(mean + s), load<f64>(rstd + s), weight + j, bias + j);
  }
}
