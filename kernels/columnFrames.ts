// Each batch index of a columns plan has a frame: 4 arrays of S T (coefficients of the columns), 2 * S float64 (sums over
// all rows), then 2 * S float64 for each block of rows.

import { mergeRun } from "./merge";

/** Rows of S elements, the last one perhaps shorter. */
// @ts-ignore: decorator
@inline
export function rowsOf(pool: usize, fold: usize): usize {
  return (pool + fold - 1) / fold;
}

// @ts-ignore: decorator
@inline
export function frameBytes<T>(S: usize, blocks: usize): usize {
  return S * (4 * sizeof<T>() + 16 * (1 + blocks));
}

// @ts-ignore: decorator
@inline
export function blocksOf(pool: usize, fold: usize, blockRows: usize): usize {
  return (rowsOf(pool, fold) + blockRows - 1) / blockRows;
}

/** Columns whose sums fit into scratch: two of T for each. */
// @ts-ignore: decorator
@inline
export function sliceOf<T>(): usize {
  return 32768 / sizeof<T>();
}

/** Element k of `from` to n columns, at least one, of coefficient array k. */
// @ts-ignore: decorator
@inline
export function spread<T>(to: usize, column: usize, n: usize, S: usize, arrays: usize, from: usize): void {
  for (let k: usize = 0; k < arrays; k++) {
    const value = load<T>(from + k * sizeof<T>());
    const first = to + (k * S + column) * sizeof<T>();
    store<T>(first, value);
    for (let j: usize = 1; j < n; j++) store<T>(first + j * sizeof<T>(), value);
  }
}

/** `value` to n columns from `column` on, in each fold. */
export function spreadValue<T>(to: usize, column: usize, n: usize, width: usize, fold: usize, value: T): void {
  for (let first = column; first < fold * width; first += width) {
    for (let j = first; j < first + n; j++) store<T>(to + j * sizeof<T>(), value);
  }
}

/** The totals of n columns from `column` on: the sums of the blocks, in their order. */
export function mergeColumns(totals: usize, S: usize, blocks: usize, column: usize, n: usize): void {
  const stride = S << 4;
  const first = totals + (column << 3);
  const second = first + (S << 3);
  mergeRun(first, first + stride, n, stride, blocks);
  mergeRun(second, second + stride, n, stride, blocks);
}

/** Sum over the folds and the n columns from `column` on. */
export function foldedSum(totals: usize, column: usize, n: usize, width: usize, fold: usize): f64 {
  let sum: f64 = 0;
  for (let first = column; first < fold * width; first += width) {
    for (let j = first; j < first + n; j++) sum += load<f64>(totals + (j << 3));
  }
  return sum;
}
