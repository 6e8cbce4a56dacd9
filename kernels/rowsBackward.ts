// Gradients over rows of D elements with a weight and a bias for each element. See rowsForward.ts.
import { across, addWidened, lanesOf, least, mulAdd, widenHigh, widenLow } from "./lanes";

// Rows whose dy and dy * xhat are added in T before they go on in float64.
const chainRows: usize = 16;

/**
 * The sums of the gradient and, unless dx is null, dx = rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight.
 *
 * x, dy, dx: [batch, group, D]; weight: [group, D] or null; mean, rstd: float64 [batch, group];
 * g, gXhat: float64 [batch, group], sums of g and g * xhat. An item is `block` batch indices; a row has D = channel * inner
 * elements, each with a weight of its own. `parameterSums` holds for each item 2 * group * channel float64 (sum(dy * xhat),
 * then sum(dy), over batch and inner) and 2 * group * D T to work in; null where neither is wanted.
 */
export function rowsBackward<T>(
  x: usize,
  dy: usize,
  dx: usize,
  weight: usize,
  mean: usize,
  rstd: usize,
  g: usize,
  gXhat: usize,
  parameterSums: usize,
  batch: usize,
  group: usize,
  channel: usize,
  inner: usize,
  block: usize,
  centered: i32,
  fixed: i32,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const D = channel * inner;
  const bytes = D * sizeof<T>();
  const apart = group * bytes;
  const itemBytes = group * channel * 16 + 2 * apart;
  for (let item = begin; item < end; item++) {
    const sums = parameterSums + item * itemBytes;
    const chain = sums + group * channel * 16;
    if (parameterSums) memory.fill(sums, 0, itemBytes);
    const stop = least((item + 1) * block, batch);
    // Group by group, so that the chain of a group's parameters stays in the first-level cache.
    for (let from = item * block; from < stop; from += chainRows) {
      const to = least(from + chainRows, stop);
      for (let k: usize = 0; k < group; k++) {
        const own = k * bytes;
        const w = weight ? weight + own : 0;
        for (let b = from; b < to; b++) {
          const row = b * group + k;
          const at = row * bytes;
          const center = load<f64>(mean + (row << 3));
          const r = load<f64>(rstd + (row << 3));
          rowSums<T>(x + at, dy + at, w, D, center, r, g + (row << 3), gXhat + (row << 3));
          const meanG: f64 = fixed || !centered ? 0 : load<f64>(g + (row << 3)) / <f64>D;
          const meanGXhat: f64 = fixed ? 0 : load<f64>(gXhat + (row << 3)) / <f64>D;
          if (dx) rowGradInput<T>(x + at, dy + at, dx + at, w, D, center, r, meanG, meanGXhat, fixed, parameterSums ? chain + own : 0, apart);
          else if (parameterSums) rowParameterSums<T>(x + at, dy + at, D, center, r, chain + own, apart);
        }
        if (parameterSums) {
          const to1 = sums + k * channel * 8;
          const to2 = to1 + group * channel * 8;
          if (inner == 1) {
            flush<T>(chain + own, to1, D);
            flush<T>(chain + apart + own, to2, D);
          } else {
            fold<T>(chain + own, to1, channel, inner);
            fold<T>(chain + apart + own, to2, channel, inner);
          }
        }
      }
    }
  }
}

/** g = sum(dy * weight), gXhat = sum(dy * weight * xhat) of one row. */
function rowSums<T>(x: usize, dy: usize, weight: usize, D: usize, mean: f64, rstd: f64, g: usize, gXhat: usize): void {
  const high = <T>mean;
  let sum1: f64 = 0;
  let sum2: f64 = 0;
  const m = v128.splat<T>(high);
  const one = v128.splat<T>(1);
  const bytes = D * sizeof<T>();
  const vectorBytes = bytes & ~15;
  let total1 = f64x2.splat(0);
  let total2 = f64x2.splat(0);
  for (let j: usize = 0; j < vectorBytes; ) {
    const stop = least(j + 512, vectorBytes);
    let a0 = f64x2.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    for (; j + 32 <= stop; j += 32) {
      const w0 = weight ? v128.load(weight + j) : one;
      const w1 = weight ? v128.load(weight + j, 16) : one;
      const g0 = v128.mul<T>(v128.load(dy + j), w0);
      const g1 = v128.mul<T>(v128.load(dy + j, 16), w1);
      a0 = v128.add<T>(a0, g0);
      b0 = mulAdd<T>(g0, v128.sub<T>(v128.load(x + j), m), b0);
      a1 = v128.add<T>(a1, g1);
      b1 = mulAdd<T>(g1, v128.sub<T>(v128.load(x + j, 16), m), b1);
    }
    for (; j < stop; j += 16) {
      const g0 = v128.mul<T>(v128.load(dy + j), weight ? v128.load(weight + j) : one);
      a0 = v128.add<T>(a0, g0);
      b0 = mulAdd<T>(g0, v128.sub<T>(v128.load(x + j), m), b0);
    }
    total1 = addWidened<T>(total1, v128.add<T>(a0, a1));
    total2 = addWidened<T>(total2, v128.add<T>(b0, b1));
  }
  sum1 = across(total1);
  sum2 = across(total2);
  for (let j = vectorBytes; j < bytes; j += sizeof<T>()) {
    const upstream = <f64>load<T>(dy + j) * (weight ? <f64>load<T>(weight + j) : 1);
    sum1 += upstream;
    sum2 += upstream * (<f64>load<T>(x + j) - <f64>high);
  }
  store<f64>(g, sum1);
  store<f64>(gXhat, (sum2 - (mean - <f64>high) * sum1) * rstd);
}

