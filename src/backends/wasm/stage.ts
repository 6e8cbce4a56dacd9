import { type arrayConstructor, bytesPerElement, type DType, type TypedArray } from "../../tensor/dtype.ts";
import { allocate, free, kernelMemory } from "../../tensor/memory.ts";
import { pointerOf, type Tensor } from "../../tensor/tensor.ts";

/** Bytes of one operand's block: what one core's cache holds, and long enough for copies to run at full speed. */
export const blockBytes: number = 1 << 19;

/** Arrays shorter than this are copied element by element: `subarray` and `set` cost more. */
const shortLength = 48;

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

/**
 * Runs `kernel` once for each block, with the address of each operand's elements of that block.
 *
 * Elements in arrays are copied into a scratch of the block's size and, where written, back: they travel
 * through main memory once. Runs are packed there, one after the other. A tensor in kernel memory is used where
 * it is if the block is one run; if there are several it is packed as the arrays are, so that the kernel sees one layout.
 */
export function runBlocks(
  operands: readonly Operand[],
  blocks: Iterable<Block>,
  kernel: (pointers: readonly number[], block: Block) => void,
): void {
  const sources = operands.map(sourceOf);
  const pointers = new Array<number>(operands.length).fill(0);
  for (const block of blocks) {
    const elements = block.length * block.count;
    // All slots first: making one can move the memory that `heap` looks at.
    for (let i = 0; i < sources.length; i++) {
      const { pointer, bytes } = sources[i];
      if (pointer !== undefined && !isStaged(sources[i], block)) pointers[i] = pointer + block.start * bytes;
      else pointers[i] = slot(i, elements * bytes);
    }
    for (let i = 0; i < sources.length; i++) {
      if (operands[i].access !== "write" && isStaged(sources[i], block)) {
        copyIn(sources[i], block, pointers[i]);
      }
    }
    kernel(pointers, block);
    for (let i = 0; i < sources.length; i++) {
      if (operands[i].access !== "read" && isStaged(sources[i], block)) {
        copyOut(sources[i].into, sources[i].bytes, block, pointers[i]);
      }
    }
  }
}

/** Blocks of whole rows: [0, rows) in order, each block a multiple of `unit` rows but the last. */
export function rowBlocks(rows: number, rowLength: number, bytes: number, unit = 1): Block[] {
  const fitting = Math.floor(blockBytes / (rowLength * bytes * unit)) * unit;
  const each = Math.max(unit, fitting);
  const blocks: Block[] = [];
  for (let row = 0; row < rows; row += each) {
    const length = Math.min(each, rows - row) * rowLength;
    blocks.push({ start: row * rowLength, length, count: 1, stride: length });
  }
  return blocks;
}

/**
 * Blocks of whole planes: of an array [samples, planes, planeLength], the same planes of every sample.
 *
 * @param mostBytes largest block; undefined is returned where one plane of all samples does not fit, which then needs
 *   its statistics in a pass of its own
 */
export function planeBlocks(
  samples: number,
  planes: number,
  planeLength: number,
  bytes: number,
  mostBytes: number = 4 * blockBytes,
): Block[] | undefined {
  const one = samples * planeLength * bytes;
  if (one > mostBytes) return undefined;
  const each = Math.max(1, Math.min(planes, Math.floor(mostBytes / one)));
  const blocks: Block[] = [];
  for (let plane = 0; plane < planes; plane += each) {
    const length = Math.min(each, planes - plane) * planeLength;
    blocks.push({ start: plane * planeLength, length, count: samples, stride: planes * planeLength });
  }
  return blocks;
}

interface Source {
  readonly data: TypedArray;
  readonly into: TypedArray;
  readonly pointer: number | undefined;
  readonly bytes: number;
}

function sourceOf({ tensor, into }: Operand): Source {
  const { data } = tensor;
  const pointer = into === undefined ? pointerOf(tensor) : undefined;
  return { data, into: into === undefined ? data : into.data, pointer, bytes: bytesPerElement(tensor.dtype) };
}

function isStaged({ pointer }: Source, block: Block): boolean {
  return pointer === undefined || block.count > 1;
}

function copyIn({ data, bytes }: Source, { start, length, count, stride }: Block, pointer: number): void {
  const heap = heapOf(data);
  for (let run = 0; run < count; run++) {
    copyInto(heap, pointer / bytes + run * length, data, start + run * stride, length);
  }
}

function copyOut(
  into: TypedArray,
  bytes: number,
  { start, length, count, stride }: Block,
  pointer: number,
): void {
  const heap = heapOf(into);
  for (let run = 0; run < count; run++) {
    copyInto(into, start + run * stride, heap, pointer / bytes + run * length, length);
  }
}

function copyInto(to: TypedArray, at: number, from: TypedArray, first: number, length: number): void {
  if (length < shortLength) for (let i = 0; i < length; i++) to[at + i] = from[first + i];
  else (to as Float64Array).set(from.subarray(first, first + length) as Float64Array, at);
}

const slots: { pointer: number; bytes: number }[] = [];

/** The scratch of the operand at this place in its call, kept from call to call. */
function slot(index: number, bytes: number): number {
  let held = slots[index];
  if (held === undefined || held.bytes < bytes) {
    const pointer = allocate(bytes);
    if (held !== undefined) free(held.pointer);
    held = { pointer, bytes };
    slots[index] = held;
  }
  return held.pointer;
}

const heaps = new Map<unknown, TypedArray>();

/** All of kernel memory as an array of the same kind; growth makes it anew. */
function heapOf(array: TypedArray): TypedArray {
  const { buffer } = kernelMemory();
  const known = heaps.get(array.constructor);
  if (known !== undefined && known.buffer === buffer) return known;
  const Kind = array.constructor as ReturnType<typeof arrayConstructor>;
  const heap = new Kind(buffer, 0, Math.floor(buffer.byteLength / array.BYTES_PER_ELEMENT)) as TypedArray;
  heaps.set(array.constructor, heap);
  return heap;
}
