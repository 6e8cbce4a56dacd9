// Planes: runs of `inner` contiguous elements share a statistic and a parameter. The loops are right for every
// plan [batch, pool, group, channel, inner], and fast where inner is 16 or more.
import { least } from "./lanes";
import { mergeSegments } from "./merge";
import { finishMoments, finishSquares, m2 as finishedM2, mean as finishedMean, sampleMean } from "./moments";
import { normalizeRun } from "./apply";
import { storeCoefficients } from "./coefficients";
import { normalizeAndSum } from "./readAhead";
import { samplesTogether, toOther, turnsOf, writtenTogether } from "./samples";
import { isShort, shortNormalize, shortShiftedSums } from "./shortRuns";
import { isShortColumns, shortColumnSums } from "./shortColumns";
import { segmentElements, shiftedSums } from "./sums";

// Parameters whose coefficients are worked out at a time: 64 KiB of scratch hold more.
const tableParameters: usize = 2048;

/**
 * For each of `count` neighbouring parts of n elements: the float64 pair at `sums` += sum(x - shift), sum((x - shift)^2). `shifts` are
 * float64. Where `other` is not 0 the parts so many bytes further count too; they are not short.
 */
function addSums<T>(x: usize, n: usize, count: usize, shifts: usize, sums: usize, other: usize): void {
  if (isShort<T>(n)) return shortShiftedSums<T>(x, n, count, shifts, sums);
  for (let i: usize = 0; i < count; i++, sums += 16) {
    for (let left = n; left > 0; ) {
      const part = least(left, segmentElements);
      addSegment<T>(x, part, load<f64>(shifts + (i << 3)), sums, other);
      x += part * sizeof<T>();
      left -= part;
    }
  }
}

// @ts-ignore: decorator
@inline
function addSegment<T>(x: usize, n: usize, shift: f64, sums: usize, other: usize): void {
  v128.store(sums, f64x2.add(v128.load(sums), shiftedSums<T>(x, n, <T>shift, other, f64x2.splat(0))));
}

/**
 * Statistics and, unless y is null, y = (x - mean) * rstd * weight + bias.
 *
 * x, y: [batch, pool, group, channel, inner]; weight, bias: [group, channel] or null; mean, m2, rstd: float64
 * [batch, group]. An item is a batch index and `block` groups, taken batch-major so that reads are long,
 * and normalized backwards over the pool while its last part is still in cache.
 * With `ahead` an item is summed while the one before it is written (readAhead.ts). Scratch: block * (24 + 3 * sizeof(T) * channel)
 * bytes, or that of shortColumns.ts.
 */
export function planesForward<T>(
  x: usize,
  y: usize,
  weight: usize,
  bias: usize,
  mean: usize,
  m2: usize,
  rstd: usize,
  pool: usize,
  group: usize,
  channel: usize,
  inner: usize,
  block: usize,
  ahead: i32,
  centered: i32,
  eps: f64,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const blocks = (group + block - 1) / block;
  const chunk = channel * inner;
  const chunkBytes = chunk * sizeof<T>();
  const stride = group * chunkBytes;
  const together = writtenTogether<T>(inner);
  const sums = scratch;
  const shifts = sums + (block << 4);
  const table = shifts + (block << 3);
  // Whether the item's statistics were worked out while the item before it was written.
  let isKnown = false;
  let b = begin / blocks;
  let g0 = (begin % blocks) * block;
  for (let item = begin; item < end; item++) {
    const s = b * group + g0;
    const groups = least(block, group - g0);
    const at = x + (b * pool * group + g0) * chunkBytes;
    if (!isKnown) {
      startSums<T>(at, groups, sums, shifts, pool, chunk, stride, centered);
      addAllSums<T>(at, groups, sums, shifts, pool, chunk, stride);
      finishAll<T>(at, s, groups, sums, shifts, pool, chunk, stride, centered, eps, mean, m2, rstd);
    }
    const from = g0;
    const start = b * group;
    g0 += block;
    if (g0 >= group) {
      g0 = 0;
      b++;
    }
    if (!y) continue;
    storeTable<T>(table, mean, rstd, start, weight, bias, from * channel, (from + groups) * channel, channel);
    isKnown = sizeof<T>() == 4 && ahead && item + 1 < end;
    const nextGroups = isKnown ? least(block, group - g0) : 0;
    const next = x + (b * pool * group + g0) * chunkBytes;
    if (isKnown && pool == 1) {
      // One group: what its sums take in memory and calls would be a tenth of the time of a small one.
      const shift = shiftOf<T>(next, 1, stride, chunk, centered);
      const pair = normalizeAndSum<T>(at, y - x, inner, channel, table, next, <T>shift, 0);
      finish<T>(f64x2.extract_lane(pair, 0), f64x2.extract_lane(pair, 1), shift, next, 1, stride, chunk, centered, eps, mean, m2, rstd, s + 1);
      continue;
    }
    if (isKnown) startSums<T>(next, nextGroups, sums, shifts, pool, chunk, stride, centered);
    for (let p = turnsOf(pool, together) * together, q = next; p > 0; q += together * stride) {
      p -= together;
      const other = toOther(p, together, pool, stride);
      let run = at + p * stride;
      let coefficients = table;
      for (let g: usize = 0; g < nextGroups; g++, run += chunkBytes, coefficients += channel * 3 * sizeof<T>()) {
        const sum = sums + (g << 4);
        const pair = normalizeAndSum<T>(run, y - x, inner, channel, coefficients, q + g * chunkBytes, <T>load<f64>(shifts + (g << 3)), other);
        v128.store(sum, f64x2.add(v128.load(sum), pair));
      }
      if (nextGroups < groups) normalizeRuns<T>(run, run + (y - x), inner, (groups - nextGroups) * channel, coefficients, other);
    }
    if (isKnown) finishAll<T>(next, b * group + g0, nextGroups, sums, shifts, pool, chunk, stride, centered, eps, mean, m2, rstd);
  }
}

