/**
 * Copies the elements of a strided view so that the last axis is contiguous.
 *
 * @param bytes the memory from the view's first element on
 * @param width bytes of one element
 * @param strides in elements, 0 or more
 * @returns `product(shape) * width` bytes
 * @example
 * rowMajor(Uint8Array.of(1, 2, 3, 4), 1, [2, 2], [1, 2]); // 1, 3, 2, 4
 */
export function rowMajor(
  bytes: Uint8Array,
  width: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const result = new Uint8Array(count * width);
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < result.length; to += width) {
    for (let byte = 0; byte < width; byte++) result[to + byte] = bytes[from * width + byte];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= index[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return result;
}

/** Whether a view's elements already lie in row-major order, one after the other. */
export function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue;
    if (strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}
