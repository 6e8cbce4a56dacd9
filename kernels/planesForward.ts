// Planes: runs of `inner` contiguous elements share a statistic and a parameter. The loops are right for every
// plan [batch, pool, group, channel, inner], and fast where inner is 16 or more.
import { least } from "./lanes";
import { finishMoments, finishSquares, m2 as finishedM2, mean as finishedMean, sampleMean } from "./moments";
import { normalizeRun } from "./apply";
import { storeCoefficients } from "./coefficients";
import { isShort, shortNormalize, shortShiftedSums } from "./shortRuns";
import { isShortColumns, shortColumnSums } from "./shortColumns";
import { first, second, shiftedSums, squareSum } from "./sums";

// Long chunks are summed in segments of fixed length, so that threads may take them apart.
export const segmentElements: usize = 32768;

// Parameters whose coefficients are worked out once for all runs of a batch index: 64 KiB of scratch hold more.
const tableParameters: usize = 2048;

/**
 * For each of `count` neighbouring parts of n elements: the float64 pair at `sums` += sum(x - shift), sum((x - shift)^2), or
 * sum(x^2) and nothing where not centered. `shifts` are float64.
 */
function addSums<T>(x: usize, n: usize, count: usize, shifts: usize, centered: i32, sums: usize): void {
  if (centered && isShort<T>(n)) return shortShiftedSums<T>(x, n, count, shifts, sums);
  for (let i: usize = 0; i < count; i++, sums += 16) {
    for (let left = n; left > 0; ) {
      const part = least(left, segmentElements);
      addSegment<T>(x, part, load<f64>(shifts + (i << 3)), centered, sums);
      x += part * sizeof<T>();
      left -= part;
    }
  }
}

// @ts-ignore: decorator
@inline
function addSegment<T>(x: usize, n: usize, shift: f64, centered: i32, sums: usize): void {
  if (centered) shiftedSums<T>(x, n, <T>shift);
  else squareSum<T>(x, n);
  store<f64>(sums, load<f64>(sums) + first);
  if (centered) store<f64>(sums, load<f64>(sums, 8) + second, 8);
}

/**
 * Statistics and, unless y is null, y = (x - mean) * rstd * weight + bias.
 *
 * x, y: [batch, pool, group, channel, inner]; weight, bias: [group, channel] or null; mean, m2, rstd: float64
 * [batch, group]. An item is a batch index and `block` groups, taken batch-major so that reads are long,
 * and normalized backwards over the pool while its last part is still in cache.
 * Scratch: block * (24 + 3 * sizeof(T) * channel) bytes if pool > 1, else 24.
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
  centered: i32,
  eps: f64,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const blocks = (group + block - 1) / block;
  const chunk = channel * inner;
  const stride = group * chunk * sizeof<T>();
  for (let item = begin; item < end; item++) {
    const b = item / blocks;
    const g0 = (item % blocks) * block;
    const groups = least(block, group - g0);
    const offset = ((b * pool * group + g0) * chunk) * sizeof<T>();
    const statistic = (b * group + g0) << 3;
    planesMoments<T>(x + offset, mean + statistic, m2 + statistic, rstd + statistic, pool, groups, chunk, stride, centered, eps, scratch);
    if (!y) continue;
    const table = scratch;
    const parameters = groups * channel;
    const from = g0 * channel;
    storeTable<T>(table, mean, rstd, b * group, weight, bias, from, from + parameters, channel);
    for (let p = pool; p > 0; p--) {
      let at = offset + (p - 1) * stride;
      if (isShort<T>(inner)) {
        shortNormalize<T>(x + at, y + at, inner, parameters, table);
        continue;
      }
      for (let t = table, stop = table + parameters * 3 * sizeof<T>(); t < stop; t += 3 * sizeof<T>()) {
        normalizeBy<T>(x + at, y + at, inner, t);
        at += inner * sizeof<T>();
      }
    }
  }
}

/** Mean, M2 and rstd of `groups` neighbouring statistics; scratch: the pair of sums of each, then the shift of each. */
function planesMoments<T>(
  x: usize,
  mean: usize,
  m2: usize,
  rstd: usize,
  pool: usize,
  groups: usize,
  chunk: usize,
  stride: usize,
  centered: i32,
  eps: f64,
  sums: usize,
): void {
  const chunkBytes = chunk * sizeof<T>();
  const shifts = sums + (groups << 4);
  for (let at = sums; at < shifts; at += 16) v128.store(at, f64x2.splat(0));
  for (let g: usize = 0; g < groups; g++) {
    store<f64>(shifts + (g << 3), centered ? <f64>sampleMean<T>(x + g * chunkBytes, pool, stride, chunk) : 0);
  }
  if (centered && isShortColumns<T>(chunk, pool)) shortColumnSums<T>(x, pool, stride, chunk, groups, shifts, sums, shifts + (groups << 3));
  else for (let p: usize = 0; p < pool; p++) addSums<T>(x + p * stride, chunk, groups, shifts, centered, sums);
  for (let g: usize = 0; g < groups; g++) {
    const sum = sums + (g << 4);
    finish<T>(load<f64>(sum), load<f64>(sum, 8), load<f64>(shifts + (g << 3)), x + g * chunkBytes, pool, stride, chunk, centered, eps, mean, m2, rstd, g);
  }
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
  else finishSquares<T>(sum1, x, pool, stride, chunk);
  store<f64>(mean + (s << 3), finishedMean);
  store<f64>(m2 + (s << 3), finishedM2);
  store<f64>(rstd + (s << 3), 1 / Math.sqrt(finishedM2 / <f64>(pool * chunk) + eps));
}

