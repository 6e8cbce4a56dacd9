// Gradients over planes: runs of `inner` elements share a statistic and a parameter. See planesForward.ts.
import { gradInputRun, normalizeRun } from "./apply";
import { scaleSums, storeGradients } from "./coefficients";
import { least } from "./lanes";
import { mergeSegments } from "./merge";
import { gradInputAndSums } from "./readAhead";
import { samplesTogether, toOther, turnsOf } from "./samples";
import { isShortColumns, shortColumnGradSums } from "./shortColumns";
import { isShort, shortGradInput, shortGradientSums } from "./shortRuns";
import { gradientSums, segmentElements } from "./sums";

/**
 * For each of groups * channel neighbouring runs of n elements: the float64 pair at `sums` += sum(dy), sum(dy * (x - mean)).
 * `means` are float64, one for each group. Where `other` is not 0 the runs so many bytes further count too; they are not short.
 */
function addGradSums<T>(x: usize, dy: usize, n: usize, groups: usize, channel: usize, means: usize, sums: usize, other: usize): void {
  if (isShort<T>(n)) return shortGradientSums<T>(x, dy, n, groups, channel, means, sums);
  for (let g: usize = 0; g < groups; g++, means += 8) {
    for (let c: usize = 0; c < channel; c++, sums += 16) {
      for (let left = n; left > 0; ) {
        const part = least(left, segmentElements);
        addGradSegment<T>(x, dy, part, <T>load<f64>(means), sums, other);
        x += part * sizeof<T>();
        dy += part * sizeof<T>();
        left -= part;
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function addGradSegment<T>(x: usize, dy: usize, n: usize, mean: T, sums: usize, other: usize): void {
  v128.store(sums, f64x2.add(v128.load(sums), gradientSums<T>(x, dy, n, mean, other, f64x2.splat(0))));
}

/**
 * The sums of the gradient and, unless dx is null, dx = rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight.
 *
 * x, dy, dx: [batch, pool, group, channel, inner]; mean, rstd: float64 [batch, group]; sums: float64 pairs
 * sum(dy), sum(dy * xhat) as [batch, group, channel]. An item is a batch index and `block` groups.
 * With `fixed` statistics dx = dy * weight * rstd; with `ahead` an item is summed while the one before it is written (readAhead.ts).
 * Scratch: 3 * sizeof(T) * block * channel bytes, or that of shortColumns.ts.
 */
export function planesBackward<T>(
  x: usize,
  dy: usize,
  dx: usize,
  weight: usize,
  mean: usize,
  rstd: usize,
  sums: usize,
  pool: usize,
  group: usize,
  channel: usize,
  inner: usize,
  block: usize,
  ahead: i32,
  centered: i32,
  fixed: i32,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const blocks = (group + block - 1) / block;
  const chunk = channel * inner;
  const chunkBytes = chunk * sizeof<T>();
  const stride = group * chunkBytes;
  const together = samplesTogether(inner);
  // Whether the item was summed while the item before it was written.
  let isSummed = false;
  let b = begin / blocks;
  let g0 = (begin % blocks) * block;
  for (let item = begin; item < end; item++) {
    const groups = least(block, group - g0);
    const offset = (b * pool * group + g0) * chunkBytes;
    const from = b * group + g0;
    const means = mean + (from << 3);
    const itemSums = sums + ((from * channel) << 4);
    if (!isSummed) {
      clear(itemSums, groups * channel);
      if (isShortColumns<T>(inner, pool)) {
        shortColumnGradSums<T>(x + offset, dy + offset, pool, stride, inner, groups * channel, channel, means, itemSums, scratch);
      } else {
        for (let p: usize = 0; p < pool; p += together) {
          const at = offset + p * stride;
          addGradSums<T>(x + at, dy + at, inner, groups, channel, means, itemSums, toOther(p, together, pool, stride));
        }
      }
    }
    g0 += block;
    if (g0 >= group) {
      g0 = 0;
      b++;
    }
    scaleSums<T>(itemSums, means, rstd + (from << 3), groups, channel);
    if (!dx) continue;
    const table = scratch;
    // Where the coefficients of statistic 0 would be.
    const first = table - from * channel * 3 * sizeof<T>();
    const count = <f64>(pool * chunk);
    planesGradCoefficients<T>(weight, mean, rstd, sums, first, group, channel, count, centered, fixed, scratch, from, from + groups);
    isSummed = sizeof<T>() == 4 && ahead && !fixed && item + 1 < end;
    const nextGroups = isSummed ? least(block, group - g0) : 0;
    const nextSums = itemSums + ((groups * channel) << 4);
    clear(nextSums, nextGroups * channel);
    for (let p = turnsOf(pool, together) * together, q = (b * pool * group + g0) * chunkBytes; p > 0; q += together * stride) {
      p -= together;
      const other = toOther(p, together, pool, stride);
      let at = offset + p * stride;
      let center = means;
      let coefficients = table;
      for (let g: usize = 0; g < nextGroups; g++, at += chunkBytes, center += 8, coefficients += channel * 3 * sizeof<T>()) {
        const toNext = q + g * chunkBytes - at;
        gradInputAndSums<T>(x + at, dy - x, dx - x, inner, channel, center, center + (groups << 3), coefficients, toNext, nextSums + ((g * channel) << 4), other);
      }
      if (nextGroups < groups) applyRuns<T>(x + at, dy + at, dx + at, inner, groups - nextGroups, channel, center, coefficients, fixed, other);
    }
  }
}

/** Pairs of 0. */
function clear(pairs: usize, count: usize): void {
  for (const stop = pairs + (count << 4); pairs < stop; pairs += 16) v128.store(pairs, f64x2.splat(0));
}

/** dx of groups * channel neighbouring runs; `means` are float64, one for each group; table: three T for each run. */
function applyRuns<T>(
  x: usize,
  dy: usize,
  dx: usize,
  n: usize,
  groups: usize,
  channel: usize,
  means: usize,
  table: usize,
  fixed: i32,
  other: usize,
): void {
  if (isShort<T>(n) && !fixed) return shortGradInput<T>(x, dy, dx, n, groups, channel, means, table);
  const bytes = n * sizeof<T>();
  for (let g: usize = 0; g < groups; g++, means += 8) {
    for (let c: usize = 0; c < channel; c++, table += 3 * sizeof<T>()) {
      applyRun<T>(x, dy, dx, n, <T>load<f64>(means), table, fixed, other);
      x += bytes;
      dy += bytes;
      dx += bytes;
    }
  }
}

// With fixed statistics x is not read: its NaN and infinities do not reach dx.
// @ts-ignore: decorator
@inline
function applyRun<T>(x: usize, dy: usize, dx: usize, n: usize, center: T, table: usize, fixed: i32, other: usize): void {
  if (fixed) normalizeRun<T>(dy, dx, n, 0, load<T>(table), 0, other);
  else gradInputRun<T>(x, dy, dx, n, center, load<T>(table), load<T>(table, sizeof<T>()), load<T>(table, 2 * sizeof<T>()), other);
}

/**
 * sum(dy), sum(dy * (x - mean)) of every segment of every run: pairs [batch, turns of pool, group, channel, segments].
 * An item is one segment.
 */
export function planesGradSegments<T>(
  x: usize,
  dy: usize,
  mean: usize,
  sums: usize,
  pool: usize,
  group: usize,
  channel: usize,
  inner: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const segments = (inner + segmentElements - 1) / segmentElements;
  const parameters = group * channel;
  const stride = parameters * inner * sizeof<T>();
  const together = samplesTogether(inner);
  const turns = turnsOf(pool, together);
  for (let item = begin; item < end; item++) {
    const start = (item % segments) * segmentElements;
    const parameter = (item / segments) % parameters;
    const p = ((item / segments / parameters) % turns) * together;
    const b = item / segments / parameters / turns;
    const s = b * group + parameter / channel;
    const at = (b * pool + p) * stride + (parameter * inner + start) * sizeof<T>();
    const other = toOther(p, together, pool, stride);
    memory.fill(sums + (item << 4), 0, 16);
    const center = mean + (s << 3);
    // The last segment of a long run may be short, but is added like the others.
    if (segments == 1) addGradSums<T>(x + at, dy + at, inner, 1, 1, center, sums + (item << 4), other);
    else addGradSegment<T>(x + at, dy + at, least(segmentElements, inner - start), <T>load<f64>(center), sums + (item << 4), other);
  }
}

/** The pairs of `planesBackward`'s sums, [batch, group, channel], from those of `planesGradSegments`. An item is a statistic. */
export function planesGradMerge<T>(
  parts: usize,
  mean: usize,
  rstd: usize,
  sums: usize,
  pool: usize,
  group: usize,
  channel: usize,
  inner: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const segments = (inner + segmentElements - 1) / segmentElements;
  const turns = turnsOf(pool, samplesTogether(inner));
  for (let s = begin; s < end; s++) {
    const b = s / group;
    const g = s % group;
    for (let c: usize = 0; c < channel; c++) {
      const first = parts + ((((b * turns * group + g) * channel + c) * segments) << 4);
      mergeSegments(sums + ((s * channel + c) << 4), first, segments, (group * channel * segments) << 4, turns);
    }
    scaleSums<T>(sums + ((s * channel) << 4), mean + (s << 3), rstd + (s << 3), 1, channel);
  }
}

/**
 * The three coefficients of dx of every [batch, group, channel], from the sums of `planesBackward`. An item is a statistic.
 */
export function planesGradCoefficients<T>(
  weight: usize,
  mean: usize,
  rstd: usize,
  sums: usize,
  coefficients: usize,
  group: usize,
  channel: usize,
  count: f64,
  centered: i32,
  fixed: i32,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  for (let s = begin; s < end; s++) {
    storeGradients<T>(
      coefficients + s * channel * 3 * sizeof<T>(),
      weight ? weight + (s % group) * channel * sizeof<T>() : 0,
      load<f64>(mean + (s << 3)),
      load<f64>(rstd + (s << 3)),
      sums + ((s * channel) << 4),
      channel,
      count,
      centered,
      fixed,
    );
  }
}

/** dx by the coefficients of `planesGradCoefficients`. An item is a run of `inner` elements. */
export function planesGradInput<T>(
  x: usize,
  dy: usize,
  dx: usize,
  mean: usize,
  coefficients: usize,
  pool: usize,
  group: usize,
  channel: usize,
  inner: usize,
  fixed: i32,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const parameters = group * channel;
  for (let run = begin; run < end; run++) {
    const b = run / (parameters * pool);
    const parameter = run % parameters;
    const at = run * inner * sizeof<T>();
    applyRun<T>(
      x + at,
      dy + at,
      dx + at,
      inner,
      <T>load<f64>(mean + ((b * group + parameter / channel) << 3)),
      coefficients + (b * parameters + parameter) * 3 * sizeof<T>(),
      fixed,
      0,
    );
  }
}
