// Where each statistic is of one contiguous chunk, the next chunk is summed in the same loop in which one is written. Memory then reads and
// writes at the same time, where one after the other would leave it idle in between: 1.2 copies' time instead of 1.5.
import { gradInputFour, normalizeFour } from "./apply";
import { lanesOf, lastLanes, least, mulAdd } from "./lanes";
import { chainBytes, pairOf, segmentElements, squaresOf, sumOf, sumsFrom } from "./sums";

/** Whether items are taken so: of one chunk each, whose sums are of `summed` elements at a time. Of float32 alone. */
// @ts-ignore: decorator
@inline
export function readsAhead<T>(pool: usize, block: usize, summed: usize, inner: usize): bool {
  return sizeof<T>() == 4 && pool == 1 && block == 1 && summed <= segmentElements && inner >= 16;
}

/**
 * Normalizes `count` neighbouring runs of n elements, a trip or more, as `normalizeRuns`; the pair is of the sums of as many elements at
 * `next`, as `shiftedSums` has it. Memory is read and written at the same time.
 */
export function normalizeAndSum<T>(x: usize, to: usize, n: usize, count: usize, table: usize, next: usize, shift: T): v128 {
  const k = v128.splat<T>(shift);
  const bytes = n * sizeof<T>();
  const nextEnd = next + count * bytes;
  let chainEnd = next + chainBytes;
  let total = f64x2.splat(0);
  let a = total;
  let b = total;
  for (const stop = table + count * 3 * sizeof<T>(); table < stop; table += 3 * sizeof<T>()) {
    const m = v128.splat<T>(load<T>(table));
    const s = v128.splat<T>(load<T>(table, sizeof<T>()));
    const c = v128.splat<T>(load<T>(table, 2 * sizeof<T>()));
    const end = x + bytes;
    const last = mulAdd<T>(v128.sub<T>(v128.load(end - 16), m), s, c);
    for (const bulk = x + (bytes & ~63); x < bulk; ) {
      if (next == chainEnd) {
        total = f64x2.add(total, pairOf<T>(a, b));
        a = b = f64x2.splat(0);
        chainEnd += chainBytes;
      }
      const toNext = next - x;
      for (const part = least(chainEnd - toNext, bulk); x < part; x += 64) {
        const at = x + toNext;
        const d0 = v128.sub<T>(v128.load(at), k);
        const d1 = v128.sub<T>(v128.load(at, 16), k);
        const d2 = v128.sub<T>(v128.load(at, 32), k);
        const d3 = v128.sub<T>(v128.load(at, 48), k);
        a = v128.add<T>(a, sumOf<T>(d0, d1, d2, d3));
        b = v128.add<T>(b, squaresOf<T>(d0, d1, d2, d3));
        normalizeFour<T>(x, to, m, s, c);
      }
      next = x + toNext;
    }
    if (x < end) {
      for (; x + 16 < end; x += 16) v128.store(x + to, mulAdd<T>(v128.sub<T>(v128.load(x), m), s, c));
      v128.store(end + to - 16, last);
      x = end;
    }
  }
  return sumsFrom<T>(next, nextEnd, chainEnd, k, 0, a, b, total);
}

/**
 * dx of the `channel` runs of a statistic, as `applyRuns`; and for each of those `toNext` bytes further, of the next statistic, the pair at
 * `sums` = sum(dy), sum(dy * (x - mean)). `means` are those of both.
 */
export function gradInputAndSums<T>(x: usize, from: usize, to: usize, n: usize, channel: usize, means: usize, table: usize, toNext: usize, sums: usize): void {
  const m = v128.splat<T>(<T>load<f64>(means));
  const k = v128.splat<T>(<T>load<f64>(means, 8));
  const bytes = n * sizeof<T>();
  const rest = n & (lanesOf<T>() - 1);
  const mask = lastLanes<T>(rest);
  for (const stop = table + channel * 3 * sizeof<T>(); table < stop; table += 3 * sizeof<T>(), sums += 16) {
    const a = v128.splat<T>(load<T>(table));
    const b = v128.splat<T>(load<T>(table, sizeof<T>()));
    const c = v128.splat<T>(load<T>(table, 2 * sizeof<T>()));
    const end = x + bytes;
    const tail = end - 16;
    const last = mulAdd<T>(v128.load(tail + from), a, mulAdd<T>(v128.sub<T>(v128.load(tail), m), b, c));
    let total = f64x2.splat(0);
    let sum1 = total;
    let sum2 = total;
    let chainEnd = x + chainBytes;
    const bulk = x + (bytes & ~63);
    for (;;) {
      for (const part = least(chainEnd, bulk); x < part; x += 64) {
        const next = x + toNext;
        const g0 = v128.load(next + from);
        const g1 = v128.load(next + from, 16);
        const g2 = v128.load(next + from, 32);
        const g3 = v128.load(next + from, 48);
        const p0 = mulAdd<T>(g0, v128.sub<T>(v128.load(next), k), v128.mul<T>(g1, v128.sub<T>(v128.load(next, 16), k)));
        const p1 = mulAdd<T>(g2, v128.sub<T>(v128.load(next, 32), k), v128.mul<T>(g3, v128.sub<T>(v128.load(next, 48), k)));
        sum1 = v128.add<T>(sum1, sumOf<T>(g0, g1, g2, g3));
        sum2 = v128.add<T>(sum2, v128.add<T>(p0, p1));
        gradInputFour<T>(x, from, to, m, a, b, c);
      }
      if (x < chainEnd || x + 16 > end) break;
      total = f64x2.add(total, pairOf<T>(sum1, sum2));
      sum1 = sum2 = f64x2.splat(0);
      chainEnd += chainBytes;
    }
    if (x < end) {
      for (; x + 16 <= end; x += 16) {
        const next = x + toNext;
        const g = v128.load(next + from);
        sum1 = v128.add<T>(sum1, g);
        sum2 = mulAdd<T>(g, v128.sub<T>(v128.load(next), k), sum2);
        v128.store(x + to, mulAdd<T>(v128.load(x + from), a, mulAdd<T>(v128.sub<T>(v128.load(x), m), b, c)));
      }
      if (rest) {
        const next = tail + toNext;
        const g = v128.and(v128.load(next + from), mask);
        sum1 = v128.add<T>(sum1, g);
        sum2 = v128.add<T>(sum2, v128.and(v128.mul<T>(g, v128.sub<T>(v128.load(next), k)), mask));
        v128.store(tail + to, last);
      }
      x = end;
    }
    v128.store(sums, f64x2.add(total, pairOf<T>(sum1, sum2)));
  }
}
