/** Number of elements of a shape; 1 for the empty shape. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (let axis = 0; axis < shape.length; axis++) size *= shape[axis];
  return size;
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
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

/**
 * Checks that `shape` is an array of non-negative integers whose product a typed array can index.
 *
 * @throws TypeError if it is not an array of integers; RangeError for a negative or overflowing extent.
 */
export function checkShape(who: string, shape: unknown): asserts shape is readonly number[] {
  if (!Array.isArray(shape) || !isAll(shape, Number.isInteger)) {
    throw new TypeError(`${who}: expected a shape (an array of integers), got ${describe(shape)}`);
  }
  if (!isAll(shape, (extent) => extent >= 0)) {
    throw new RangeError(`${who}: expected extents of 0 or more, got shape ${shapeText(shape)}`);
  }
  if (!Number.isSafeInteger(sizeOf(shape))) {
    throw new RangeError(`${who}: shape ${shapeText(shape)} has too many elements`);
  }
}

/** As `every`, which passes over the holes of a sparse array. */
function isAll(values: readonly number[], holds: (value: number) => boolean): boolean {
  for (let i = 0; i < values.length; i++) if (!holds(values[i])) return false;
  return true;
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
