// The loops of a gradient over rows of D elements.
//
// With d = x - mean, `high` the mean as T: t = dy * rstd, dx = t * weight + (d * b + c), b = -rstd^2 * mean(g * xhat),
// c = -rstd * mean(g); and the parameters' sums are t * d and dy. One pointer moves; the others keep their distance from it,
// which takes the fewest instructions, and those are what limits these loops in cache. Four vectors are written out, since their offsets
// must be constants.
import { least, mulAdd, roundingOf } from "./lanes";
import { chainBytes, pairOf } from "./sums";

/** (sum(g), sum(g * (x - mean))) over one row, g = dy * weight. A float32 chain has 32 additions of two vectors, which are added first. */
export function sumRow<T>(x: usize, dy: usize, weight: usize, D: usize, mean: T): v128 {
  const m = v128.splat<T>(mean);
  const zero = f64x2.splat(0);
  const fromDy = dy - x;
  const fromWeight = weight - x;
  const end = x + D * sizeof<T>();
  const vectorEnd = x + ((D * sizeof<T>()) & ~15);
  let total = zero;
  while (x < vectorEnd) {
    const stop = least(x + chainBytes, vectorEnd);
    let a = zero;
    let b = zero;
    for (; x + 32 <= stop; x += 32) {
      const g0 = v128.mul<T>(v128.load(x + fromDy), v128.load(x + fromWeight));
      const g1 = v128.mul<T>(v128.load(x + fromDy, 16), v128.load(x + fromWeight, 16));
      a = v128.add<T>(a, v128.add<T>(g0, g1));
      b = v128.add<T>(b, mulAdd<T>(g0, v128.sub<T>(v128.load(x), m), v128.mul<T>(g1, v128.sub<T>(v128.load(x, 16), m))));
    }
    for (; x < stop; x += 16) {
      const g0 = v128.mul<T>(v128.load(x + fromDy), v128.load(x + fromWeight));
      a = v128.add<T>(a, g0);
      b = mulAdd<T>(g0, v128.sub<T>(v128.load(x), m), b);
    }
    total = f64x2.add(total, pairOf<T>(a, b));
  }
  for (; x < end; x += sizeof<T>()) {
    const upstream = <f64>load<T>(x + fromDy) * <f64>load<T>(x + fromWeight);
    total = f64x2.add(total, f64x2(upstream, upstream * (<f64>load<T>(x) - <f64>mean)));
  }
  return total;
}

/** Stores the constants of one row (high, rstd, b, c, and what the mean loses as T) from its `sumRow`; b and c are 0 if these are: the statistics then do not depend on x. */
export function storeRow<T>(row: usize, sums: v128, D: usize, mean: f64, rstd: f64, centered: i32): void {
  const g = f64x2.extract_lane(sums, 0);
  const gXhat = (f64x2.extract_lane(sums, 1) - (mean - <f64><T>mean) * g) * rstd;
  store<T>(row, <T>mean);
  store<T>(row, <T>rstd, sizeof<T>());
  store<T>(row, <T>(-rstd * rstd * (gXhat / <f64>D)), 2 * sizeof<T>());
  store<T>(row, centered ? <T>(-rstd * (g / <f64>D)) : <T>0, 3 * sizeof<T>());
  store<T>(row, lostOf<T>(mean, rstd), 4 * sizeof<T>());
}

/**
 * What the mean loses as T, or 0 where that is lost in rounding too, in units of xhat. Of float64 nothing is
 * lost.
 */
// @ts-ignore: decorator
@inline
function lostOf<T>(mean: f64, rstd: f64): T {
  const lost = <f64><T>mean - mean;
  return sizeof<T>() == 8 || Math.abs(lost * rstd) <= roundingOf<T>() ? <T>0 : <T>lost;
}

// @ts-ignore: decorator
@inline
export function isExact<T>(row: usize): bool {
  return load<T>(row, 4 * sizeof<T>()) != 0;
}

/** dx of one row. */
export function rowGradInput<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, row: usize): void {
  rowLoop<T>(x, dy, dx, weight, D, row, 0, 0, true, true, false);
}

/** dx of one row, and t * d and dy added to `chain`, the latter `apart` bytes further, while they are at hand. */
export function rowGradients<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, row: usize, chain: usize, apart: usize): void {
  if (isExact<T>(row)) exactGradients<T>(x, dy, dx, weight, D, row, chain, apart);
  else roundedGradients<T>(x, dy, dx, weight, D, row, chain, apart);
}

