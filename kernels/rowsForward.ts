// Rows: each statistic is one contiguous row of D elements, and each element has its own weight and bias
// (plans with pool = inner = 1: LayerNorm, RMSNorm).
import { least } from "./lanes";
import { m2 as finishedM2, mean as finishedMean } from "./moments";
import { rowMoments } from "./rowMoments";
import { normalizeRow } from "./rowNormalize";
import { normalizeTogether, rowsTogether } from "./rowsTogether";

/**
 * Statistics and, unless y is null, y = (x - mean) * rstd * weight + bias.
 *
 * x, y: [batch, group, D]; weight, bias: [group, D] or null, bias only with weight; mean, m2, rstd: float64
 * [batch, group]. An item is a row.
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
  const inverse = 1 / <f64>D;
  const together = rowsTogether<T>(D, group, bias, near);
  for (let first = begin; first < end; first += together) {
    const stop = least(first + together, end);
    for (let row = first; row < stop; row++) {
      rowMoments<T>(x + row * D * sizeof<T>(), D, centered);
      store<f64>(mean + (row << 3), finishedMean);
      store<f64>(m2 + (row << 3), finishedM2);
      store<f64>(rstd + (row << 3), 1 / Math.sqrt(finishedM2 * inverse + eps));
    }
    if (y) rowsNormalize<T>(x, y, weight, bias, mean, rstd, group, D, near, scratch, first, stop);
  }
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
