import type { TypedArray } from "../../tensor/dtype.ts";

/** Runs of fewer bytes are copied by `set`: making a view of them costs more than it saves. */
const leastFillBytes = 1 << 11;

/** Arrays of fewer elements are copied one by one: `subarray` and `set` cost more. */
const shortLength = 48;

type Fill = (this: Uint8Array, value: Uint8Array, from: number, to: number) => unknown;

/**
 * Node's `buf.fill(bytes)` copies as memcpy does. `set` into or out of shared memory goes word by word: 1.5 (Node 20) to
 * 3 times (Node 24) slower, and 12 times where the two differ in alignment.
 */
const fill: Fill | undefined = (globalThis as { Buffer?: { prototype: { fill: Fill } } }).Buffer?.prototype
  .fill;

/** Copies `length` elements between arrays of the same kind that do not overlap. */
export function copyElements(
  to: TypedArray,
  at: number,
  from: TypedArray,
  first: number,
  length: number,
): void {
  const bytes = from.BYTES_PER_ELEMENT;
  if (length < shortLength) for (let i = 0; i < length; i++) to[at + i] = from[first + i];
  else if (fill === undefined || length * bytes < leastFillBytes) {
    (to as Float64Array).set(from.subarray(first, first + length) as Float64Array, at);
  } else {
    const source = new Uint8Array(from.buffer, from.byteOffset + first * bytes, length * bytes);
    const target = new Uint8Array(to.buffer, to.byteOffset + at * bytes, length * bytes);
    fill.call(target, source, 0, length * bytes);
  }
}
