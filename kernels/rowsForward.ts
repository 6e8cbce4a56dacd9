// Rows: each statistic is one contiguous row of D elements, and each element has its own weight and bias
// (plans with pool = inner = 1: LayerNorm, RMSNorm).
import { least } from "./lanes";
import { m2 as finishedM2, mean as finishedMean } from "./moments";
import { finishRow, rowMoments, shiftOf } from "./rowMoments";
import { normalizeAndSumRow, normalizeRow, restOf, scaleAndSumRow } from "./rowNormalize";
import { normalizeTogether, rowsTogether } from "./rowsTogether";

/**
 * Statistics and, unless y is null, y = (x - mean) * rstd * weight + bias.
 *
 * x, y: [batch, group, D]; weight, bias: [group, D] or null, bias only with weight, and weight without bias only where rows are
 * not centered; mean, m2, rstd: float64 [batch, group]. An item is a row, which is summed while the one before it is written.
 */
export function rowsForward<T>(
  x: usize,
  y: usize,
  weight: usize,
  bias: usize,
  mean: usize,
  m2: usize,
  rstd: usize,
  group: usize,
  D: usize,
  centered: i32,
  near: i32,
  eps: f64,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const bytes = D * sizeof<T>();
  const together = rowsTogether<T>(D, group, bias, near);
  const isAhead = sizeof<T>() == 4 && y && weight && (centered ? bias : !bias) && group == 1 && together == 1 && D >= 16;
  let isKnown = false;
  for (let first = begin; first < end; first += together) {
    const stop = least(first + together, end);
    for (let row = first; row < stop && !isKnown; row++) {
      rowMoments<T>(x + row * bytes, D, centered);
      storeMoments(row, D, mean, m2, rstd, eps);
    }
    if (!y) continue;
    const center = load<f64>(mean + (first << 3));
    const scale = load<f64>(rstd + (first << 3));
    isKnown = isAhead && stop < end && restOf<T>(center, scale) == 0;
    if (!isKnown) {
      rowsNormalize<T>(x, y, weight, bias, mean, rstd, group, D, near, scratch, first, stop);
      continue;
    }
    const at = x + first * bytes;
    const to = y + first * bytes;
    const next = at + bytes;
    const shift = centered ? shiftOf<T>(next, D) : <T>0;
    const sums = centered
      ? normalizeAndSumRow<T>(at, to, D, center, scale, weight, bias, next, shift)
      : scaleAndSumRow<T>(at, to, D, scale, weight, next);
    finishRow<T>(sums, shift, next, D, centered);
    storeMoments(stop, D, mean, m2, rstd, eps);
  }
}

// @ts-ignore: decorator
@inline
function storeMoments(row: usize, D: usize, mean: usize, m2: usize, rstd: usize, eps: f64): void {
  const s = row << 3;
  store<f64>(mean + s, finishedMean);
  store<f64>(m2 + s, finishedM2);
  store<f64>(rstd + s, 1 / Math.sqrt(finishedM2 / <f64>D + eps));
}

/** y = (x - mean) * rstd * weight + bias for given statistics. An item is a row. */
export function rowsNormalize<T>(
  x: usize,
  y: usize,
  weight: usize,
  bias: usize,
  mean: usize,
  rstd: usize,
  group: usize,
  D: usize,
  near: i32,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const bytes = D * sizeof<T>();
  const together = weight ? rowsTogether<T>(D, group, bias, near) : 1;
  for (let row = begin; row < end; ) {
    const at = row * bytes;
    const s = row << 3;
    if (together > 1 && row + together <= end && normalizeTogether<T>(x + at, y + at, D, mean + s, rstd + s, weight, bias)) {
      row += together;
      continue;
    }
    const own = (row % group) * bytes;
    normalizeRow<T>(x + at, y + at, D, load<f64>(mean + s), load<f64>(rstd + s), weight ? weight + own : 0, bias ? bias + own : 0);
    row++;
  }
}
