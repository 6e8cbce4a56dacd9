// Gradients over columns. See columnsForward.ts.
import { storeGradients } from "./coefficients";
import { columnGradInput, columnScale } from "./columnApply";
import { blocksOf, foldedSum, frameBytes, mergeColumns, rowsOf, sliceOf, spreadValue } from "./columnFrames";
import { columnGradSums } from "./columnLoops";
import { isPaired, pairedGradients, pairedMeans } from "./columnPairs";
import { least } from "./lanes";

/** The means' T part as the first coefficient of every column. An item is a statistic. */
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
  const width = group * chunk;
  const frame = frameBytes<T>(fold * width, blocks);
  for (let s = begin; s < end; ) {
    const to = frames + (s / group) * frame;
    let column = (s % group) * chunk;
    const stop = least(end, s + group - s % group);
    if (isPaired(chunk, fold)) {
      const reached = pairedMeans<T>(to, mean + ((s - column) << 3), column, column + stop - s);
      s += reached - column;
      column = reached;
    }
    for (; s < stop; s++, column += chunk) {
      spreadValue<T>(to, column, chunk, width, fold, <T>load<f64>(mean + (s << 3)));
    }
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

/**
 * Pairs sum(dy), sum(dy * xhat) as [batch, group, channel] from the blocks' sums and, unless it is null, `gradients`, as of
 * planesGradCoefficients, with what columnsGradCoefficients makes of them. An item is a statistic.
 */
export function columnsGradMerge<T>(
  frames: usize,
  weight: usize,
  mean: usize,
  rstd: usize,
  sums: usize,
  gradients: usize,
  count: usize,
  group: usize,
  channel: usize,
  inner: usize,
  fold: usize,
  blocks: usize,
  centered: i32,
  fixed: i32,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const chunk = channel * inner;
  const width = group * chunk;
  const S = fold * width;
  for (let from = begin; from < end; ) {
    const b = from / group;
    const first = b * group;
    const to = least(first + group, end);
    const totals = frames + b * frameBytes<T>(S, blocks) + S * 4 * sizeof<T>();
    const column = (from - first) * chunk;
    for (let f: usize = 0; f < fold; f++) mergeColumns(totals, S, blocks, f * width + column, (to - from) * chunk);
    if (isPaired(chunk, fold)) {
      const coefficients = gradients ? totals - 3 * S * sizeof<T>() : 0;
      const at = first << 3;
      const reached = pairedGradients<T>(totals, coefficients, S, mean + at, rstd + at, weight, sums + (first << 4), <f64>count, centered, fixed, column, to - first);
      from = first + reached;
    }
    const rest = from;
    for (; from < to; from++) {
      const own = (from - first) * channel;
      const pairs = sums + ((from * channel) << 4);
      const center = load<f64>(mean + (from << 3));
      const r = load<f64>(rstd + (from << 3));
      const lost = center - <f64><T>center;
      for (let i: usize = 0; i < channel; i++) {
        const sum1 = foldedSum(totals, (own + i) * inner, inner, width, fold);
        const sum2 = foldedSum(totals + (S << 3), (own + i) * inner, inner, width, fold);
        store<f64>(pairs + (i << 4), sum1);
        store<f64>(pairs + (i << 4), (sum2 - lost * sum1) * r, 8);
      }
      if (gradients) {
        const w = weight ? weight + own * sizeof<T>() : 0;
        storeGradients<T>(gradients + from * channel * 3 * sizeof<T>(), w, center, r, pairs, channel, <f64>count, centered, fixed);
      }
    }
    if (gradients) columnsGradCoefficients<T>(frames, gradients, group, channel, inner, fold, blocks, scratch, rest, to);
  }
}

/** Coefficients of dx = dy * a + ((x - mean) * b + c) for every column, by `gradients`. An item is a statistic. */
export function columnsGradCoefficients<T>(
  frames: usize,
  gradients: usize,
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
  let from = gradients + begin * channel * 3 * sizeof<T>();
  for (let s = begin; s < end; ) {
    const to = frames + (s / group) * frame + apart;
    let column = (s % group) * channel * inner;
    const stop = least(end, s + group - s % group);
    for (let left = (stop - s) * channel; left > 0; left--, column += inner, from += 3 * sizeof<T>()) {
      spreadValue<T>(to, column, inner, width, fold, load<T>(from));
      spreadValue<T>(to + apart, column, inner, width, fold, load<T>(from + sizeof<T>()));
      spreadValue<T>(to + 2 * apart, column, inner, width, fold, load<T>(from + 2 * sizeof<T>()));
    }
    s = stop;
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
