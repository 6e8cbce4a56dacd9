// Gradients over rows of D elements with a weight and a bias for each element. See rowsForward.ts.
import { across, addWidened, lanesOf, least, widenHigh, widenLow } from "./lanes";
import { isExact, rowGradInput, rowGradients, rowGradientsAndSums, rowParameterSums, rowScale, storeRow, sumRow } from "./rowGradients";

// Rows whose dy and dy * xhat are added in T before they go on in float64.
const chainRows: usize = 32;

/**
 * The sums of the parameters' gradient and, unless dx is null, dx = rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight.
 *
 * x, dy, dx: [batch, group, D]; weight: [group, D]; mean, rstd: float64 [batch, group]. An item is `block` batch indices; a row has
 * D = channel * inner elements, each with a weight of its own. `parameterSums` holds for each item 2 * group * channel float64 (sum(dy * xhat),
 * then sum(dy), over batch and inner) and 2 * group * D T to work in; null where neither is wanted. `near`: x, dy and dx are in cache.
 */
export function rowsBackward<T>(
  x: usize,
  dy: usize,
  dx: usize,
  weight: usize,
  mean: usize,
  rstd: usize,
  parameterSums: usize,
  batch: usize,
  group: usize,
  channel: usize,
  inner: usize,
  block: usize,
  centered: i32,
  near: i32,
  fixed: i32,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const D = channel * inner;
  const bytes = D * sizeof<T>();
  const apart = group * bytes;
  const itemBytes = group * channel * 16 + 2 * apart;
  const isMoving: bool = dx && !fixed;
  const isWhole: bool = isMoving && parameterSums;
  // From main memory the row after one that is written is summed in the same loop.
  const isAhead = sizeof<T>() == 4 && isWhole && !near && !(D & 15);
  let isKnown = false;
  for (let item = begin; item < end; item++) {
    const sums = parameterSums + item * itemBytes;
    const chains = sums + group * channel * 16;
    if (parameterSums) memory.fill(sums, 0, itemBytes);
    const stop = least((item + 1) * block, batch);
    // Group by group, so that the chain of a group's parameters stays in the first-level cache.
    for (let from = item * block; from < stop; from += chainRows) {
      const to = least(from + chainRows, stop);
      for (let k: usize = 0; k < group; k++) {
        const own = k * bytes;
        const w = weight + own;
        const chain = chains + own;
        for (let b = from; b < to; b++) {
          const row = b * group + k;
          const at = row * bytes;
          const s = row << 3;
          const center = load<f64>(mean + s);
          if (!isKnown) {
            const pair = isMoving ? sumRow<T>(x + at, dy + at, w, D, <T>center) : f64x2.splat(0);
            storeRow<T>(scratch, pair, D, center, load<f64>(rstd + s), centered);
          }
          isKnown = isAhead && b + 1 < (group == 1 ? stop : to) && !isExact<T>(scratch);
          if (isKnown) {
            const next = s + (group << 3);
            const nextCenter = load<f64>(mean + next);
            const pair = rowGradientsAndSums<T>(x + at, dy + at, dx + at, w, D, scratch, chain, apart, apart, <T>nextCenter);
            storeRow<T>(scratch, pair, D, nextCenter, load<f64>(rstd + next), centered);
            continue;
          }
          if (isWhole) {
            rowGradients<T>(x + at, dy + at, dx + at, w, D, scratch, chain, apart);
            continue;
          }
          if (parameterSums) rowParameterSums<T>(x + at, dy + at, D, scratch, chain, apart);
          if (isMoving) rowGradInput<T>(x + at, dy + at, dx + at, w, D, scratch);
          else if (dx) rowScale<T>(dy + at, dx + at, w, D, <T>load<f64>(rstd + s));
        }
        if (parameterSums) {
          const to1 = sums + k * channel * 8;
          const to2 = to1 + group * channel * 8;
          if (inner == 1) {
            flush<T>(chain, to1, D);
            flush<T>(chain + apart, to2, D);
          } else {
            fold<T>(chain, to1, channel, inner);
            fold<T>(chain + apart, to2, channel, inner);
          }
        }
      }
    }
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
