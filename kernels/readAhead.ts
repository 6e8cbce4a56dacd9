// Loops that sum an item while they write the one before it: memory then reads and writes at the same time, where one after the other would
// leave it idle in between. For runs of a trip or more: those of one contiguous chunk, of at most a segment, for each statistic; or runs of
// which two samples are taken together (samples.ts), their number being even, each its own chunk. Of float32 alone.
import { gradInputOf, gradInputTrip, normalized } from "./apply";
import { lanesOf, lastLanes, least, mulAdd } from "./lanes";
import { apartOf, chainTrips, pairOf, productsOf, squaresOf, stepOf, sumOf, sumsFrom } from "./sums";

/**
 * Normalizes `count` neighbouring runs of n elements, a trip or more, as `normalizeRuns`; the pair is of the sums of as many elements at
 * `next`, as `shiftedSums` has it. Where `other` is not 0 the run so many bytes further counts too, in both.
 */
export function normalizeAndSum<T>(x: usize, to: usize, n: usize, count: usize, table: usize, next: usize, shift: T, other: usize): v128 {
  if (other) return normalizeAndSumOfTwo<T>(x, to, n, count, table, next, shift, other);
  return normalizeAndSumAs<T>(x, to, n, count, table, next, shift, 0);
}

// A function of its own, so that the loop over one run has constant distances.
function normalizeAndSumOfTwo<T>(x: usize, to: usize, n: usize, count: usize, table: usize, next: usize, shift: T, other: usize): v128 {
  return normalizeAndSumAs<T>(x, to, n, count, table, next, shift, other);
}

// @ts-ignore: decorator
@inline
function normalizeAndSumAs<T>(x: usize, to: usize, n: usize, count: usize, table: usize, next: usize, shift: T, other: usize): v128 {
  const k = v128.splat<T>(shift);
  const bytes = n * sizeof<T>();
  const nextEnd = next + count * bytes;
  const step = stepOf(other, 64);
  const apart = apartOf(other, 64);
  let chainEnd = next + chainTrips * step;
  let total = f64x2.splat(0);
  let a = total;
  let b = total;
  for (const stop = table + count * 3 * sizeof<T>(); table < stop; table += 3 * sizeof<T>()) {
    const m = v128.splat<T>(load<T>(table));
    const s = v128.splat<T>(load<T>(table, sizeof<T>()));
    const c = v128.splat<T>(load<T>(table, 2 * sizeof<T>()));
    const end = x + bytes;
    const last = normalized<T>(v128.load(end - 16), m, s, c);
    for (const bulk = x + (bytes & ~63); x < bulk; ) {
      if (next == chainEnd) {
        total = f64x2.add(total, pairOf<T>(a, b));
        a = b = f64x2.splat(0);
        chainEnd += chainTrips * step;
      }
      const toNext = next - x;
      for (const part = least(chainEnd - toNext, bulk); x < part; x += step) {
        const at = x + toNext;
        const d0 = v128.sub<T>(v128.load(at), k);
        const d1 = v128.sub<T>(v128.load(at, 16), k);
        const d2 = v128.sub<T>(v128.load(at + apart), k);
        const d3 = v128.sub<T>(v128.load(at + apart, 16), k);
        a = v128.add<T>(a, sumOf<T>(d0, d1, d2, d3));
        b = v128.add<T>(b, squaresOf<T>(d0, d1, d2, d3));
        const beyond = x + apart;
        const v0 = v128.load(x);
        const v1 = v128.load(x, 16);
        const v2 = v128.load(beyond);
        const v3 = v128.load(beyond, 16);
        v128.store(x + to, normalized<T>(v0, m, s, c));
        v128.store(x + to, normalized<T>(v1, m, s, c), 16);
        v128.store(beyond + to, normalized<T>(v2, m, s, c));
        v128.store(beyond + to, normalized<T>(v3, m, s, c), 16);
      }
      next = x + toNext;
    }
    if (x < end) {
      for (; x + 16 < end; x += 16) v128.store(x + to, normalized<T>(v128.load(x), m, s, c));
      v128.store(end + to - 16, last);
      x = end;
    }
  }
  return sumsFrom<T>(next, nextEnd, chainEnd, k, other, a, b, total);
}

/**
 * dx of the `channel` runs of a statistic, as `applyRuns`; and for each of those `toNext` bytes further, of another statistic, the pair at
 * `sums` += sum(dy), sum(dy * (x - mean)). Where `other` is not 0 the run so many bytes further counts too, in both.
 */
export function gradInputAndSums<T>(x: usize, from: usize, to: usize, n: usize, channel: usize, mean: usize, nextMean: usize, table: usize, toNext: usize, sums: usize, other: usize): void {
  const m = v128.splat<T>(<T>load<f64>(mean));
  const k = v128.splat<T>(<T>load<f64>(nextMean));
  const step = stepOf(other, 64);
  const apart = apartOf(other, 64);
  const bytes = n * sizeof<T>();
  const rest = n & (lanesOf<T>() - 1);
  const mask = lastLanes<T>(rest);
  for (const stop = table + channel * 3 * sizeof<T>(); table < stop; table += 3 * sizeof<T>(), sums += 16) {
    const a = v128.splat<T>(load<T>(table));
    const b = v128.splat<T>(load<T>(table, sizeof<T>()));
    const c = v128.splat<T>(load<T>(table, 2 * sizeof<T>()));
    const end = x + bytes;
    const tail = end - 16;
    const last = gradInputOf<T>(tail, from, m, a, b, c);
    let total = f64x2.splat(0);
    let sum1 = total;
    let sum2 = total;
    let chainEnd = x + chainTrips * step;
    const bulk = x + (bytes & ~63);
    for (;;) {
      for (const part = least(chainEnd, bulk); x < part; x += step) {
        const next = x + toNext;
        const nextBeyond = next + apart;
        const g0 = v128.load(next + from);
        const g1 = v128.load(next + from, 16);
        const g2 = v128.load(nextBeyond + from);
        const g3 = v128.load(nextBeyond + from, 16);
        const d0 = v128.sub<T>(v128.load(next), k);
        const d1 = v128.sub<T>(v128.load(next, 16), k);
        const d2 = v128.sub<T>(v128.load(nextBeyond), k);
        const d3 = v128.sub<T>(v128.load(nextBeyond, 16), k);
        sum1 = v128.add<T>(sum1, sumOf<T>(g0, g1, g2, g3));
        sum2 = v128.add<T>(sum2, productsOf<T>(g0, d0, g1, d1, g2, d2, g3, d3));
        gradInputTrip<T>(x, x + apart, from, to, m, a, b, c);
      }
      if (x < chainEnd || x + 16 > end) break;
      total = f64x2.add(total, pairOf<T>(sum1, sum2));
      sum1 = sum2 = f64x2.splat(0);
      chainEnd += chainTrips * step;
    }
    if (x < end) {
      for (; x + 16 <= end; x += 16) {
        const next = x + toNext;
        const g = v128.load(next + from);
        sum1 = v128.add<T>(sum1, g);
        sum2 = mulAdd<T>(g, v128.sub<T>(v128.load(next), k), sum2);
        v128.store(x + to, gradInputOf<T>(x, from, m, a, b, c));
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
    v128.store(sums, f64x2.add(v128.load(sums), f64x2.add(total, pairOf<T>(sum1, sum2))));
  }
}