/** What each of `groups` neighbouring statistics is summed about, and sums of 0. */
function startSums<T>(x: usize, groups: usize, sums: usize, shifts: usize, pool: usize, chunk: usize, stride: usize, centered: i32): void {
  for (const stop = shifts + (groups << 3); shifts < stop; shifts += 8, sums += 16, x += chunk * sizeof<T>()) {
    v128.store(sums, f64x2.splat(0));
    store<f64>(shifts, shiftOf<T>(x, pool, stride, chunk, centered));
  }
}

/** Adds the sums of `groups` neighbouring statistics over all of pool. */
function addAllSums<T>(x: usize, groups: usize, sums: usize, shifts: usize, pool: usize, chunk: usize, stride: usize): void {
  if (isShortColumns<T>(chunk, pool)) return shortColumnSums<T>(x, pool, stride, chunk, groups, shifts, sums, shifts + (groups << 3));
  const together = samplesTogether(chunk);
  for (let p: usize = 0; p < pool; p += together) {
    addSums<T>(x + p * stride, chunk, groups, shifts, sums, toOther(p, together, pool, stride));
  }
}

/** Mean, M2 and rstd of `groups` neighbouring statistics, the first of which is s. */
function finishAll<T>(
  x: usize,
  s: usize,
  groups: usize,
  sums: usize,
  shifts: usize,
  pool: usize,
  chunk: usize,
  stride: usize,
  centered: i32,
  eps: f64,
  mean: usize,
  m2: usize,
  rstd: usize,
): void {
  for (const stop = s + groups; s < stop; s++, sums += 16, shifts += 8, x += chunk * sizeof<T>()) {
    finish<T>(load<f64>(sums), load<f64>(sums, 8), load<f64>(shifts), x, pool, stride, chunk, centered, eps, mean, m2, rstd, s);
  }
}

/** What one statistic is summed about. */
// @ts-ignore: decorator
@inline
function shiftOf<T>(x: usize, pool: usize, stride: usize, chunk: usize, centered: i32): f64 {
  return centered ? <f64>sampleMean<T>(x, pool, stride, chunk) : 0;
}

// @ts-ignore: decorator
@inline
function finish<T>(
  sum1: f64,
  sum2: f64,
  shift: f64,
  x: usize,
  pool: usize,
  stride: usize,
  chunk: usize,
  centered: i32,
  eps: f64,
  mean: usize,
  m2: usize,
  rstd: usize,
  s: usize,
): void {
  if (centered) finishMoments<T>(sum1, sum2, shift, x, pool, stride, chunk);
  else finishSquares<T>(sum2, x, pool, stride, chunk);
  store<f64>(mean + (s << 3), finishedMean);
  store<f64>(m2 + (s << 3), finishedM2);
  store<f64>(rstd + (s << 3), 1 / Math.sqrt(finishedM2 / <f64>(pool * chunk) + eps));
}

/**
 * The sums of every segment of every chunk, for plans with too few statistics to share among threads.
 *
 * sums: float64 pairs [batch, turns of pool, group, segments]. An item is one segment.
 */
export function planesSegments<T>(
  x: usize,
  sums: usize,
  pool: usize,
  group: usize,
  chunk: usize,
  centered: i32,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const segments = (chunk + segmentElements - 1) / segmentElements;
  const stride = group * chunk * sizeof<T>();
  const together = samplesTogether(chunk);
  const turns = turnsOf(pool, together);
  let sampled: usize = usize.MAX_VALUE;
  for (let item = begin; item < end; item++) {
    const segment = item % segments;
    const g = (item / segments) % group;
    const p = ((item / segments / group) % turns) * together;
    const b = item / segments / group / turns;
    if (sampled != b * group + g) {
      sampled = b * group + g;
      store<f64>(scratch, shiftOf<T>(x + ((b * pool * group + g) * chunk) * sizeof<T>(), pool, stride, chunk, centered));
    }
    const start = segment * segmentElements;
    const at = x + (b * pool + p) * stride + (g * chunk + start) * sizeof<T>();
    const other = toOther(p, together, pool, stride);
    memory.fill(sums + (item << 4), 0, 16);
    // The last segment of a long chunk may be short, but is added like the others.
    if (segments == 1) addSums<T>(at, chunk, 1, scratch, sums + (item << 4), other);
    else addSegment<T>(at, least(segmentElements, chunk - start), load<f64>(scratch), sums + (item << 4), other);
  }
}

