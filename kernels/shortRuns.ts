// Loops over neighbouring runs of n elements each, n from one vector to `mostShort` elements: what `sums.ts` and `apply.ts`
// do to one run, without a call for each. Of float32 alone.
import { gradInputOf, normalizeFour, normalized } from "./apply";
import { lanesOf, lastLanes, mulAdd } from "./lanes";
import { pairOf, productsOf, squaresOf, sumOf } from "./sums";

/** Longer runs repay a call each; these fit one float32 chain, as long as those of sums.ts. */
export const mostShort: usize = 256;

// @ts-ignore: decorator
@inline
export function isShort<T>(n: usize): bool {
  return sizeof<T>() == 4 && n >= lanesOf<T>() && n <= mostShort;
}

/** The float64 pair at `sums` += (sum of the lanes of a, sum of the lanes of b). */
// @ts-ignore: decorator
@inline
function addPair<T>(sums: usize, a: v128, b: v128): void {
  v128.store(sums, f64x2.add(v128.load(sums), pairOf<T>(a, b)));
}

/** For each of `count` runs: the float64 pair at `sums` += sum(x - shift), sum((x - shift)^2); `shifts` are float64. */
export function shortShiftedSums<T>(x: usize, n: usize, count: usize, shifts: usize, sums: usize): void {
  const rest = n & (lanesOf<T>() - 1);
  const mask = lastLanes<T>(rest);
  const bytes = n * sizeof<T>();
  const blockBytes = bytes & ~63;
  const vectorBytes = bytes & ~15;
  for (const stop = shifts + count * 8; shifts < stop; shifts += 8, sums += 16) {
    const k = v128.splat<T>(<T>load<f64>(shifts));
    const end = x + bytes;
    let a = f64x2.splat(0);
    let b = a;
    for (const blockEnd = x + blockBytes; x < blockEnd; x += 64) {
      const d0 = v128.sub<T>(v128.load(x), k);
      const d1 = v128.sub<T>(v128.load(x, 16), k);
      const d2 = v128.sub<T>(v128.load(x, 32), k);
      const d3 = v128.sub<T>(v128.load(x, 48), k);
      a = v128.add<T>(a, sumOf<T>(d0, d1, d2, d3));
      b = v128.add<T>(b, squaresOf<T>(d0, d1, d2, d3));
    }
    for (const vectorEnd = x + vectorBytes - blockBytes; x < vectorEnd; x += 16) {
      const d = v128.sub<T>(v128.load(x), k);
      a = v128.add<T>(a, d);
      b = mulAdd<T>(d, d, b);
    }
    if (rest) {
      const d = v128.and(v128.sub<T>(v128.load(end - 16), k), mask);
      a = v128.add<T>(a, d);
      b = mulAdd<T>(d, d, b);
    }
    addPair<T>(sums, a, b);
    x = end;
  }
}

/**
 * For each of groups * channel runs: the float64 pair at `sums` += sum(dy), sum(dy * (x - mean)). `means` are float64, one for
 * each group.
 */
export function shortGradientSums<T>(x: usize, dy: usize, n: usize, groups: usize, channel: usize, means: usize, sums: usize): void {
  const rest = n & (lanesOf<T>() - 1);
  const mask = lastLanes<T>(rest);
  const bytes = n * sizeof<T>();
  const blockBytes = bytes & ~63;
  const vectorBytes = bytes & ~15;
  const from = dy - x;
  for (const last = means + groups * 8; means < last; means += 8) {
    const m = v128.splat<T>(<T>load<f64>(means));
    for (const stop = sums + channel * 16; sums < stop; sums += 16) {
      const end = x + bytes;
      let a = f64x2.splat(0);
      let b = a;
      for (const blockEnd = x + blockBytes; x < blockEnd; x += 64) {
        const g0 = v128.load(x + from);
        const g1 = v128.load(x + from, 16);
        const g2 = v128.load(x + from, 32);
        const g3 = v128.load(x + from, 48);
        const d0 = v128.sub<T>(v128.load(x), m);
        const d1 = v128.sub<T>(v128.load(x, 16), m);
        const d2 = v128.sub<T>(v128.load(x, 32), m);
        const d3 = v128.sub<T>(v128.load(x, 48), m);
        a = v128.add<T>(a, sumOf<T>(g0, g1, g2, g3));
        b = v128.add<T>(b, productsOf<T>(g0, d0, g1, d1, g2, d2, g3, d3));
      }
      for (const vectorEnd = x + vectorBytes - blockBytes; x < vectorEnd; x += 16) {
        const g = v128.load(x + from);
        a = v128.add<T>(a, g);
        b = mulAdd<T>(g, v128.sub<T>(v128.load(x), m), b);
      }
      if (rest) {
        const g = v128.and(v128.load(end + from - 16), mask);
        a = v128.add<T>(a, g);
        b = v128.add<T>(b, v128.and(v128.mul<T>(g, v128.sub<T>(v128.load(end - 16), m)), mask));
      }
      addPair<T>(sums, a, b);
      x = end;
    }
  }
}