/** t * d and dy added to `chain`, and no dx. */
export function rowParameterSums<T>(x: usize, dy: usize, D: usize, row: usize, chain: usize, apart: usize): void {
  rowLoop<T>(x, dy, 0, 0, D, row, chain, apart, true, false, true);
}

// Functions of their own: of branches that are nearly alike the optimizer makes one loop with a choice in it.
function roundedGradients<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, row: usize, chain: usize, apart: usize): void {
  rowLoop<T>(x, dy, dx, weight, D, row, chain, apart, false, true, true);
}

function exactGradients<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, row: usize, chain: usize, apart: usize): void {
  if (sizeof<T>() == 4) rowLoop<T>(x, dy, dx, weight, D, row, chain, apart, true, true, true);
}

// @ts-ignore: decorator
@inline
function distance<T>(x: v128, mean: v128, lost: v128, exact: boolean): v128 {
  const d = v128.sub<T>(x, mean);
  return exact ? v128.add<T>(d, lost) : d;
}

// @ts-ignore: decorator
@inline
function dxOf<T>(t: v128, weight: v128, d: v128, b: v128, c: v128): v128 {
  return mulAdd<T>(t, weight, mulAdd<T>(d, b, c));
}

// @ts-ignore: decorator
@inline
function splatAt<T>(at: usize): v128 {
  return v128.splat<T>(load<T>(at));
}

// @ts-ignore: decorator
@inline
function rowLoop<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, row: usize, chain: usize, apart: usize, exact: boolean, written: boolean, summed: boolean): void {
  const m = splatAt<T>(row);
  const r = splatAt<T>(row + sizeof<T>());
  const b = splatAt<T>(row + 2 * sizeof<T>());
  const c = splatAt<T>(row + 3 * sizeof<T>());
  const lost = splatAt<T>(row + 4 * sizeof<T>());
  const fromDy = dy - x;
  const fromWeight = weight - x;
  const toDx = dx - x;
  const toChain = chain - x;
  const toOther = toChain + apart;
  const end = x + D * sizeof<T>();
  // Sums alone are rare: statistics are fixed.
  for (; written && x + 64 <= end; x += 64) {
    const g0 = v128.load(x + fromDy);
    const d0 = distance<T>(v128.load(x), m, lost, exact);
    const t0 = v128.mul<T>(g0, r);
    if (summed) {
      v128.store(x + toChain, mulAdd<T>(t0, d0, v128.load(x + toChain)));
      v128.store(x + toOther, v128.add<T>(g0, v128.load(x + toOther)));
    }
    v128.store(x + toDx, dxOf<T>(t0, v128.load(x + fromWeight), d0, b, c));
    const g1 = v128.load(x + fromDy, 16);
    const d1 = distance<T>(v128.load(x, 16), m, lost, exact);
    const t1 = v128.mul<T>(g1, r);
    if (summed) {
      v128.store(x + toChain, mulAdd<T>(t1, d1, v128.load(x + toChain, 16)), 16);
      v128.store(x + toOther, v128.add<T>(g1, v128.load(x + toOther, 16)), 16);
    }
    v128.store(x + toDx, dxOf<T>(t1, v128.load(x + fromWeight, 16), d1, b, c), 16);
    const g2 = v128.load(x + fromDy, 32);
    const d2 = distance<T>(v128.load(x, 32), m, lost, exact);
    const t2 = v128.mul<T>(g2, r);
    if (summed) {
      v128.store(x + toChain, mulAdd<T>(t2, d2, v128.load(x + toChain, 32)), 32);
      v128.store(x + toOther, v128.add<T>(g2, v128.load(x + toOther, 32)), 32);
    }
    v128.store(x + toDx, dxOf<T>(t2, v128.load(x + fromWeight, 32), d2, b, c), 32);
    const g3 = v128.load(x + fromDy, 48);
    const d3 = distance<T>(v128.load(x, 48), m, lost, exact);
    const t3 = v128.mul<T>(g3, r);
    if (summed) {
      v128.store(x + toChain, mulAdd<T>(t3, d3, v128.load(x + toChain, 48)), 48);
      v128.store(x + toOther, v128.add<T>(g3, v128.load(x + toOther, 48)), 48);
    }
    v128.store(x + toDx, dxOf<T>(t3, v128.load(x + fromWeight, 48), d3, b, c), 48);
  }
  for (; x + 16 <= end; x += 16) {
    const g0 = v128.load(x + fromDy);
    const d0 = distance<T>(v128.load(x), m, lost, exact);
    const t0 = v128.mul<T>(g0, r);
    if (summed) {
      v128.store(x + toChain, mulAdd<T>(t0, d0, v128.load(x + toChain)));
      v128.store(x + toOther, v128.add<T>(g0, v128.load(x + toOther)));
    }
    if (written) v128.store(x + toDx, dxOf<T>(t0, v128.load(x + fromWeight), d0, b, c));
  }
  if (x < end) rest<T>(x, x + fromDy, written ? x + toDx : 0, x + fromWeight, end, row, summed ? x + toChain : 0, apart);
}

