// Columns: rows of group * channel * inner elements, one row for each index of pool; every column has its statistic
// and its parameter (plans with pool > 1 and little or nothing after the affine axes: BatchNorm of (N, C) and of
// channels-last images, GroupNorm of channels-last images). Right for every plan.
//
// Rows shorter than a few vectors are folded: S = fold * group * channel * inner columns, the last row may be shorter.
// Each batch index has a frame (columnFrames.ts).
import { storeCoefficients } from "./coefficients";
import { columnNormalize } from "./columnApply";
import { blocksOf, foldedSum, frameBytes, mergeColumns, rowsOf, sliceOf, spreadValue } from "./columnFrames";
import { columnSums, sampleColumns } from "./columnLoops";
import { isPaired, pairedCoefficients, pairedMoments } from "./columnPairs";
import { least } from "./lanes";
import { finishMoments, finishSquares, m2 as finishedM2, mean as finishedMean, sampleMean, sumsHold } from "./moments";

// Statistics of a batch index whose shifts are one item: a multiple of the lanes, so that bits do not depend on the split.
const shiftStatistics: usize = 64;

/** Shifts of every column: a value near its statistic's mean. An item is up to 64 statistics of a batch index. */
export function columnsShift<T>(
  x: usize,
  frames: usize,
  pool: usize,
  group: usize,
  chunk: usize,
  fold: usize,
  blockRows: usize,
  centered: i32,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const width = group * chunk;
  const bytes = width * sizeof<T>();
  const frame = frameBytes<T>(fold * width, blocksOf(pool, fold, blockRows));
  const items = (group + shiftStatistics - 1) / shiftStatistics;
  for (let item = begin; item < end; item++) {
    const b = item / items;
    const from = (item % items) * shiftStatistics;
    const to = least(from + shiftStatistics, group);
    const shift = frames + b * frame;
    const at = x + b * pool * bytes;
    if (centered && chunk == 1) {
      const own = from * sizeof<T>();
      sampleColumns<T>(at + own, pool, bytes, to - from, shift + own);
      for (let f: usize = 1; f < fold; f++) memory.copy(shift + f * bytes + own, shift + own, (to - from) * sizeof<T>());
    } else {
      for (let g = from; g < to; g++) {
        const value = centered ? sampleMean<T>(at + g * chunk * sizeof<T>(), pool, bytes, chunk) : 0;
        spreadValue<T>(shift, g * chunk, chunk, width, fold, value);
      }
    }
  }
}

/** Sums about the shifts of each block of rows. An item is a block of a batch index. */
export function columnsSums<T>(
  x: usize,
  frames: usize,
  pool: usize,
  width: usize,
  fold: usize,
  blockRows: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const S = fold * width;
  const rows = rowsOf(pool, fold);
  const blocks = blocksOf(pool, fold, blockRows);
  const frame = frameBytes<T>(S, blocks);
  for (let item = begin; item < end; item++) {
    const b = item / blocks;
    const block = item % blocks;
    const coefficients = frames + b * frame;
    const sums = coefficients + S * (4 * sizeof<T>() + 16 * (1 + block));
    memory.fill(sums, 0, S << 4);
    const from = block * blockRows;
    const to = least(from + blockRows, rows);
    const full = least(to, pool / fold);
    const at = x + b * pool * width * sizeof<T>();
    const last = full < to ? (pool % fold) * width : 0;
    for (let c: usize = 0; c < S; c += sliceOf<T>()) {
      const shift = coefficients + c * sizeof<T>();
      const first = at + (from * S + c) * sizeof<T>();
      columnSums<T>(first, full - from, S * sizeof<T>(), S, least(S - c, sliceOf<T>()), shift, sums + c * 8, scratch);
      // Only short rows are folded: they are one slice.
      if (last) columnSums<T>(first + (full - from) * S * sizeof<T>(), 1, 0, S, last, shift, sums, scratch);
    }
  }
}

/**
 * Mean, M2 and rstd of every statistic from the blocks' sums and, unless `coefficients` is 0, what columnsCoefficients makes
 * of them. An item is a statistic.
 */
