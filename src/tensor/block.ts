import type { DataOf, DType, TypedArray } from "./dtype.ts";
import { allocate, allocateZeroed, free, view } from "./memory.ts";

/** A block of kernel memory and whether it is still held; tensors that share it share this object. */
export class PoolBlock {
  readonly pointer: number;
  isFree = false;

  constructor(pointer: number) {
    this.pointer = pointer;
  }
}

/** Frees the blocks that nobody can reach any more. */
let collector: FinalizationRegistry<number> | undefined;

/** Arrays keep the block that they look into: `layer.forward(x).data` outlives its tensor. */
const blockOfView = new WeakMap<TypedArray, PoolBlock>();

/** A block of at least `bytes`, not zeroed, placed with regard to `after` (see memory.ts). */
export function newBlock(bytes: number, after?: number): PoolBlock {
  return collected(new PoolBlock(allocate(bytes, after)));
}

/** A block of zeros. */
export function newZeroedBlock(bytes: number): PoolBlock {
  return collected(new PoolBlock(allocateZeroed(bytes)));
}

/** Gives the memory back, once. */
export function freeBlock(block: PoolBlock): void {
  if (block.isFree) return;
  block.isFree = true;
  collector?.unregister(block);
  free(block.pointer);
}

/** The block's elements; the block lives as long as this array. */
export function viewOfBlock<D extends DType>(block: PoolBlock, dtype: D, length: number): DataOf<D> {
  const seen = view(dtype, block.pointer, length);
  blockOfView.set(seen, block);
  return seen;
}

function collected(block: PoolBlock): PoolBlock {
  collector ??= new FinalizationRegistry(free);
  collector.register(block, block.pointer, block);
  return block;
}
