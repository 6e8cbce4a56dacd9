import { bytesPerElement, type DType } from "../../tensor/dtype.ts";
import { allocate, free } from "../../tensor/memory.ts";
import { pointerOf, type Tensor } from "../../tensor/tensor.ts";
import { copyElements } from "./copy.ts";
import { narrowings, widenings } from "./operands.ts";
import { parallel } from "./runtime.ts";
import { heapOf } from "./workspace.ts";

/** Bytes of a block: in the caches, and long enough for the copies to stream; half as much was 5 to 10 % slower. */
export const blockBytes: number = 1 << 21;

/** Larger scratch is not kept from one call to the next. */
const keptBytes = 1 << 22;

/** A part of a tensor: `count` runs of `length` elements, the first at `start`, each `stride` after the one before. */
export interface Block {
  readonly start: number;
  readonly length: number;
  readonly count: number;
  readonly stride: number;
}

/** A tensor of a kernel call, and what the kernel does with it. */
export interface Operand {
  readonly tensor: Tensor<DType>;
  readonly access: "read" | "write" | "update";
  /** Where an update's result goes instead: the kernel works in place on a copy, which spares the cache a block. */
  readonly into?: Tensor<DType>;
}

/** Whether kernels cannot take a tensor from where it is: an array of JavaScript's, or of 16-bit elements. */
export function needsStage(tensor: Tensor<DType>): boolean {
  return tensor.dtype in widenings || pointerOf(tensor) === undefined;
}

/**
 * Runs `kernel` once for each block, with the address of each operand's elements of that block.
 *
 * Elements in arrays are copied into a scratch of the block's size and, where written, back: they travel
 * through main memory once. Runs are packed there, one after the other; 16-bit elements become float32. A tensor in
 * kernel memory is used where it is if the block is one run; if there are several it is packed as the arrays are, so
 * that the kernel sees one layout.
 */
export function runBlocks<B extends Block>(
  operands: readonly Operand[],
  blocks: Iterable<B>,
  kernel: (pointers: readonly number[], block: B) => void,
): void {
  const sources = operands.map(sourceOf);
  const pointers = new Array<number>(operands.length).fill(0);
  try {
    for (const block of blocks) {
      // All slots first: making one can move the memory that `heap` looks at.
      for (let i = 0; i < sources.length; i++) pointers[i] = addressFor(sources[i], i, block);
      for (let i = 0; i < sources.length; i++) {
        if (operands[i].access !== "write" && isStaged(sources[i], block)) fetch(sources[i], i, block);
      }
      kernel(pointers, block);
      for (let i = 0; i < sources.length; i++) {
        if (operands[i].access !== "read" && isStaged(sources[i], block)) putBack(sources[i], i, block);
      }
    }
  } finally {
    releaseSlots();
  }
}

interface Source {
  readonly from: Tensor<DType>;
  readonly into: Tensor<DType>;
  /** Where kernels can work without a copy, if the block is one run. */
  readonly pointer: number | undefined;
  /** Bytes of a stored element. */
  readonly bytes: number;
  readonly isHalf: boolean;
}

function sourceOf({ tensor, into = tensor }: Operand): Source {
  const isHalf = tensor.dtype in widenings;
  const pointer = into === tensor && !isHalf ? pointerOf(tensor) : undefined;
  return { from: tensor, into, pointer, bytes: bytesPerElement(tensor.dtype), isHalf };
}

function isStaged({ pointer }: Source, block: Block): boolean {
  return pointer === undefined || block.count > 1;
}

function addressFor(source: Source, index: number, block: Block): number {
  if (source.pointer !== undefined && block.count === 1) return source.pointer + block.start * source.bytes;
  const elements = block.length * block.count;
  if (source.isHalf) slot(2 * index + 1, elements * 2);
  return slot(2 * index, elements * (source.isHalf ? 4 : source.bytes));
}

function fetch({ from, bytes, isHalf }: Source, index: number, block: Block): void {
  const { start, length, count, stride } = block;
  const there = isHalf && count === 1 ? pointerOf(from) : undefined;
  const to = slots[2 * index + (isHalf ? 1 : 0)].pointer;
  if (there === undefined) {
    const { data } = from;
    const heap = heapOf(data);
    for (let run = 0; run < count; run++) {
      copyElements(heap, to / bytes + run * length, data, start + run * stride, length);
    }
  }
  if (isHalf) {
    const elements = length * count;
    const at = there === undefined ? to : there + start * bytes;
    parallel(widenings[from.dtype] as string, [at, slots[2 * index].pointer], elements);
  }
}

function putBack({ into, bytes, isHalf }: Source, index: number, block: Block): void {
  const { start, length, count, stride } = block;
  let at = slots[2 * index].pointer;
  if (isHalf) {
    const there = count === 1 ? pointerOf(into) : undefined;
    const to = there === undefined ? slots[2 * index + 1].pointer : there + start * bytes;
    parallel(narrowings[into.dtype] as string, [at, to], length * count);
    if (there !== undefined) return;
    at = to;
  }
  const { data } = into;
  const heap = heapOf(data);
  for (let run = 0; run < count; run++) {
    copyElements(data, start + run * stride, heap, at / bytes + run * length, length);
  }
}

/** For each operand a scratch for its elements, and one for 16-bit elements on their way. */
const slots: { pointer: number; bytes: number }[] = [];

function slot(index: number, bytes: number): number {
  while (slots.length <= index) slots.push({ pointer: 0, bytes: 0 });
  const held = slots[index];
  if (held.bytes < bytes) {
    const pointer = allocate(bytes);
    if (held.bytes > 0) free(held.pointer);
    held.pointer = pointer;
    held.bytes = bytes;
  }
  return held.pointer;
}

function releaseSlots(): void {
  for (const held of slots) {
    if (held.bytes <= keptBytes) continue;
    free(held.pointer);
    held.bytes = 0;
  }
}
