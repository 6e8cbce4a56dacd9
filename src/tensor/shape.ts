/** Number of elements of a shape; 1 for the empty shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, extent) => size * extent, 1);
}

/** A shape as Python prints a tuple: `(8, 64)`, `(3,)`, `()`. */
export function shapeText(shape: readonly number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

/** A shape as PyTorch prints a size inside its messages: `[8, 64]`. */
export function sizeText(shape: readonly (number | string)[]): string {
  return `[${shape.join(", ")}]`;
}

/** Whether two shapes are equal extent by extent. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/**
 * Checks that `shape` is an array of non-negative integers whose product a typed array can index.
 *
 * @throws TypeError if it is not an array of integers; RangeError for a negative or overflowing extent.
 */
export function checkShape(who: string, shape: unknown): asserts shape is readonly number[] {
  // Array.from turns the holes of a sparse array into undefined.
  if (!Array.isArray(shape) || !Array.from(shape).every((extent) => Number.isInteger(extent))) {
    throw new TypeError(`${who}: expected a shape (an array of integers), got ${describe(shape)}`);
  }
  if (shape.some((extent) => extent < 0)) {
    throw new RangeError(`${who}: expected extents of 0 or more, got shape ${shapeText(shape)}`);
  }
  if (!Number.isSafeInteger(sizeOf(shape))) {
    throw new RangeError(`${who}: shape ${shapeText(shape)} has too many elements`);
  }
}

/**
 * The axis counted from the front: -1 becomes `rank - 1`.
 *
 * @throws TypeError if it is not an integer; RangeError if the array has no such axis.
 */
export function frontAxis(who: string, axis: unknown, rank: number): number {
  if (!Number.isInteger(axis)) throw new TypeError(`${who}: expected an integer axis, got ${describe(axis)}`);
  const front = (axis as number) < 0 ? (axis as number) + rank : (axis as number);
  if (rank === 0) throw new RangeError(`${who}: expected an input with axes, got one of rank 0`);
  if (front < 0 || front >= rank) {
    throw new RangeError(
      `${who}: expected an axis from ${-rank} to ${rank - 1} for rank ${rank}, got ${axis}`,
    );
  }
  return front;
}

/** A short word for any value, for error messages. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value))
    return `an array [${value.slice(0, 6).join(", ")}${value.length > 6 ? ", ..." : ""}]`;
  if (typeof value === "object") return `a ${value.constructor?.name ?? "object"}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  return String(value);
}
