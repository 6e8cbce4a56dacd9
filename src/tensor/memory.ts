import { type Allocator, createAllocator } from "./allocator.ts";
import { arrayConstructor, type DataOf, type DType, type TypedArray } from "./dtype.ts";
import { type WasmMemory, webAssembly } from "./webAssembly.ts";

/** Bytes of one WebAssembly page. */
const pageBytes = 65536;

/** Pages of a 32-bit WebAssembly memory. */
const mostPages = 65536;

/** First address of the pool: no tensor lies at 0, and the kernels' build may keep constants below. */
const reservedBytes = 65536;

/** Bounds of one growth step beyond what is needed; untouched pages cost address space only. */
const leastStepBytes = 1 << 20;
const mostStepBytes = 1 << 25;

/** Bytes of kernel memory. */
export interface MemoryUsage {
  /** Held by tensors and scratch, padding included. */
  readonly used: number;
  /** Taken from the system; memory that is free inside it is reused, never given back. */
  readonly reserved: number;
}

interface Pool {
  readonly memory: WasmMemory;
  /** The memory's buffer, which only growth replaces; asking the memory itself takes longer. */
  buffer: ArrayBufferLike;
  readonly isShared: boolean;
  readonly allocator: Allocator;
  readonly limitBytes: number;
}

let pool: Pool | undefined;

/**
 * How much memory tensors and kernels use.
 *
 * @example
 * memoryUsage().used; // 0 before the first empty()
 */
export function memoryUsage(): MemoryUsage {
  if (pool === undefined) return { used: 0, reserved: 0 };
  return { used: pool.allocator.used, reserved: pool.memory.buffer.byteLength };
}

/** The memory that kernels run in, made at the first call. */
export function kernelMemory(): WasmMemory {
  return currentPool().memory;
}

/** The memory's bytes as they are now; growth replaces them. */
export function kernelBuffer(): ArrayBufferLike {
  return currentPool().buffer;
}

/** Whether the memory can be used by several threads. */
export function isMemoryShared(): boolean {
  return currentPool().isShared;
}

/**
 * Address of a free block of at least `bytes`, at a multiple of 64; not zeroed.
 *
 * @param after a block of 32 KiB or more goes 832 bytes below this address modulo 4096 (see allocator.ts)
 * @throws RangeError if it does not fit, naming what was asked for, what is in use, and the limit
 */
export function allocate(bytes: number, after?: number): number {
  return currentPool().allocator.allocate(bytes, after);
}

/** As {@link allocate}, zeroed. */
export function allocateZeroed(bytes: number): number {
  const { allocator, memory } = currentPool();
  const written = allocator.highWater;
  const pointer = allocator.allocate(bytes);
  const end = Math.min(pointer + bytes, written);
  if (end > pointer) new Uint8Array(memory.buffer, pointer, end - pointer).fill(0);
  return pointer;
}

/** Takes back what {@link allocate} gave. */
export function free(pointer: number): void {
  currentPool().allocator.free(pointer);
}

/** The elements at `pointer`; growth of an unshared memory detaches it, so it is made anew for each use. */
export function view<D extends DType>(dtype: D, pointer: number, length: number): DataOf<D> {
  return new (arrayConstructor(dtype))(currentPool().buffer, pointer, length);
}

/** Address of an array that is a view of kernel memory as it is now; undefined for any other. */
export function addressOf(data: TypedArray): number | undefined {
  return pool !== undefined && data.buffer === pool.buffer ? data.byteOffset : undefined;
}

function currentPool(): Pool {
  pool ??= createPool(canShare());
  return pool;
}

/** Whether memory can be sent to workers: browsers hide SharedArrayBuffer, or say so, where it cannot. */
function canShare(): boolean {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return typeof SharedArrayBuffer !== "undefined" && crossOriginIsolated !== false;
}

/** A pool of its own, apart from the package's; for tests. */
export function createPool(shared: boolean, pages: number = mostPages): Pool {
  const { memory, limitBytes, isShared } = createMemory(shared, pages);
  const allocator: Allocator = createAllocator(reservedBytes, (end, asked) => {
    const reserved = memory.buffer.byteLength;
    const needed = end - reserved;
    if (needed <= 0) return reserved;
    if (end > limitBytes) throw outOfMemory(asked, allocator.used, limitBytes);
    const step = Math.min(Math.max(reserved / 4, leastStepBytes), mostStepBytes);
    for (const size of [Math.max(needed, step), needed]) {
      const grownPages = Math.min(Math.ceil(size / pageBytes), (limitBytes - reserved) / pageBytes);
      try {
        memory.grow(grownPages);
        made.buffer = memory.buffer;
        return made.buffer.byteLength;
      } catch {
        // The system may refuse a large step and still have room for what is needed.
      }
    }
    throw outOfMemory(asked, allocator.used, reserved);
  });
  const made: Pool = { memory, buffer: memory.buffer, isShared, allocator, limitBytes };
  return made;
}

/** Devices with little address space refuse the largest maximum. */
function createMemory(
  shared: boolean,
  pages: number,
): { readonly memory: WasmMemory; readonly limitBytes: number; readonly isShared: boolean } {
  for (let maximum = pages; ; maximum = Math.ceil(maximum / 2)) {
    try {
      const memory = new (webAssembly().Memory)({ initial: 1, maximum, shared });
      return { memory, limitBytes: maximum * pageBytes, isShared: shared };
    } catch (error) {
      if (maximum <= 1024) throw error;
    }
  }
}

function outOfMemory(asked: number, used: number, limit: number): RangeError {
  return new RangeError(
    `kernel memory: ${sizeInWords(asked)} asked for, ${sizeInWords(used)} in use, and the limit is ` +
      `${sizeInWords(limit)}; dispose() tensors that are no longer needed, or reuse them by the out option`,
  );
}

function sizeInWords(bytes: number): string {
  const gibibytes = bytes / 2 ** 30;
  if (gibibytes >= 1) return `${trimmed(gibibytes)} GiB (${bytes} bytes)`;
  return `${trimmed(bytes / 2 ** 20)} MiB (${bytes} bytes)`;
}

function trimmed(value: number): string {
  return String(Number(value.toFixed(2)));
}
