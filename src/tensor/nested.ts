import { describe } from "./shape.ts";

/** Numbers nested to any depth, every level of equal length. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** The extents of nested numbers, by the first list at each depth. */
export function nestedShape(data: NestedNumbers): number[] {
  const shape: number[] = [];
  let level: NestedNumbers = data;
  while (Array.isArray(level)) {
    shape.push(level.length);
    if (level.length === 0) break;
    level = level[0];
  }
  return shape;
}

/**
 * Copies nested numbers into `flat` from `at`, and returns where it ended.
 *
 * @throws TypeError or RangeError where the nesting is not regular
 */
export function copyNested(
  data: NestedNumbers,
  shape: readonly number[],
  depth: number,
  flat: Float64Array,
  at: number,
): number {
  if (depth === shape.length) {
    if (typeof data !== "number") throw new TypeError(`tensor: expected a number, got ${describe(data)}`);
    flat[at] = data;
    return at + 1;
  }
  if (!Array.isArray(data)) {
    throw new TypeError(`tensor: expected a list at depth ${depth}, got ${describe(data)}`);
  }
  if (data.length !== shape[depth]) {
    throw new RangeError(
      `tensor: expected every list at depth ${depth} to have ${shape[depth]} items, got ${data.length}`,
    );
  }
  for (const item of data) at = copyNested(item, shape, depth + 1, flat, at);
  return at;
}