export function columnsMoments<T>(
  x: usize,
  frames: usize,
  mean: usize,
  m2: usize,
  rstd: usize,
  weight: usize,
  bias: usize,
  pool: usize,
  group: usize,
  channel: usize,
  inner: usize,
  fold: usize,
  blocks: usize,
  centered: i32,
  coefficients: i32,
  eps: f64,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const chunk = channel * inner;
  const width = group * chunk;
  const S = fold * width;
  const count = <f64>(pool * chunk);
  const inverse = 1 / count;
  const arePairs = isPaired(chunk, fold) && centered;
  for (let from = begin; from < end; ) {
    const b = from / group;
    const to = least((b + 1) * group, end);
    const shift = frames + b * frameBytes<T>(S, blocks);
    const totals = shift + S * 4 * sizeof<T>();
    const column = (from - b * group) * chunk;
    for (let f: usize = 0; f < fold; f++) mergeColumns(totals, S, blocks, f * width + column, (to - from) * chunk);
    const first = (b * group) << 3;
    for (let at = column; from < to; from++, at += chunk) {
      if (arePairs) {
        const reached = pairedMoments<T>(shift, totals, S, mean + first, m2 + first, rstd + first, count, eps, at, at + to - from);
        from += reached - at;
        at = reached;
        if (from == to) break;
      }
      const sum2 = foldedSum(totals + (S << 3), at, chunk, width, fold);
      const start = x + (b * pool * width + at) * sizeof<T>();
      let center: f64 = 0;
      let squares = sum2;
      if (centered) {
        const sum1 = foldedSum(totals, at, chunk, width, fold);
        const about = <f64>load<T>(shift + at * sizeof<T>());
        const off = sum1 * inverse;
        if (sumsHold(sum1, sum2, count)) {
          center = about + off;
          squares = sum2 - off * sum1;
        } else {
          finishMoments<T>(sum1, sum2, about, start, pool, width * sizeof<T>(), chunk);
          center = finishedMean;
          squares = finishedM2;
        }
      } else {
        finishSquares<T>(sum2, start, pool, width * sizeof<T>(), chunk);
        squares = finishedM2;
      }
      const s = from << 3;
      store<f64>(mean + s, center);
      store<f64>(m2 + s, squares);
      store<f64>(rstd + s, 1 / Math.sqrt(squares * inverse + eps));
    }
  }
  if (coefficients) columnsCoefficients<T>(frames, weight, bias, mean, rstd, group, channel, inner, fold, blocks, scratch, begin, end);
}

/** Coefficients of y = (x - mean) * scale + shift for every column. An item is a statistic. */
export function columnsCoefficients<T>(
  frames: usize,
  weight: usize,
  bias: usize,
  mean: usize,
  rstd: usize,
  group: usize,
  channel: usize,
  inner: usize,
  fold: usize,
  blocks: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const width = group * channel * inner;
  const S = fold * width;
  const frame = frameBytes<T>(S, blocks);
  const apart = S * sizeof<T>();
  for (let s = begin; s < end; ) {
    const to = frames + (s / group) * frame;
    let i = (s % group) * channel;
    const stop = least(end, s + group - s % group);
    if (isPaired(channel * inner, fold)) {
      const first = (s - i) << 3;
      const reached = pairedCoefficients<T>(to, S, mean + first, rstd + first, weight, bias, i, i + stop - s);
      s += reached - i;
      i = reached;
    }
    for (; s < stop; s++) {
      for (const last = i + channel; i < last; i++) {
        storeCoefficients<T>(scratch, load<f64>(mean + (s << 3)), load<f64>(rstd + (s << 3)), weight, bias, i);
        spreadValue<T>(to, i * inner, inner, width, fold, load<T>(scratch));
        spreadValue<T>(to + apart, i * inner, inner, width, fold, load<T>(scratch + sizeof<T>()));
        spreadValue<T>(to + 2 * apart, i * inner, inner, width, fold, load<T>(scratch + 2 * sizeof<T>()));
      }
    }
  }
}

/** y by the columns' coefficients. An item is a block of a batch index; they are taken backwards. */
export function columnsNormalize<T>(
  x: usize,
  y: usize,
  frames: usize,
  pool: usize,
  width: usize,
  fold: usize,
  blockRows: usize,
  together: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const S = fold * width;
  const rows = rowsOf(pool, fold);
  const blocks = blocksOf(pool, fold, blockRows);
  for (let item = end; item > begin; item--) {
    const b = (item - 1) / blocks;
    const from = ((item - 1) % blocks) * blockRows;
    const to = least(from + blockRows, rows);
    const full = least(to, pool / fold);
    const mean = frames + b * frameBytes<T>(S, blocks);
    const scale = mean + S * sizeof<T>();
    const shift = scale + S * sizeof<T>();
    const at = (b * pool * width + from * S) * sizeof<T>();
    const last = at + (full - from) * S * sizeof<T>();
    if (full < to) columnNormalize<T>(x + last, y + last, 1, 0, (pool % fold) * width, mean, scale, shift, 1);
    columnNormalize<T>(x + at, y + at, full - from, S * sizeof<T>(), S, mean, scale, shift, together);
  }
}

