// Each batch index of a columns plan has a frame: 4 arrays of S T (coefficients of the columns), 2 * S float64 (sums over
// all rows), then 2 * S float64 for each block of rows.

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
// @ts-ignore: decorator
@inline
export function spreadValue<T>(to: usize, column: usize, n: usize, width: usize, fold: usize, value: T): void {
  if (n == 1 && fold == 1) store<T>(to + column * sizeof<T>(), value);
  else spreadFolds<T>(to, column, n, width, fold, value);
}

function spreadFolds<T>(to: usize, column: usize, n: usize, width: usize, fold: usize, value: T): void {
  for (let first = column; first < fold * width; first += width) {
    for (let j = first; j < first + n; j++) store<T>(to + j * sizeof<T>(), value);
  }
}

/** Adds to the totals the sums of the blocks, in their order, for n columns from `column` on. */
export function mergeColumns(totals: usize, S: usize, blocks: usize, column: usize, n: usize): void {
  mergeRun(totals + (column << 3), n, S << 4, blocks);
  mergeRun(totals + ((S + column) << 3), n, S << 4, blocks);
}

/** A line of the cache at a time, since the blocks' distance may be a power of two. */
function mergeRun(to: usize, n: usize, stride: usize, blocks: usize): void {
  const end = to + (n << 3);
  const apart = blocks * stride;
  for (; to + 64 <= end; to += 64) {
    let a = f64x2.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (let at = to + stride, stop = at + apart; at != stop; at += stride) {
      a = f64x2.add(a, v128.load(at));
      b = f64x2.add(b, v128.load(at, 16));
      c = f64x2.add(c, v128.load(at, 32));
      d = f64x2.add(d, v128.load(at, 48));
    }
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
  for (; to < end; to += 8) {
    let sum: f64 = 0;
    for (let at = to + stride, stop = at + apart; at != stop; at += stride) sum += load<f64>(at);
    store<f64>(to, sum);
  }
}

/** Sum over the folds and the n columns from `column` on. */
// @ts-ignore: decorator
@inline
export function foldedSum(totals: usize, column: usize, n: usize, width: usize, fold: usize): f64 {
  if (n == 1 && fold == 1) return load<f64>(totals + (column << 3));
  return sumFolds(totals, column, n, width, fold);
}

function sumFolds(totals: usize, column: usize, n: usize, width: usize, fold: usize): f64 {
  let sum: f64 = 0;
  for (let first = column; first < fold * width; first += width) {
    for (let j = first; j < first + n; j++) sum += load<f64>(totals + (j << 3));
  }
  return sum;
}
