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

/** Copies the first `width` elements after themselves until there are `fold` of them. */
// @ts-ignore: decorator
@inline
export function repeat<T>(at: usize, width: usize, fold: usize): void {
  for (let i: usize = 1; i < fold; i++) memory.copy(at + i * width * sizeof<T>(), at, width * sizeof<T>());
}

/** Element k of `from` to n columns of coefficient array k. */
// @ts-ignore: decorator
@inline
export function spread<T>(to: usize, column: usize, n: usize, S: usize, arrays: usize, from: usize): void {
  for (let k: usize = 0; k < arrays; k++) {
    const value = load<T>(from + k * sizeof<T>());
    for (let j = column; j < column + n; j++) store<T>(to + (k * S + j) * sizeof<T>(), value);
  }
}
