import { type Plan, planFrom } from "../plan/plan.ts";
import { PoolBlock } from "../tensor/block.ts";
import { bytesPerElement, type DataOf, type FloatType } from "../tensor/dtype.ts";
import { pointerOf, Tensor } from "../tensor/tensor.ts";

/** A batch as its samples: `[samples, pool, channels, inner]`. */
export interface Samples {
  readonly samples: number;
  readonly pool: number;
  readonly channels: number;
  readonly inner: number;
}

/** A contiguous part of a batch, seen by a plan whose statistics are those of each sample and channel. */
interface Slab {
  readonly samples: number;
  readonly plan: Plan;
  /** The part of a tensor of the batch's size. */
  readonly of: (tensor: Tensor) => Tensor;
}

/** The samples of a batch-norm plan over an input of this shape, whose first axis counts them. */
export function samplesOf(plan: Plan, shape: readonly number[]): Samples {
  const samples = plan.size === 0 ? 0 : shape[0];
  return { samples, pool: samples === 0 ? 1 : plan.pool / samples, channels: plan.group, inner: plan.inner };
}

/**
 * The parts of a batch: all samples in one where their channels lie one after the other, else sample by sample.
 *
 * The plans have no batch, and no pool where that is possible, so that how the values of a sample are summed does not
 * depend on how many samples a rank has.
 */
export function slabsOf({ samples, pool, channels, inner }: Samples): Slab[] {
  const together = pool === 1 ? Math.max(1, samples) : 1;
  const slabs: Slab[] = [];
  for (let sample = 0; sample < samples; sample += together) {
    const plan = planFrom({ batch: 1, pool, group: together * channels, channel: 1, inner });
    const start = sample * plan.size;
    slabs.push({ samples: together, plan, of: (tensor) => partOf(tensor, start, plan.size) });
  }
  return slabs;
}

/** `length` elements of a tensor from `start` on, where they are. */
function partOf(tensor: Tensor, start: number, length: number): Tensor {
  if (length === tensor.size) return tensor;
  const pointer = pointerOf(tensor);
  // By address: growth of an unshared memory detaches views.
  const data =
    pointer === undefined
      ? (tensor.data.subarray(start, start + length) as DataOf<FloatType>)
      : new PoolBlock(pointer + start * bytesPerElement(tensor.dtype));
  return new Tensor(tensor.dtype, [length], data);
}
