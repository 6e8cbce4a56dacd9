import { readFileSync } from "node:fs";
import type { Tensor } from "../../tensor/tensor.ts";

/** A kernel of kernels/index.ts: numbers, then scratch, begin and end. */
export type Kernel = (...args: number[]) => void;

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

// The types of WebAssembly are in the DOM library, which this project does not load.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Memory: new (limits: { initial: number; maximum: number }) => Memory;
    Module: new (bytes: Uint8Array) => object;
    Instance: new (
      module: object,
      imports: { env: { memory: Memory } },
    ) => { exports: Readonly<Record<string, Kernel>> };
  };
};

// Stand-in for the embedded module, the allocator and the thread pool, which are built on another branch.
const memory = new WebAssembly.Memory({ initial: 24_576, maximum: 65_536 });
const path = new URL("../../../build/kernels.wasm", import.meta.url);
const module = new WebAssembly.Module(readFileSync(path));
const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports;

/** Bytes of a thread's scratch block. */
export const scratchBytes = 65536;

let top = 65536;
const freed = new Map<number, number[]>();
const sizes = new Map<number, number>();
const buffers = new Set<ArrayBufferLike>();
let parts = 1;

export function allocate(bytes: number): number {
  const size = Math.ceil((bytes + 64) / 4096) * 4096;
  const reused = freed.get(size)?.pop();
  if (reused !== undefined) return reused;
  const pointer = top;
  top += size;
  if (top > memory.buffer.byteLength) memory.grow(Math.ceil((top - memory.buffer.byteLength) / 65536));
  sizes.set(pointer, size);
  return pointer;
}

export function free(pointer: number): void {
  const size = sizes.get(pointer) as number;
  freed.set(size, [...(freed.get(size) ?? []), pointer]);
}

/** The memory's bytes now; growth replaces the buffer. */
export function memoryBuffer(): ArrayBuffer {
  return memory.buffer;
}

/** Address of a tensor's data if it lies in the kernels' memory. */
export function pointerOf(tensor: Tensor): number | undefined {
  buffers.add(memory.buffer);
  return buffers.has(tensor.data.buffer) ? tensor.data.byteOffset : undefined;
}

const scratch: number = allocate(scratchBytes);

/** Runs a kernel over [0, items), in as many parts as there are threads. */
export function parallel(name: string, args: readonly number[], items: number): void {
  const kernel = kernels[name] as Kernel;
  if (parts === 1) {
    kernel(...args, scratch, 0, items);
    return;
  }
  for (let part = 0; part < parts; part++) {
    const begin = Math.floor((items * part) / parts);
    const end = Math.floor((items * (part + 1)) / parts);
    if (begin < end) kernel(...args, scratch, begin, end);
  }
}

/** Threads that `parallel` uses. */
export function threadCount(): number {
  return parts;
}

/** For tests: how many parts work is split into. */
export function setThreads(count: number): void {
  parts = count;
}