/**
 * The same of one row that is not exact and of whole trips of 16 elements; and `sumRow` of the row `next` bytes further, about its `mean`.
 * Memory is read and written at the same time.
 */
export function rowGradientsAndSums<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, row: usize, chain: usize, apart: usize, next: usize, mean: T): v128 {
  const m = splatAt<T>(row);
  const r = splatAt<T>(row + sizeof<T>());
  const b = splatAt<T>(row + 2 * sizeof<T>());
  const c = splatAt<T>(row + 3 * sizeof<T>());
  const k = v128.splat<T>(mean);
  const fromDy = dy - x;
  const nextDy = fromDy + next;
  const fromWeight = weight - x;
  const toDx = dx - x;
  const toChain = chain - x;
  const toOther = toChain + apart;
  const end = x + D * sizeof<T>();
  let total = f64x2.splat(0);
  do {
    let sum1 = f64x2.splat(0);
    let sum2 = sum1;
    for (const stop = least(x + chainBytes, end); x < stop; x += 32) {
      const w0 = v128.load(x + fromWeight);
      const w1 = v128.load(x + fromWeight, 16);
      const h0 = v128.mul<T>(v128.load(x + nextDy), w0);
      const h1 = v128.mul<T>(v128.load(x + nextDy, 16), w1);
      sum1 = v128.add<T>(sum1, v128.add<T>(h0, h1));
      sum2 = v128.add<T>(sum2, mulAdd<T>(h0, v128.sub<T>(v128.load(x + next), k), v128.mul<T>(h1, v128.sub<T>(v128.load(x + next, 16), k))));
      const g0 = v128.load(x + fromDy);
      const d0 = v128.sub<T>(v128.load(x), m);
      const t0 = v128.mul<T>(g0, r);
      v128.store(x + toChain, mulAdd<T>(t0, d0, v128.load(x + toChain)));
      v128.store(x + toOther, v128.add<T>(g0, v128.load(x + toOther)));
      v128.store(x + toDx, dxOf<T>(t0, w0, d0, b, c));
      const g1 = v128.load(x + fromDy, 16);
      const d1 = v128.sub<T>(v128.load(x, 16), m);
      const t1 = v128.mul<T>(g1, r);
      v128.store(x + toChain, mulAdd<T>(t1, d1, v128.load(x + toChain, 16)), 16);
      v128.store(x + toOther, v128.add<T>(g1, v128.load(x + toOther, 16)), 16);
      v128.store(x + toDx, dxOf<T>(t1, w1, d1, b, c), 16);
    }
    total = f64x2.add(total, pairOf<T>(sum1, sum2));
  } while (x < end);
  return total;
}

/** The last elements of a row, fewer than a vector; `dx` and `chain` are null where they are not wanted. */
function rest<T>(x: usize, dy: usize, dx: usize, weight: usize, end: usize, row: usize, chain: usize, apart: usize): void {
  const r = load<T>(row, sizeof<T>());
  for (let j: usize = 0; x + j < end; j += sizeof<T>()) {
    const g = load<T>(dy + j);
    const d: T = load<T>(x + j) - load<T>(row) + load<T>(row, 4 * sizeof<T>());
    if (chain) {
      const at = chain + j;
      store<T>(at, g * r * d + load<T>(at));
      store<T>(at + apart, g + load<T>(at + apart));
    }
    if (dx) store<T>(dx + j, g * r * load<T>(weight + j) + (d * load<T>(row, 2 * sizeof<T>()) + load<T>(row, 3 * sizeof<T>())));
  }
}

/** dx = dy * rstd * weight: x is not read, so that its NaN and infinities do not reach dx. */
export function rowScale<T>(dy: usize, dx: usize, weight: usize, D: usize, rstd: T): void {
  const r = v128.splat<T>(rstd);
  const end = dy + D * sizeof<T>();
  for (const stop = dy + ((D * sizeof<T>()) & ~15); dy < stop; dy += 16, dx += 16, weight += 16) {
    v128.store(dx, v128.mul<T>(v128.mul<T>(v128.load(dy), r), v128.load(weight)));
  }
  for (; dy < end; dy += sizeof<T>(), dx += sizeof<T>(), weight += sizeof<T>()) store<T>(dx, load<T>(dy) * rstd * load<T>(weight));
}
