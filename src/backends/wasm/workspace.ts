import { arrayConstructor, type DataOf, type DType } from "../../tensor/dtype.ts";
import { allocate, free, memoryBuffer } from "./runtime.ts";

// Memory for the length of one call: staged operands, statistics, partial sums. One block serves call after call;
// a call that needs more takes blocks of its own, and the next one finds a block of the sum.
let base = 0;
let capacity = 0;
let used = 0;
let needed = 0;
const extra: number[] = [];

/** A larger block is not kept from one call to the next. */
const keptBytes = 1 << 24;

/** Address of `bytes` bytes, not zeroed, until {@link releaseAll}. */
export function reserve(bytes: number): number {
  const size = Math.ceil(bytes / 64) * 64;
  needed += size;
  if (used + size > capacity) return takeExtra(size);
  const pointer = base + used;
  used += size;
  return pointer;
}

/** Ends the life of everything reserved. */
export function releaseAll(): void {
  if (extra.length > 0) {
    for (const pointer of extra) free(pointer);
    extra.length = 0;
    if (needed <= keptBytes) {
      if (capacity > 0) free(base);
      base = allocate(needed);
      capacity = needed;
    }
  }
  used = 0;
  needed = 0;
}

function takeExtra(bytes: number): number {
  const pointer = allocate(bytes);
  extra.push(pointer);
  return pointer;
}

/** The n elements at an address. It is made anew for each use: growth detaches views of an unshared memory. */
export function view<D extends DType>(dtype: D, pointer: number, n: number): DataOf<D> {
  return new (arrayConstructor(dtype))(memoryBuffer(), pointer, n);
}

/** The n float64 at an address. */
export function float64At(pointer: number, n: number): Float64Array {
  return new Float64Array(memoryBuffer(), pointer, n);
}

let whole: Float64Array = new Float64Array(0);

/** A copy of the n float64 at an address. */
export function copyOf(pointer: number, n: number): Float64Array {
  // One view serves all copies until the memory grows: for a few elements, making views would take most of a call.
  const buffer = memoryBuffer();
  if (whole.buffer !== buffer) whole = new Float64Array(buffer);
  return whole.slice(pointer / 8, pointer / 8 + n);
}
