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
export interface Slab {
  /** The first sample. */
  readonly sample: number;
  /** How many samples. */
  readonly samples: number;
  /** The first element. */
  readonly start: number;
  readonly plan: Plan;
}

/** The samples of a batch-norm plan over an input of this shape, whose first axis counts them. */
export function samplesOf(plan: Plan, shape: readonly number[]): Samples {
  const samples = plan.size === 0 ? 0 : shape[0];
  const pool = samples === 0 ? 1 : plan.pool / samples;
  return { samples, pool, channels: plan.group, inner: plan.inner };
}

/**
 * The contiguous parts that hold the channels from `from` to `to` of all samples, sample by sample or all in one.
 *
 * A part's plan has no batch and no pool where that is possible, so that the way in which a sample's values are summed
 * does not depend on how many samples a rank has.
 */
export function slabsOf(of: Samples, from: number, to: number): Slab[] {
  const { samples, pool, channels, inner } = of;
  const isWhole = from === 0 && to === channels;
  const together = isWhole && pool === 1 ? samples : 1;
  const slabs: Slab[] = [];
  for (let sample = 0; sample < samples; sample += together) {
    slabs.push({
      sample,
      samples: together,
      start: (sample * pool * channels + from) * inner,
      plan: planFrom({ batch: 1, pool, group: together * (to - from), channel: 1, inner }),
    });
  }
  return slabs;
}

/** `length` elements of a tensor from `start` on, where they are. */
export function partOf(tensor: Tensor, start: number, length: number): Tensor {
  if (start === 0 && length === tensor.size) return tensor;
  const pointer = pointerOf(tensor);
  // By address: growth of an unshared memory detaches views.
  const data =
    pointer === undefined
      ? (tensor.data.subarray(start, start + length) as DataOf<FloatType>)
      : new PoolBlock(pointer + start * bytesPerElement(tensor.dtype));
  return new Tensor(tensor.dtype, [length], data);
}

/** `values`, `times` times in a row. */
export function repeated(values: Float64Array, times: number): Float64Array {
  if (times === 1) return values;
  const all = new Float64Array(values.length * times);
  for (let i = 0; i < times; i++) all.set(values, i * values.length);
  return all;
}