/**
 * The sums of every segment of every chunk, for plans with too few statistics to share among threads.
 *
 * sums: float64 pairs [batch, pool, group, segments]. An item is one segment.
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
  let sampled: usize = usize.MAX_VALUE;
  for (let item = begin; item < end; item++) {
    const segment = item % segments;
    const run = item / segments;
    const g = run % group;
    const b = run / group / pool;
    if (centered && sampled != b * group + g) {
      sampled = b * group + g;
      store<f64>(scratch, <f64>sampleMean<T>(x + ((b * pool * group + g) * chunk) * sizeof<T>(), pool, stride, chunk));
    }
    const start = segment * segmentElements;
    const at = x + (run * chunk + start) * sizeof<T>();
    memory.fill(sums + (item << 4), 0, 16);
    // The last segment of a long chunk may be short, but is added like the others.
    if (segments == 1) addSums<T>(at, chunk, 1, scratch, centered, sums + (item << 4));
    else addSegment<T>(at, least(segmentElements, chunk - start), load<f64>(scratch), centered, sums + (item << 4));
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
  for (let s = begin; s < end; s++) {
    const b = s / group;
    const g = s % group;
    const start = x + ((b * pool * group + g) * chunk) * sizeof<T>();
    let sum1: f64 = 0;
    let sum2: f64 = 0;
    for (let p: usize = 0; p < pool; p++) {
      let at = sums + ((((b * pool + p) * group + g) * segments) << 4);
      for (let i: usize = 0; i < segments; i++, at += 16) {
        sum1 += load<f64>(at);
        sum2 += load<f64>(at, 8);
      }
    }
    const shift: f64 = centered ? <f64>sampleMean<T>(start, pool, stride, chunk) : 0;
    finish<T>(sum1, sum2, shift, start, pool, stride, chunk, centered, eps, mean, m2, rstd, s);
  }
}

/**
 * y = (x - mean) * rstd * weight + bias for given statistics. An item is a run of `inner` elements.
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
  const bytes = inner * sizeof<T>();
  const isTabled = isShort<T>(inner) && parameters <= tableParameters;
  let tabled: usize = usize.MAX_VALUE;
  for (let run = begin; run < end; ) {
    const first = run % parameters;
    const b = run / (parameters * pool);
    const count = least(parameters - first, end - run);
    const at = run * bytes;
    if (isTabled) {
      if (tabled != b) storeTable<T>(scratch, mean, rstd, b * group, weight, bias, 0, parameters, channel);
      tabled = b;
      shortNormalize<T>(x + at, y + at, inner, count, scratch + first * 3 * sizeof<T>());
    } else {
      for (let i: usize = 0; i < count; i++) {
        storeTable<T>(scratch, mean, rstd, b * group, weight, bias, first + i, first + i + 1, channel);
        normalizeBy<T>(x + at + i * bytes, y + at + i * bytes, inner, scratch);
      }
    }
    run += count;
  }
}

/** The coefficients of parameters [from, to) of the batch index whose statistics begin at `start`. */
// @ts-ignore: decorator
@inline
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

// @ts-ignore: decorator
@inline
function normalizeBy<T>(x: usize, y: usize, n: usize, table: usize): void {
  normalizeRun<T>(x, y, n, load<T>(table), load<T>(table, sizeof<T>()), load<T>(table, 2 * sizeof<T>()));
}
