import type { arrayConstructor, TypedArray } from "../../tensor/dtype.ts";
import { copyElements } from "./copy.ts";
import { allocate, free, memoryBuffer } from "./runtime.ts";

// Memory for the length of one call: staged operands, statistics, partial sums. One block serves call after call;
// a call that needs more takes blocks of its own, and the next one finds a block of the sum.
let base = 0;
let capacity = 0;
let used = 0;
let needed = 0;
let mostNeeded = 0;
const extra: number[] = [];

/** Values of a chunk that copies share. */
const chunkLength = 1024;

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

/** Runs a part of a call; what it reserves ends with it, but for blocks of its own, which live on to the call's end. */
export function inPart(run: () => void): void {
  const before = { used, needed };
  run();
  mostNeeded = Math.max(mostNeeded, needed);
  used = before.used;
  needed = before.needed;
}

/** Ends the life of everything reserved. */
export function releaseAll(): void {
  if (extra.length > 0) {
    for (const pointer of extra) free(pointer);
    extra.length = 0;
    const wanted = Math.max(needed, mostNeeded);
    if (wanted <= keptBytes) {
      if (capacity > 0) free(base);
      base = allocate(wanted);
      capacity = wanted;
    }
  }
  used = 0;
  needed = 0;
  mostNeeded = 0;
}

function takeExtra(bytes: number): number {
  const pointer = allocate(bytes);
  extra.push(pointer);
  return pointer;
}

/** The n float64 at an address. */
export function float64At(pointer: number, n: number): Float64Array {
  return new Float64Array(memoryBuffer(), pointer, n);
}

const heaps = new Map<unknown, TypedArray>();

/** All of kernel memory as an array of the same kind; growth makes it anew. */
export function heapOf(array: TypedArray): TypedArray {
  const buffer = memoryBuffer();
  const known = heaps.get(array.constructor);
  if (known !== undefined && known.buffer === buffer) return known;
  const Kind = array.constructor as ReturnType<typeof arrayConstructor>;
  const heap = new Kind(buffer, 0, Math.floor(buffer.byteLength / array.BYTES_PER_ELEMENT)) as TypedArray;
  heaps.set(array.constructor, heap);
  return heap;
}

let chunk: Float64Array = new Float64Array(0);
let chunkUsed = 0;

/**
 * Copies of the `rows` rows of n float64 at an address, one after the other in a buffer that they may share with the copies
 * before: a buffer for each would take as long as a small call.
 */
export function copyRows(pointer: number, n: number, rows: number): Float64Array[] {
  const length = n * rows;
  if (chunkUsed + length > chunk.length) {
    chunk = new Float64Array(Math.max(chunkLength, length));
    chunkUsed = 0;
  }
  copyElements(chunk, chunkUsed, heapOf(chunk), pointer / 8, length);
  const copies: Float64Array[] = [];
  for (let row = 0; row < rows; row++, chunkUsed += n) copies.push(chunk.subarray(chunkUsed, chunkUsed + n));
  return copies;
}