/**
 * For each of `count` runs: y = (x - mean) * scale + shift; `table` holds the three T of each run. Where `other` is not 0 the runs so many
 * bytes further are done too.
 */
export function shortNormalize<T>(x: usize, y: usize, n: usize, count: usize, table: usize, other: usize): void {
  if (other) shortNormalizeTwo<T>(x, y, n, count, table, other);
  else shortNormalizeAs<T>(x, y, n, count, table, 0, false);
}

// A function of its own, so that each has its loop.
function shortNormalizeTwo<T>(x: usize, y: usize, n: usize, count: usize, table: usize, other: usize): void {
  shortNormalizeAs<T>(x, y, n, count, table, other, true);
}

// @ts-ignore: decorator
@inline
function shortNormalizeAs<T>(x: usize, y: usize, n: usize, count: usize, table: usize, other: usize, two: boolean): void {
  const blockBytes = (n * sizeof<T>()) & ~63;
  const bytes = n * sizeof<T>();
  const to = y - x;
  for (const stop = table + count * 3 * sizeof<T>(); table < stop; table += 3 * sizeof<T>()) {
    const m = v128.splat<T>(load<T>(table));
    const s = v128.splat<T>(load<T>(table, sizeof<T>()));
    const b = v128.splat<T>(load<T>(table, 2 * sizeof<T>()));
    const end = x + bytes;
    const tail = end - 16;
    const last = normalized<T>(v128.load(tail), m, s, b);
    const otherLast = two ? normalized<T>(v128.load(tail + other), m, s, b) : last;
    for (const blockEnd = x + blockBytes; x < blockEnd; x += 64) {
      normalizeFour<T>(x, to, m, s, b);
      if (two) normalizeFour<T>(x + other, to, m, s, b);
    }
    for (; x < tail; x += 16) {
      v128.store(x + to, normalized<T>(v128.load(x), m, s, b));
      if (two) v128.store(x + other + to, normalized<T>(v128.load(x + other), m, s, b));
    }
    v128.store(tail + to, last);
    if (two) v128.store(tail + other + to, otherLast);
    x = end;
  }
}

/**
 * For each of groups * channel runs: dx = dy * a + ((x - mean) * b + c). `means` are float64, one for each group; `table` holds
 * a, b and c of each run.
 */
export function shortGradInput<T>(x: usize, dy: usize, dx: usize, n: usize, groups: usize, channel: usize, means: usize, table: usize): void {
  const blockBytes = (n * sizeof<T>()) & ~63;
  const bytes = n * sizeof<T>();
  const from = dy - x;
  const to = dx - x;
  for (const lastMean = means + groups * 8; means < lastMean; means += 8) {
    const m = v128.splat<T>(<T>load<f64>(means));
    for (const stop = table + channel * 3 * sizeof<T>(); table < stop; table += 3 * sizeof<T>()) {
      const a = v128.splat<T>(load<T>(table));
      const b = v128.splat<T>(load<T>(table, sizeof<T>()));
      const c = v128.splat<T>(load<T>(table, 2 * sizeof<T>()));
      const end = x + bytes;
      const last = gradInputOf<T>(end - 16, from, m, a, b, c);
      for (const blockEnd = x + blockBytes; x < blockEnd; x += 64) {
        const t0 = normalized<T>(v128.load(x), m, b, c);
        const t1 = normalized<T>(v128.load(x, 16), m, b, c);
        const t2 = normalized<T>(v128.load(x, 32), m, b, c);
        const t3 = normalized<T>(v128.load(x, 48), m, b, c);
        v128.store(x + to, mulAdd<T>(v128.load(x + from), a, t0));
        v128.store(x + to, mulAdd<T>(v128.load(x + from, 16), a, t1), 16);
        v128.store(x + to, mulAdd<T>(v128.load(x + from, 32), a, t2), 32);
        v128.store(x + to, mulAdd<T>(v128.load(x + from, 48), a, t3), 48);
      }
      for (; x + 16 < end; x += 16) v128.store(x + to, gradInputOf<T>(x, from, m, a, b, c));
      v128.store(end + to - 16, last);
      x = end;
    }
  }
}
