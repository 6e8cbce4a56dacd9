// Rows: each statistic is one contiguous row of D elements, and each element has its own weight and bias
// (plans with pool = inner = 1: LayerNorm, RMSNorm).
import { m2 as finishedM2, mean as finishedMean } from "./moments";
import { rowMoments } from "./rowMoments";
import { normalizeRow } from "./rowNormalize";

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
  eps: f64,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const bytes = D * sizeof<T>();
  const inverse = 1 / <f64>D;
  for (let row = begin; row < end; row++) {
    rowMoments<T>(x + row * bytes, D, centered);
    store<f64>(mean + (row << 3), finishedMean);
    store<f64>(m2 + (row << 3), finishedM2);
    store<f64>(rstd + (row << 3), 1 / Math.sqrt(finishedM2 * inverse + eps));
    if (y) rowsNormalize<T>(x, y, weight, bias, mean, rstd, group, D, scratch, row, row + 1);
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
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  const bytes = D * sizeof<T>();
  for (let row = begin; row < end; row++) {
    const at = row * bytes;
    const own = (row % group) * bytes;
    const s = row << 3;
    normalizeRow<T>(x + at, y + at, D, load<f64>(mean + s), load<f64>(rstd + s), weight ? weight + own : 0, bias ? bias + own : 0);
  }
}
