// Tiles: the columns of some neighbouring groups over all of pool, done from reading to writing while they are in cache.
// For channels-last images of which each fits the cache, and for runs of a few `inner` elements.
import { scaleSums, storeCoefficients, storeGradients } from "./coefficients";
import { columnGradInput, columnNormalize, columnScale } from "./columnApply";
import { spread } from "./columnFrames";
import { columnGradSums, columnSums, sampleColumns } from "./columnLoops";
import { least } from "./lanes";
import { finishMoments, finishSquares, m2 as finishedM2, mean as finishedMean, sampleMean } from "./moments";

// Rows of the pass that writes, which takes blocks backwards: those read last are the nearest.
const blockRows: usize = 32;

/**
 * Statistics and, unless y is null, y = (x - mean) * rstd * weight + bias. Arguments as planesForward's; an item is a
 * batch index and `block` groups of W columns together. Scratch: 32 + W * (3 * sizeof(T) + 16) bytes.
 */
export function tilesForward<T>(
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
    const W = groups * chunk;
    const offset = (b * pool * group + g0) * chunk * sizeof<T>();
    const s = (b * group + g0) << 3;
    const means = scratch + 32;
    const sums = means + W * 3 * sizeof<T>();
    tileMoments<T>(x + offset, means, sums, mean + s, m2 + s, rstd + s, pool, groups, chunk, stride, centered, eps);
    if (!y) continue;
    for (let i: usize = 0; i < groups * channel; i++) {
      const at = s + ((i / channel) << 3);
      storeCoefficients<T>(scratch, load<f64>(mean + at), load<f64>(rstd + at), weight, bias, g0 * channel + i);
      spread<T>(means, i * inner, inner, W, 3, scratch);
    }
    const scales = means + W * sizeof<T>();
    const shifts = scales + W * sizeof<T>();
    for (let stop = pool; stop > 0; ) {
      const from = stop > blockRows ? stop - blockRows : 0;
      const at = offset + from * stride;
      columnNormalize<T>(x + at, y + at, stop - from, stride, W, means, scales, shifts, 8);
      stop = from;
    }
  }
}

function tileMoments<T>(
  x: usize,
  shifts: usize,
  sums: usize,
  mean: usize,
  m2: usize,
  rstd: usize,
  pool: usize,
  groups: usize,
  chunk: usize,
  stride: usize,
  centered: i32,
  eps: f64,
): void {
  const W = groups * chunk;
  memory.fill(sums, 0, W << 4);
  if (!centered) memory.fill(shifts, 0, W * sizeof<T>());
  else if (chunk == 1) sampleColumns<T>(x, pool, stride, W, shifts);
  else {
    for (let g: usize = 0; g < groups; g++) {
      const value = sampleMean<T>(x + g * chunk * sizeof<T>(), pool, stride, chunk);
      for (let j = g * chunk; j < (g + 1) * chunk; j++) store<T>(shifts + j * sizeof<T>(), value);
    }
  }
  columnSums<T>(x, pool, stride, W, W, shifts, sums, shifts + W * sizeof<T>());
  for (let g: usize = 0; g < groups; g++) {
    let sum1: f64 = 0;
    let sum2: f64 = 0;
    for (let j = g * chunk; j < (g + 1) * chunk; j++) {
      sum1 += load<f64>(sums + (j << 3));
      sum2 += load<f64>(sums + ((W + j) << 3));
    }
    const first = g * chunk * sizeof<T>();
    if (centered) finishMoments<T>(sum1, sum2, <f64>load<T>(shifts + first), x + first, pool, stride, chunk);
    else finishSquares<T>(sum2, x + first, pool, stride, chunk);
    store<f64>(mean + (g << 3), finishedMean);
    store<f64>(m2 + (g << 3), finishedM2);
    store<f64>(rstd + (g << 3), 1 / Math.sqrt(finishedM2 / <f64>(pool * chunk) + eps));
  }
}

/**
 * The sums of the gradient and, unless dx is null, dx. Arguments as planesBackward's; an item is a batch index and `block`
 * groups of W columns together. Scratch: W * (4 * sizeof(T) + 16) + 3 * sizeof(T) * channel bytes.
 */
export function tilesBackward<T>(
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
  centered: i32,
  fixed: i32,
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
    const W = groups * chunk;
    const offset = (b * pool * group + g0) * chunk * sizeof<T>();
    const s = (b * group + g0) << 3;
    const step = W * sizeof<T>();
    const means = scratch;
    const columnTotals = means + 4 * step;
    const table = columnTotals + (W << 4);
    for (let g: usize = 0; g < groups; g++) {
      store<T>(table, <T>load<f64>(mean + s + (g << 3)));
      spread<T>(means, g * chunk, chunk, W, 1, table);
    }
    memory.fill(columnTotals, 0, W << 4);
    columnGradSums<T>(x + offset, dy + offset, pool, stride, W, W, means, columnTotals, means + step);
    const pairs = sums + (((b * group + g0) * channel) << 4);
    for (let i: usize = 0; i < groups * channel; i++) {
      let sum1: f64 = 0;
      let sum2: f64 = 0;
      for (let j = i * inner; j < (i + 1) * inner; j++) {
        sum1 += load<f64>(columnTotals + (j << 3));
        sum2 += load<f64>(columnTotals + ((W + j) << 3));
      }
      store<f64>(pairs + (i << 4), sum1);
      store<f64>(pairs + (i << 4), sum2, 8);
    }
    scaleSums<T>(pairs, mean + s, rstd + s, groups, channel);
    if (!dx) continue;
    const a = means + step;
    for (let g: usize = 0; g < groups; g++) {
      const own = weight ? weight + (g0 + g) * channel * sizeof<T>() : 0;
      const at = s + (g << 3);
      storeGradients<T>(table, own, load<f64>(mean + at), load<f64>(rstd + at), pairs + ((g * channel) << 4), channel, <f64>(pool * chunk), centered, fixed);
      for (let c: usize = 0; c < channel; c++) spread<T>(a, (g * channel + c) * inner, inner, W, 3, table + c * 3 * sizeof<T>());
    }
    for (let stop = pool; stop > 0; ) {
      const from = stop > blockRows ? stop - blockRows : 0;
      const at = offset + from * stride;
      if (fixed) columnScale<T>(dy + at, dx + at, stop - from, stride, W, a);
      else columnGradInput<T>(x + at, dy + at, dx + at, stop - from, stride, W, means, a, a + step, a + 2 * step);
      stop = from;
    }
  }
}
