/**
 * Copies the elements of a strided view so that the last axis is contiguous.
 *
 * Elements are moved as integers, so that the bits of a NaN stay as they are.
 *
 * @param bytes the memory from the view's first element on
 * @param width bytes of one element: 1, 2, 4 or 8
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
  // An element of 8 bytes is two of 4.
  if (width === 8) return rowMajor(bytes, 4, [...shape, 2], [...strides.map((stride) => 2 * stride), 1]);
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  const Words = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Uint32Array;
  const source = new Words(
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    Math.floor(aligned.length / width),
  );
  const outer = shape.slice(0, -1);
  const [length = 1] = shape.slice(-1);
  const [stride = 1] = strides.slice(-1);
  const target = new Words(shape.reduce((count, extent) => count * extent, 1));
  const index = outer.map(() => 0);
  let from = 0;
  for (let to = 0; to < target.length; ) {
    for (let i = 0; i < length; i++) target[to++] = source[from + i * stride];
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < outer[axis]) break;
      from -= index[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return new Uint8Array(target.buffer);
}

/** Strides of an array whose last axis is contiguous, and the one before it next. */
export function rowMajorStrides(shape: readonly number[]): readonly number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

/** Whether a view's elements already lie in row-major order, one after the other. */
export function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  const expected = rowMajorStrides(shape);
  return shape.every((extent, axis) => extent === 1 || strides[axis] === expected[axis]);
}