/**
 * dx of one row, and dy * xhat and dy added to `chain` (the latter `apart` bytes further) while they are at hand.
 */
// @ts-ignore: decorator
@inline
function rowGradInput<T>(
  x: usize,
  dy: usize,
  dx: usize,
  weight: usize,
  D: usize,
  mean: f64,
  rstd: f64,
  meanG: f64,
  meanGXhat: f64,
  fixed: i32,
  chain: usize,
  apart: usize,
): void {
  const isFixed = fixed != 0;
  if (!weight && !chain) rowGradInputOf<T>(x, dy, dx, 0, D, mean, rstd, meanG, meanGXhat, isFixed, 0, 0, false, false);
  else if (!weight) rowGradInputOf<T>(x, dy, dx, 0, D, mean, rstd, meanG, meanGXhat, isFixed, chain, apart, false, true);
  else if (!chain) rowGradInputOf<T>(x, dy, dx, weight, D, mean, rstd, meanG, meanGXhat, isFixed, 0, 0, true, false);
  else if (fixed) rowGradInputOf<T>(x, dy, dx, weight, D, mean, rstd, meanG, meanGXhat, true, chain, apart, true, true);
  else rowGradInputOf<T>(x, dy, dx, weight, D, mean, rstd, meanG, meanGXhat, false, chain, apart, true, true);
}

// @ts-ignore: decorator
@inline
function rowGradInputOf<T>(
  x: usize,
  dy: usize,
  dx: usize,
  weight: usize,
  D: usize,
  mean: f64,
  rstd: f64,
  meanG: f64,
  meanGXhat: f64,
  fixed: boolean,
  chain: usize,
  apart: usize,
  weighted: boolean,
  summed: boolean,
): void {
  const high = <T>mean;
  const r = <T>rstd;
  const rest = <T>((<f64>high - mean) * rstd);
  const b = <T>(-rstd * meanGXhat);
  const c = <T>(-rstd * meanG);
  const m = v128.splat<T>(high);
  const vr = v128.splat<T>(r);
  const vRest = v128.splat<T>(rest);
  const vb = v128.splat<T>(b);
  const vc = v128.splat<T>(c);
  const bytes = D * sizeof<T>();
  const vectorBytes = bytes & ~15;
  let j: usize = 0;
  for (; j + 32 <= vectorBytes; j += 32) {
    vectorGradInput<T>(x + j, dy + j, dx + j, weight + j, chain + j, apart, m, vr, vRest, vb, vc, fixed, weighted, summed);
    vectorGradInput<T>(x + j + 16, dy + j + 16, dx + j + 16, weight + j + 16, chain + j + 16, apart, m, vr, vRest, vb, vc, fixed, weighted, summed);
  }
  if (j < vectorBytes) vectorGradInput<T>(x + j, dy + j, dx + j, weight + j, chain + j, apart, m, vr, vRest, vb, vc, fixed, weighted, summed);
  for (let j = vectorBytes; j < bytes; j += sizeof<T>()) {
    const xhat: T = (load<T>(x + j) - high) * r + rest;
    const d = load<T>(dy + j);
    if (summed) {
      store<T>(chain + j, d * xhat + load<T>(chain + j));
      store<T>(chain + apart + j, d + load<T>(chain + apart + j));
    }
    const direct: T = weighted ? d * r * load<T>(weight + j) : d * r;
    store<T>(dx + j, fixed ? direct : direct + (xhat * b + c));
  }
}

