import { sizeOf } from "../tensor/shape.ts";
import { type Partition, parameterStrides, setStrides } from "./partitions.ts";
import type { Values } from "./values.ts";

/** Some elements of x and y, with the index of the statistic and of the parameter that each one uses. */
export interface Block {
  readonly count: number;
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly sets: Int32Array;
  readonly parameters: Int32Array;
  /** Index into the whole array. */
  readonly flat: Float64Array;
}

/** Elements to fit, block by block; each block is only good until the next. */
export type Elements = (visit: (block: Block) => void) => void;

/** Elements in a block of the whole array, and most in a sample. */
const blockSize = 4096;

/** The elements of a sample, with their positions. */
export interface Sample {
  readonly size: number;
  /** Whether it is the whole array. */
  readonly isWhole: boolean;
  readonly flat: Float64Array;
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Position along each axis. */
  readonly along: readonly Int32Array[];
}

/**
 * A grid of at most 4096 elements: every element of a small array; of a larger one some indices of each axis, half
 * of them neighbours from the start and the others spread to the end.
 */
export function sampleOf(x: Values, y: Values, shape: readonly number[], most: number = blockSize): Sample {
  const extents = [...shape];
  while (sizeOf(extents) > most) {
    const longest = extents.indexOf(Math.max(...extents));
    extents[longest] = Math.max(2, Math.floor(extents[longest] * 0.8));
    if (Math.max(...extents) <= 2) break;
  }
  const chosen = extents.map((extent, axis) => spread(extent, shape[axis]));
  const size = sizeOf(extents);
  const along = shape.map(() => new Int32Array(size));
  const sample = { flat: new Float64Array(size), x: new Float64Array(size), y: new Float64Array(size) };
  const place = shape.map(() => 0);
  for (let j = 0; j < size; j++) {
    let flat = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      const index = chosen[axis][place[axis]];
      along[axis][j] = index;
      flat = flat * shape[axis] + index;
    }
    sample.flat[j] = flat;
    sample.x[j] = x[flat];
    sample.y[j] = y[flat];
    for (let axis = shape.length - 1; axis >= 0 && ++place[axis] === extents[axis]; axis--) place[axis] = 0;
  }
  return { size, isWhole: size === x.length, along, ...sample };
}

function spread(wanted: number, extent: number): number[] {
  const near = wanted === extent ? wanted : Math.ceil(wanted / 2);
  const rest = wanted - near;
  const far = Array.from({ length: rest }, (_, i) =>
    Math.round(near + ((i + 1) * (extent - 1 - near)) / rest),
  );
  return [...Array.from({ length: near }, (_, i) => i), ...far];
}

/** The index of each sampled element's statistic. */
export function sampledSets(sample: Sample, partition: Partition): Int32Array {
  const strides = setStrides(partition);
  const sets = new Int32Array(sample.size);
  partition.view.forEach((extent, axis) => {
    if (strides[axis] === 0) return;
    const along = sample.along[partition.axisOf[axis]];
    const next = partition.axisOf[axis + 1] === partition.axisOf[axis];
    const isSecond = axis > 0 && partition.axisOf[axis - 1] === partition.axisOf[axis];
    const divisor = next ? partition.view[axis + 1] : 1;
    for (let j = 0; j < sample.size; j++) {
      const index = next ? Math.floor(along[j] / divisor) : isSecond ? along[j] % extent : along[j];
      sets[j] += index * strides[axis];
    }
  });
  return sets;
}

/** The index of each sampled element's parameter. */
export function sampledParameters(
  sample: Sample,
  shape: readonly number[],
  axes: readonly number[],
): Int32Array {
  const strides = parameterStrides(shape, axes);
  const parameters = new Int32Array(sample.size);
  for (const axis of axes) {
    for (let j = 0; j < sample.size; j++) parameters[j] += sample.along[axis][j] * strides[axis];
  }
  return parameters;
}

/** Every element of the arrays, in blocks, as a partition and the parameters' axes see them. */
export function wholeElements(
  x: Values,
  y: Values,
  shape: readonly number[],
  partition: Partition | null,
  axes: readonly number[],
): Elements {
  const view = partition?.view ?? shape;
  const axisOf = partition?.axisOf ?? shape.map((_, axis) => axis);
  const setSteps = partition ? setStrides(partition) : view.map(() => 0);
  const plain = parameterStrides(shape, axes);
  const parameterSteps = axisOf.map((axis, place) => {
    const isGroup = axisOf[place + 1] === axis;
    return plain[axis] * (isGroup ? view[place + 1] : 1);
  });
  const last = view.length - 1;
  const row = view[last] ?? 1;
  return (visit) => {
    const block = {
      x: new Float64Array(blockSize),
      y: new Float64Array(blockSize),
      sets: new Int32Array(blockSize),
      parameters: new Int32Array(blockSize),
      flat: new Float64Array(blockSize),
    };
    const place = view.map(() => 0);
    let count = 0;
    let set = 0;
    let parameter = 0;
    for (let start = 0; start < x.length; start += row) {
      for (let i = 0; i < row; i++) {
        block.x[count] = x[start + i];
        block.y[count] = y[start + i];
        block.sets[count] = set + i * setSteps[last];
        block.parameters[count] = parameter + i * parameterSteps[last];
        block.flat[count] = start + i;
        if (++count === blockSize) {
          visit({ count, ...block });
          count = 0;
        }
      }
      for (let axis = last - 1; axis >= 0; axis--) {
        set += setSteps[axis];
        parameter += parameterSteps[axis];
        if (++place[axis] < view[axis]) break;
        set -= view[axis] * setSteps[axis];
        parameter -= view[axis] * parameterSteps[axis];
        place[axis] = 0;
      }
    }
    if (count > 0) visit({ count, ...block });
  };
}
