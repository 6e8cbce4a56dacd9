import type { RunningNorm } from "../layers/runningNorm.ts";
import { shapeText, sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Activations } from "./activations.ts";

/** Elements that are read and added between two looks at the clock. */
const elementsPerRead = 1 << 20;

/** How many samples of an array are read at once. */
export function samplesPerRead({ shape }: Activations): number {
  return Math.max(1, Math.floor(elementsPerRead / Math.max(1, sizeOf(shape.slice(1)))));
}

/** Runs a call whose errors name the array. */
export function named<Result>({ identity }: Activations, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    if (error instanceof Error) error.message = `${identity.name}: ${error.message}`;
    throw error;
  }
}

/**
 * What a layer takes, with the samples along the first axis.
 *
 * @throws RangeError if its shape does not fit
 */
export function checkedSamples(layer: RunningNorm, x: Tensor): Tensor {
  if (layer.batchedInput(x) === x) return x;
  throw new RangeError(
    `${layer.name}: expected samples along the first axis, got shape ${shapeText(x.shape)}`,
  );
}

/** The samples of arrays, some after the other. */
export async function* samplesOf(layer: RunningNorm, arrays: readonly Activations[]): AsyncGenerator<Tensor> {
  for (const array of arrays) {
    const file = await array.open();
    try {
      const step = samplesPerRead(array);
      for (let begin = 0; begin < array.shape[0]; begin += step) {
        const x = await file.rows(begin, Math.min(array.shape[0], begin + step));
        yield named(array, () => checkedSamples(layer, x));
      }
    } finally {
      await file.close();
    }
  }
}