// @ts-ignore: decorator
@inline
function vectorGradInput<T>(
  x: usize,
  dy: usize,
  dx: usize,
  weight: usize,
  chain: usize,
  apart: usize,
  mean: v128,
  rstd: v128,
  rest: v128,
  b: v128,
  c: v128,
  fixed: boolean,
  weighted: boolean,
  summed: boolean,
): void {
  const xhat = mulAdd<T>(v128.sub<T>(v128.load(x), mean), rstd, rest);
  const d = v128.load(dy);
  if (summed) {
    v128.store(chain, mulAdd<T>(d, xhat, v128.load(chain)));
    v128.store(chain + apart, v128.add<T>(d, v128.load(chain + apart)));
  }
  const scaled = v128.mul<T>(d, rstd);
  const direct = weighted ? v128.mul<T>(scaled, v128.load(weight)) : scaled;
  // With fixed statistics NaN and infinities of x do not reach dx.
  v128.store(dx, fixed ? direct : v128.add<T>(direct, mulAdd<T>(xhat, b, c)));
}

/** dy * xhat and dy of one row, added to `chain`. */
function rowParameterSums<T>(x: usize, dy: usize, D: usize, mean: f64, rstd: f64, chain: usize, apart: usize): void {
  const high = <T>mean;
  const r = <T>rstd;
  const rest = <T>((<f64>high - mean) * rstd);
  for (let j: usize = 0; j < D * sizeof<T>(); j += sizeof<T>()) {
    const d = load<T>(dy + j);
    store<T>(chain + j, d * ((load<T>(x + j) - high) * r + rest) + load<T>(chain + j));
    store<T>(chain + apart + j, d + load<T>(chain + apart + j));
  }
}

/** Adds n elements of `chain` to float64 `sums` and clears them. */
function flush<T>(chain: usize, sums: usize, n: usize): void {
  const lanes = lanesOf<T>();
  const zero = f64x2.splat(0);
  let i: usize = 0;
  for (; i + lanes <= n; i += lanes) {
    const v = v128.load(chain);
    v128.store(sums, f64x2.add(v128.load(sums), widenLow<T>(v)));
    if (sizeof<T>() == 4) v128.store(sums, f64x2.add(v128.load(sums, 16), widenHigh<T>(v)), 16);
    v128.store(chain, zero);
    chain += 16;
    sums += lanes * 8;
  }
  for (; i < n; i++, chain += sizeof<T>(), sums += 8) {
    store<f64>(sums, load<f64>(sums) + <f64>load<T>(chain));
    store<T>(chain, 0);
  }
}

/** Adds to each of `channel` float64 the `inner` elements of its run in `chain`, and clears them. */
function fold<T>(chain: usize, sums: usize, channel: usize, inner: usize): void {
  const vectorBytes = (inner * sizeof<T>()) & ~15;
  let at = chain;
  for (let c: usize = 0; c < channel; c++, sums += 8) {
    let total = f64x2.splat(0);
    for (const stop = at + vectorBytes; at < stop; at += 16) total = addWidened<T>(total, v128.load(at));
    let sum = load<f64>(sums) + across(total);
    for (const stop = chain + (c + 1) * inner * sizeof<T>(); at < stop; at += sizeof<T>()) sum += <f64>load<T>(at);
    store<f64>(sums, sum);
  }
  memory.fill(chain, 0, at - chain);
}

/** dx of given sums g and gXhat. An item is a row. */
export function rowsGradInput<T>(
  x: usize,
  dy: usize,
  dx: usize,
  weight: usize,
  mean: usize,
  rstd: usize,
  g: usize,
  gXhat: usize,
  group: usize,
  D: usize,
  centered: i32,
  fixed: i32,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const bytes = D * sizeof<T>();
  for (let row = begin; row < end; row++) {
    const at = row * bytes;
    const meanG: f64 = fixed || !centered ? 0 : load<f64>(g + (row << 3)) / <f64>D;
    const meanGXhat: f64 = fixed ? 0 : load<f64>(gXhat + (row << 3)) / <f64>D;
    rowGradInput<T>(
      x + at,
      dy + at,
      dx + at,
      weight ? weight + (row % group) * bytes : 0,
      D,
      load<f64>(mean + (row << 3)),
      load<f64>(rstd + (row << 3)),
      meanG,
      meanGXhat,
      fixed,
      0,
      0,
    );
  }
}