/** Mean, M2 and rstd of each statistic from the sums of `planesSegments`. An item is one statistic. */
export function planesMerge<T>(
  x: usize,
  sums: usize,
  mean: usize,
  m2: usize,
  rstd: usize,
  pool: usize,
  group: usize,
  chunk: usize,
  centered: i32,
  eps: f64,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const segments = (chunk + segmentElements - 1) / segmentElements;
  const stride = group * chunk * sizeof<T>();
  const turns = turnsOf(pool, samplesTogether(chunk));
  for (let s = begin; s < end; s++) {
    const b = s / group;
    const g = s % group;
    const start = x + ((b * pool * group + g) * chunk) * sizeof<T>();
    mergeSegments(scratch, sums + (((b * turns * group + g) * segments) << 4), segments, (group * segments) << 4, turns);
    const shift = shiftOf<T>(start, pool, stride, chunk, centered);
    finish<T>(load<f64>(scratch), load<f64>(scratch, 8), shift, start, pool, stride, chunk, centered, eps, mean, m2, rstd, s);
  }
}

/**
 * y = (x - mean) * rstd * weight + bias for given statistics. An item is a run of `inner` elements. Two halves of the items, whole samples
 * apart, are taken together.
 */
export function planesNormalize<T>(
  x: usize,
  y: usize,
  weight: usize,
  bias: usize,
  mean: usize,
  rstd: usize,
  pool: usize,
  group: usize,
  channel: usize,
  inner: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const parameters = group * channel;
  const runs = parameters * pool;
  const isOneBatch = (end - 1) / runs == begin / runs;
  const half = isOneBatch && writtenTogether<T>(inner) == 2 ? ((end - begin) / parameters / 2) * parameters : 0;
  const halfEnd = begin + half;
  // A table of all parameters is worth its time where it serves several samples; else it is of the runs at hand.
  const isShared = parameters <= tableParameters && end - begin > parameters;
  let tabled: usize = usize.MAX_VALUE;
  for (let run = begin; run < end; ) {
    const first = run % parameters;
    const b = run / runs;
    const isFirstHalf = run < halfEnd;
    const count = least(least(parameters - first, (isFirstHalf ? halfEnd : end) - run), tableParameters);
    const from = isShared ? 0 : first;
    const to = isShared ? parameters : first + count;
    if (!isShared || tabled != b) storeTable<T>(scratch, mean, rstd, b * group, weight, bias, from, to, channel);
    tabled = b;
    const at = run * inner * sizeof<T>();
    normalizeRuns<T>(x + at, y + at, inner, count, scratch + (first - from) * 3 * sizeof<T>(), isFirstHalf ? half * inner * sizeof<T>() : 0);
    run += count;
    // The second half is done with the first.
    if (run == halfEnd) run += half;
  }
}

/** The coefficients of parameters [from, to) of the batch index whose statistics begin at `start`. */
function storeTable<T>(
  table: usize,
  mean: usize,
  rstd: usize,
  start: usize,
  weight: usize,
  bias: usize,
  from: usize,
  to: usize,
  channel: usize,
): void {
  let g = from / channel;
  let stop = (g + 1) * channel;
  for (let i = from; i < to; g++, stop += channel) {
    const s = (start + g) << 3;
    const center = load<f64>(mean + s);
    const scale = load<f64>(rstd + s);
    for (const last = least(stop, to); i < last; i++, table += 3 * sizeof<T>()) {
      storeCoefficients<T>(table, center, scale, weight, bias, i);
    }
  }
}

/** y of `count` neighbouring runs, and of those `other` bytes further unless that is 0; table: three T for each run. */
function normalizeRuns<T>(x: usize, y: usize, n: usize, count: usize, table: usize, other: usize): void {
  if (isShort<T>(n)) return shortNormalize<T>(x, y, n, count, table, other);
  const bytes = n * sizeof<T>();
  const rest = other ? n & 15 : 0;
  for (const stop = table + count * 3 * sizeof<T>(); table < stop; table += 3 * sizeof<T>(), x += bytes, y += bytes) {
    const mean = load<T>(table);
    const scale = load<T>(table, sizeof<T>());
    const shift = load<T>(table, 2 * sizeof<T>());
    normalizeRun<T>(x, y, n - rest, mean, scale, shift, other);
    if (!rest) continue;
    const restX = x + bytes - rest * sizeof<T>();
    const restY = restX + (y - x);
    normalizeRun<T>(restX, restY, rest, mean, scale, shift, 0);
    normalizeRun<T>(restX + other, restY + other, rest, mean, scale, shift, 0);
  }
}
