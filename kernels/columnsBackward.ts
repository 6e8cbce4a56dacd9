// Gradients over columns. See columnsForward.ts.
import { scaleSums } from "./coefficients";
import { blocksOf, frameBytes, repeat, rowsOf, sliceOf, spread } from "./columnFrames";
import { columnGradInput, columnGradSums, columnScale } from "./columnLoops";
import { least } from "./lanes";

/** The means' T part as the first coefficient of every column. An item is a batch index. */
export function columnsMeans<T>(
  frames: usize,
  mean: usize,
  group: usize,
  chunk: usize,
  fold: usize,
  blocks: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const S = fold * group * chunk;
  for (let b = begin; b < end; b++) {
    const to = frames + b * frameBytes<T>(S, blocks);
    for (let g: usize = 0; g < group; g++) {
      store<T>(scratch, <T>load<f64>(mean + ((b * group + g) << 3)));
      spread<T>(to, g * chunk, chunk, S, 1, scratch);
    }
    repeat<T>(to, group * chunk, fold);
  }
}

/** sum(dy), sum(dy * (x - mean)) of each block of rows. An item is a block of a batch index. */
export function columnsGradSums<T>(
  x: usize,
  dy: usize,
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
    const means = frames + b * frame;
    const sums = means + S * (4 * sizeof<T>() + 16 * (1 + block));
    memory.fill(sums, 0, S << 4);
    const from = block * blockRows;
    const to = least(from + blockRows, rows);
    const full = least(to, pool / fold);
    const at = (b * pool * width + from * S) * sizeof<T>();
    const last = at + (full - from) * S * sizeof<T>();
    for (let c: usize = 0; c < S; c += sliceOf<T>()) {
      const own = at + c * sizeof<T>();
      columnGradSums<T>(x + own, dy + own, full - from, S * sizeof<T>(), S, least(S - c, sliceOf<T>()), means + c * sizeof<T>(), sums + c * 8, scratch);
    }
    // Only short rows are folded: they are one slice.
    if (full < to) columnGradSums<T>(x + last, dy + last, 1, 0, S, (pool % fold) * width, means, sums, scratch);
  }
}

/** Pairs sum(dy), sum(dy * xhat) as [batch, group, channel] from the merged sums. An item is a batch index. */
export function columnsGradMerge<T>(
  frames: usize,
  mean: usize,
  rstd: usize,
  sums: usize,
  group: usize,
  channel: usize,
  inner: usize,
  fold: usize,
  blocks: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const parameters = group * channel;
  const width = parameters * inner;
  const S = fold * width;
  for (let b = begin; b < end; b++) {
    const totals = frames + b * frameBytes<T>(S, blocks) + S * 4 * sizeof<T>();
    for (let i: usize = 0; i < parameters; i++) {
      let sum1: f64 = 0;
      let sum2: f64 = 0;
      for (let f: usize = 0; f < fold; f++) {
        for (let j = f * width + i * inner, stop = j + inner; j < stop; j++) {
          sum1 += load<f64>(totals + (j << 3));
          sum2 += load<f64>(totals + ((S + j) << 3));
        }
      }
      const to = sums + ((b * parameters + i) << 4);
      store<f64>(to, sum1);
      store<f64>(to, sum2, 8);
    }
    scaleSums<T>(sums + ((b * parameters) << 4), mean + ((b * group) << 3), rstd + ((b * group) << 3), group, channel);
  }
}

/** Coefficients of dx = dy * a + ((x - mean) * b + c) for every column, by `gradients` of planesGradCoefficients. */
export function columnsGradCoefficients<T>(
  frames: usize,
  gradients: usize,
  parameters: usize,
  inner: usize,
  fold: usize,
  blocks: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const width = parameters * inner;
  const S = fold * width;
  for (let b = begin; b < end; b++) {
    const to = frames + b * frameBytes<T>(S, blocks) + S * sizeof<T>();
    for (let i: usize = 0; i < parameters; i++) {
      spread<T>(to, i * inner, inner, S, 3, gradients + (b * parameters + i) * 3 * sizeof<T>());
    }
    for (let k: usize = 0; k < 3; k++) repeat<T>(to + k * S * sizeof<T>(), width, fold);
  }
}

/** dx by the columns' coefficients. An item is a block of a batch index; they are taken backwards. */
export function columnsGradInput<T>(
  x: usize,
  dy: usize,
  dx: usize,
  frames: usize,
  pool: usize,
  width: usize,
  fold: usize,
  blockRows: usize,
  fixed: i32,
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
    const a = mean + S * sizeof<T>();
    const at = (b * pool * width + from * S) * sizeof<T>();
    const last = at + (full - from) * S * sizeof<T>();
    const lastWidth = full < to ? (pool % fold) * width : 0;
    if (fixed) {
      columnScale<T>(dy + last, dx + last, 1, 0, lastWidth, a);
      columnScale<T>(dy + at, dx + at, full - from, S * sizeof<T>(), S, a);
    } else {
      const step = S * sizeof<T>();
      columnGradInput<T>(x + last, dy + last, dx + last, 1, 0, lastWidth, mean, a, a + step, a + 2 * step);
      columnGradInput<T>(x + at, dy + at, dx + at, full - from, step, S, mean, a, a + step, a + 2 * step);
    }
  }
}
