// Columns: rows of group * channel * inner elements, one row for each index of pool; every column has its statistic
// and its parameter (plans with pool > 1 and little or nothing after the affine axes: BatchNorm of (N, C) and of
// channels-last images, GroupNorm of channels-last images). Right for every plan.
//
// Rows shorter than a few vectors are folded: S = fold * group * channel * inner columns, the last row may be shorter.
// Each batch index has a frame (columnFrames.ts).
import { blocksOf, frameBytes, repeat, rowsOf, sliceOf, spread } from "./columnFrames";
import { columnNormalize, columnSums, sampleColumns } from "./columnLoops";
import { least } from "./lanes";
import { finishMoments, finishSquares, m2 as finishedM2, mean as finishedMean, sampleMean } from "./moments";
import { storeCoefficients } from "./coefficients";

/** Shifts of every column: a value near its statistic's mean. An item is a batch index. */
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
  const S = fold * width;
  const frame = frameBytes<T>(S, blocksOf(pool, fold, blockRows));
  for (let b = begin; b < end; b++) {
    const shift = frames + b * frame;
    const from = x + b * pool * width * sizeof<T>();
    if (!centered) memory.fill(shift, 0, width * sizeof<T>());
    else if (chunk == 1) sampleColumns<T>(from, pool, width * sizeof<T>(), width, shift);
    else {
      for (let g: usize = 0; g < group; g++) {
        const value = sampleMean<T>(from + g * chunk * sizeof<T>(), pool, width * sizeof<T>(), chunk);
        for (let i: usize = 0; i < chunk; i++) store<T>(shift + (g * chunk + i) * sizeof<T>(), value);
      }
    }
    repeat<T>(shift, width, fold);
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

/** Adds the sums of the blocks, in their order. An item is a batch index. */
export function columnsMerge<T>(
  frames: usize,
  S: usize,
  blocks: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  for (let b = begin; b < end; b++) {
    const totals = frames + b * frameBytes<T>(S, blocks) + S * 4 * sizeof<T>();
    memory.fill(totals, 0, S << 4);
    for (let block: usize = 1; block <= blocks; block++) {
      const sums = totals + ((block * S) << 4);
      for (let j: usize = 0; j < S << 4; j += 16) v128.store(totals + j, f64x2.add(v128.load(totals + j), v128.load(sums + j)));
    }
  }
}

/** Mean, M2 and rstd of every statistic from the merged sums. An item is a batch index. */
export function columnsMoments<T>(
  x: usize,
  frames: usize,
  mean: usize,
  m2: usize,
  rstd: usize,
  pool: usize,
  group: usize,
  chunk: usize,
  fold: usize,
  blocks: usize,
  centered: i32,
  eps: f64,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const width = group * chunk;
  const S = fold * width;
  for (let b = begin; b < end; b++) {
    const shift = frames + b * frameBytes<T>(S, blocks);
    const totals = shift + S * 4 * sizeof<T>();
    for (let g: usize = 0; g < group; g++) {
      let sum1: f64 = 0;
      let sum2: f64 = 0;
      for (let f: usize = 0; f < fold; f++) {
        for (let j = f * width + g * chunk, stop = j + chunk; j < stop; j++) {
          sum1 += load<f64>(totals + (j << 3));
          sum2 += load<f64>(totals + ((S + j) << 3));
        }
      }
      const start = x + (b * pool * width + g * chunk) * sizeof<T>();
      if (centered) finishMoments<T>(sum1, sum2, <f64>load<T>(shift + g * chunk * sizeof<T>()), start, pool, width * sizeof<T>(), chunk);
      else finishSquares<T>(sum2, start, pool, width * sizeof<T>(), chunk);
      const s = (b * group + g) << 3;
      store<f64>(mean + s, finishedMean);
      store<f64>(m2 + s, finishedM2);
      store<f64>(rstd + s, 1 / Math.sqrt(finishedM2 / <f64>(pool * chunk) + eps));
    }
  }
}

/** Coefficients of y = (x - mean) * scale + shift for every column. An item is a batch index. */
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
  for (let b = begin; b < end; b++) {
    const to = frames + b * frameBytes<T>(S, blocks);
    for (let i: usize = 0; i < group * channel; i++) {
      const s = (b * group + i / channel) << 3;
      storeCoefficients<T>(scratch, load<f64>(mean + s), load<f64>(rstd + s), weight, bias, i);
      spread<T>(to, i * inner, inner, S, 3, scratch);
    }
    for (let k: usize = 0; k < 3; k++) repeat<T>(to + k * S * sizeof<T>(), width, fold);
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
    if (full < to) columnNormalize<T>(x + last, y + last, 1, 0, (pool % fold) * width, mean, scale, shift);
    columnNormalize<T>(x + at, y + at, full - from, S * sizeof<T>(), S, mean, scale, shift);
  }
}

