// Statistics of one column each, two at a time: the steps of columnsForward.ts and columnsBackward.ts that are not over
// elements. Each takes as many pairs as it can from column `at` up to `end`, and gives the column where it ended; the results
// have the same bits as one after the other.

/** Whether a plan's statistics are of one column each. */
// @ts-ignore: decorator
@inline
export function isPaired(chunk: usize, fold: usize): boolean {
  return chunk == 1 && fold == 1;
}

/** Two T as float64. */
// @ts-ignore: decorator
@inline
function loadPair<T>(from: usize): v128 {
  return sizeof<T>() == 8 ? v128.load(from) : f64x2.promote_low_f32x4(v128.load64_zero(from));
}

/** Two float64 as T. */
// @ts-ignore: decorator
@inline
function storePair<T>(to: usize, pair: v128): void {
  if (sizeof<T>() == 8) v128.store(to, pair);
  else v128.store64_lane(to, f32x4.demote_f64x2_zero(pair), 0);
}

/** Two float64 rounded to T. */
// @ts-ignore: decorator
@inline
function rounded<T>(pair: v128): v128 {
  return sizeof<T>() == 8 ? pair : f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(pair));
}

/** As moments.ts has it for one statistic; but sums of zero are left to that. */
// @ts-ignore: decorator
@inline
function sumsHold(first: v128, second: v128, count: f64): bool {
  const isNear = f64x2.le(f64x2.mul(first, first), f64x2.mul(f64x2.splat(0.5 * count), second));
  const isInRange = v128.and(f64x2.gt(second, f64x2.splat(1e-30 * count)), f64x2.lt(second, f64x2.splat(Infinity)));
  return i64x2.all_true(v128.and(isNear, isInRange));
}

/** The means' T part. */
export function pairedMeans<T>(to: usize, mean: usize, at: usize, end: usize): usize {
  for (; at + 2 <= end; at += 2) storePair<T>(to + at * sizeof<T>(), v128.load(mean + (at << 3)));
  return at;
}

/** Mean, M2 and rstd from totals about the columns' shifts; ends early where the totals do not determine them. */
export function pairedMoments<T>(
  shift: usize,
  totals: usize,
  S: usize,
  mean: usize,
  m2: usize,
  rstd: usize,
  count: f64,
  eps: f64,
  at: usize,
  end: usize,
): usize {
  const inverse = f64x2.splat(1 / count);
  for (; at + 2 <= end; at += 2) {
    const own = at << 3;
    const sum1 = v128.load(totals + own);
    const sum2 = v128.load(totals + (S << 3) + own);
    if (!sumsHold(sum1, sum2, count)) break;
    const off = f64x2.mul(sum1, inverse);
    const squares = f64x2.sub(sum2, f64x2.mul(off, sum1));
    v128.store(mean + own, f64x2.add(loadPair<T>(shift + at * sizeof<T>()), off));
    v128.store(m2 + own, squares);
    const variance = f64x2.add(f64x2.mul(squares, inverse), f64x2.splat(eps));
    v128.store(rstd + own, f64x2.div(f64x2.splat(1), f64x2.sqrt(variance)));
  }
  return at;
}

/** The three coefficients of y of every column, S apart, as storeCoefficients has them. */
export function pairedCoefficients<T>(
  to: usize,
  S: usize,
  mean: usize,
  rstd: usize,
  weight: usize,
  bias: usize,
  at: usize,
  end: usize,
): usize {
  for (; at + 2 <= end; at += 2) {
    const own = at * sizeof<T>();
    const center = v128.load(mean + (at << 3));
    let scale = v128.load(rstd + (at << 3));
    if (weight) scale = f64x2.mul(scale, loadPair<T>(weight + own));
    const rest = f64x2.mul(f64x2.sub(center, rounded<T>(center)), scale);
    const offset = bias ? loadPair<T>(bias + own) : f64x2.splat(0);
    storePair<T>(to + own, center);
    storePair<T>(to + own + S * sizeof<T>(), scale);
    storePair<T>(to + own + 2 * S * sizeof<T>(), f64x2.sub(offset, rest));
  }
  return at;
}

/**
 * Pairs sum(dy), sum(dy * xhat) from the totals about the means' T part and, unless it is null, `coefficients`: the three of
 * dx of every column, S apart, as storeGradients has them.
 */
export function pairedGradients<T>(
  totals: usize,
  coefficients: usize,
  S: usize,
  mean: usize,
  rstd: usize,
  weight: usize,
  pairs: usize,
  count: f64,
  centered: i32,
  fixed: i32,
  at: usize,
  end: usize,
): usize {
  const n = f64x2.splat(count);
  for (; at + 2 <= end; at += 2) {
    const own = at * sizeof<T>();
    const center = v128.load(mean + (at << 3));
    const r = v128.load(rstd + (at << 3));
    const rest = f64x2.sub(center, rounded<T>(center));
    const sum1 = v128.load(totals + (at << 3));
    const about = v128.load(totals + ((S + at) << 3));
    const sum2 = f64x2.mul(f64x2.sub(about, f64x2.mul(rest, sum1)), r);
    v128.store(pairs + (at << 4), v128.shuffle<i64>(sum1, sum2, 0, 2));
    v128.store(pairs + (at << 4), v128.shuffle<i64>(sum1, sum2, 1, 3), 16);
    if (!coefficients) continue;
    const w = weight ? loadPair<T>(weight + own) : f64x2.splat(1);
    const to = coefficients + own;
    storePair<T>(to, f64x2.mul(r, w));
    let b = f64x2.splat(0);
    let c = b;
    if (!fixed) {
      const g = centered ? f64x2.mul(w, sum1) : f64x2.splat(0);
      const gXhat = f64x2.mul(w, sum2);
      b = f64x2.mul(f64x2.mul(f64x2.neg(r), r), f64x2.div(gXhat, n));
      c = f64x2.sub(f64x2.mul(f64x2.neg(r), f64x2.div(g, n)), f64x2.mul(b, rest));
    }
    storePair<T>(to + S * sizeof<T>(), b);
    storePair<T>(to + 2 * S * sizeof<T>(), c);
  }
  return at;
}
