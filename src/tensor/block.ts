import type { DataOf, DType, TypedArray } from "./dtype.ts";
import { allocate, allocateZeroed, free, memoryUsage, view } from "./memory.ts";

/** Growth of the memory in use after which the garbage collector is asked to look. */
const nudgeStepBytes = 2 ** 28;

/** Beyond what a host lets accumulate outside its own heap before it collects; never touched, so never backed by memory. */
const nudgeBytes = 2 ** 27;

/** A block of kernel memory and whether it is still held; tensors that share it share this object. */
export class PoolBlock {
  readonly pointer: number;
  isFree = false;

  constructor(pointer: number) {
    this.pointer = pointer;
  }
}

let nudgeAt = nudgeStepBytes;

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

/**
 * Makes the garbage collector run soon: tensors are a few bytes on its heap, whatever they hold here, so that by
 * itself it would see no reason to. Programs that dispose of what they no longer need never get here.
 */
function nudgeCollector(): void {
  const { used } = memoryUsage();
  nudgeAt = Math.min(nudgeAt, used + nudgeStepBytes);
  if (used < nudgeAt) return;
  nudgeAt = used + nudgeStepBytes;
  try {
    new ArrayBuffer(nudgeBytes);
  } catch {
    // No room for it: the host has reason enough to collect.
  }
}

function collected(block: PoolBlock): PoolBlock {
  nudgeCollector();
  collector ??= new FinalizationRegistry(free);
  collector.register(block, block.pointer, block);
  return block;
}
