// The loops of a gradient over one row of D elements.
//
// With d = x - mean, `high` the mean as T: t = dy * rstd, dx = t * weight + (d * b + c), b = -rstd^2 * mean(g * xhat),
// c = -rstd * mean(g); and the parameters' sums are t * d and dy.
import { across, addWidened, least, mulAdd } from "./lanes";

/**
 * What the mean loses as T, or 0 where that is lost in d too: less than half a unit of the last place of xhat. Of float64 nothing is
 * lost.
 */
// @ts-ignore: decorator
@inline
function lostOf<T>(mean: f64, rstd: f64): T {
  const lost = <f64><T>mean - mean;
  return sizeof<T>() == 8 || Math.abs(lost * rstd) <= 2.9802322387695312e-8 ? <T>0 : <T>lost;
}

/** Float64 g = sum(dy * weight) and gXhat = sum(dy * weight * xhat) of one row. */
export function rowSums<T>(x: usize, dy: usize, weight: usize, D: usize, mean: f64, rstd: f64, g: usize, gXhat: usize): void {
  const high = <T>mean;
  const m = v128.splat<T>(high);
  const zero = f64x2.splat(0);
  const bytes = D * sizeof<T>();
  const vectorBytes = bytes & ~15;
  let total1 = zero;
  let total2 = zero;
  for (let j: usize = 0; j < vectorBytes; ) {
    const stop = least(j + 512, vectorBytes);
    let a0 = zero;
    let a1 = zero;
    let b0 = zero;
    let b1 = zero;
    for (; j + 32 <= stop; j += 32) {
      const g0 = v128.mul<T>(v128.load(dy + j), v128.load(weight + j));
      const g1 = v128.mul<T>(v128.load(dy + j, 16), v128.load(weight + j, 16));
      a0 = v128.add<T>(a0, g0);
      b0 = mulAdd<T>(g0, v128.sub<T>(v128.load(x + j), m), b0);
      a1 = v128.add<T>(a1, g1);
      b1 = mulAdd<T>(g1, v128.sub<T>(v128.load(x + j, 16), m), b1);
    }
    for (; j < stop; j += 16) {
      const g0 = v128.mul<T>(v128.load(dy + j), v128.load(weight + j));
      a0 = v128.add<T>(a0, g0);
      b0 = mulAdd<T>(g0, v128.sub<T>(v128.load(x + j), m), b0);
    }
    total1 = addWidened<T>(total1, v128.add<T>(a0, a1));
    total2 = addWidened<T>(total2, v128.add<T>(b0, b1));
  }
  let sum1 = across(total1);
  let sum2 = across(total2);
  for (let j = vectorBytes; j < bytes; j += sizeof<T>()) {
    const upstream = <f64>load<T>(dy + j) * <f64>load<T>(weight + j);
    sum1 += upstream;
    sum2 += upstream * (<f64>load<T>(x + j) - <f64>high);
  }
  store<f64>(g, sum1);
  store<f64>(gXhat, (sum2 - (mean - <f64>high) * sum1) * rstd);
}

/** dx of one row. */
export function rowGradInput<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, mean: f64, rstd: f64, meanG: f64, meanGXhat: f64): void {
  rowLoop<T>(x, dy, dx, weight, D, <T>mean, <T>rstd, <T>(-rstd * rstd * meanGXhat), <T>(-rstd * meanG), lostOf<T>(mean, rstd), 0, 0, true, true, false);
}

/** The same, and t * d and dy added to `chain`, the latter `apart` bytes further, while they are at hand. */
export function rowGradients<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, mean: f64, rstd: f64, meanG: f64, meanGXhat: f64, chain: usize, apart: usize): void {
  const b = <T>(-rstd * rstd * meanGXhat);
  const c = <T>(-rstd * meanG);
  const lost = lostOf<T>(mean, rstd);
  if (lost == 0) roundedGradients<T>(x, dy, dx, weight, D, <T>mean, <T>rstd, b, c, chain, apart);
  else exactGradients<T>(x, dy, dx, weight, D, <T>mean, <T>rstd, b, c, lost, chain, apart);
}

/** t * d and dy added to `chain`, and no dx. */
export function rowParameterSums<T>(x: usize, dy: usize, D: usize, mean: f64, rstd: f64, chain: usize, apart: usize): void {
  rowLoop<T>(x, dy, 0, 0, D, <T>mean, <T>rstd, 0, 0, lostOf<T>(mean, rstd), chain, apart, true, false, true);
}

// Functions of their own: of branches that are nearly alike the optimizer makes one loop with a choice in it.
function roundedGradients<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, high: T, rstd: T, b: T, c: T, chain: usize, apart: usize): void {
  rowLoop<T>(x, dy, dx, weight, D, high, rstd, b, c, 0, chain, apart, false, true, true);
}

function exactGradients<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, high: T, rstd: T, b: T, c: T, lost: T, chain: usize, apart: usize): void {
  if (sizeof<T>() == 4) rowLoop<T>(x, dy, dx, weight, D, high, rstd, b, c, lost, chain, apart, true, true, true);
}

// @ts-ignore: decorator
@inline
function rowLoop<T>(x: usize, dy: usize, dx: usize, weight: usize, D: usize, high: T, rstd: T, b: T, c: T, lost: T, chain: usize, apart: usize, exact: boolean, written: boolean, summed: boolean): void {
  const m = v128.splat<T>(high);
  const r = v128.splat<T>(rstd);
  const vb = v128.splat<T>(b);
  const vc = v128.splat<T>(c);
  const rest = v128.splat<T>(lost);
  const other = chain + apart;
  const bytes = D * sizeof<T>();
  const vectorBytes = bytes & ~15;
  let j: usize = 0;
  for (; j + 32 <= vectorBytes; j += 32) {
    vectorOf<T>(x + j, dy + j, dx + j, weight + j, chain + j, other + j, m, r, vb, vc, rest, exact, written, summed);
    vectorOf<T>(x + j + 16, dy + j + 16, dx + j + 16, weight + j + 16, chain + j + 16, other + j + 16, m, r, vb, vc, rest, exact, written, summed);
  }
  if (j < vectorBytes) vectorOf<T>(x + j, dy + j, dx + j, weight + j, chain + j, other + j, m, r, vb, vc, rest, exact, written, summed);
  for (j = vectorBytes; j < bytes; j += sizeof<T>()) {
    const g = load<T>(dy + j);
    const d: T = load<T>(x + j) - high + lost;
    if (summed) {
      store<T>(chain + j, g * rstd * d + load<T>(chain + j));
      store<T>(other + j, g + load<T>(other + j));
    }
    if (written) store<T>(dx + j, g * rstd * load<T>(weight + j) + (d * b + c));
  }
}

// @ts-ignore: decorator
@inline
function vectorOf<T>(x: usize, dy: usize, dx: usize, weight: usize, chain: usize, other: usize, mean: v128, rstd: v128, b: v128, c: v128, lost: v128, exact: boolean, written: boolean, summed: boolean): void {
  const g = v128.load(dy);
  const near = v128.sub<T>(v128.load(x), mean);
  const d = exact ? v128.add<T>(near, lost) : near;
  const t = v128.mul<T>(g, rstd);
  if (summed) {
    v128.store(chain, mulAdd<T>(t, d, v128.load(chain)));
    v128.store(other, v128.add<T>(g, v128.load(other)));
  }
  if (written) v128.store(dx, v128.add<T>(v128.mul<T>(t, v128.load(weight)), mulAdd<T>(d, b, c)));
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
