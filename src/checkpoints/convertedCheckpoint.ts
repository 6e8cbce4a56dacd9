import { castArray, storeFloat64, toFloat64 } from "../tensor/cast.ts";
import { describe, shapeText, sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { bytesOf, elementsOf } from "./bytes.ts";
import type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
import type { LazyTensor } from "./namedTensors.ts";
import { tensorDType } from "./safetensorsHeader.ts";

/** A checkpoint of lazily read tensors; closing it closes nothing but `close`. */
export function checkpointOf(
  who: string,
  tensors: ReadonlyMap<string, LazyTensor>,
  metadata: ReadonlyMap<string, string>,
  close: () => Promise<void>,
): Checkpoint {
  const names = [...tensors.keys()];
  const tensorOf = (name: string): LazyTensor => {
    const found = tensors.get(name);
    if (found !== undefined) return found;
    throw new RangeError(`${who}: expected the name of a tensor, ${describe(names)}, got ${describe(name)}`);
  };
  return {
    names,
    metadata,
    entries: new Map([...tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
    close,
    async bytes(name) {
      return tensorOf(name).bytes();
    },
    async tensor(name) {
      const { dtype, shape, bytes } = tensorOf(name);
      const held = tensorDType(dtype);
      if (held === undefined) {
        throw new RangeError(
          `${who}: tensor ${JSON.stringify(name)}: expected a dtype that a tensor can hold, got ${dtype}; ` +
            "read its raw bytes with bytes(name)",
        );
      }
      return new Tensor(held, shape, elementsOf(await bytes(), held, true));
    },
  };
}

/**
 * A tensor times a factor, rounded once to its dtype.
 *
 * @throws RangeError if no tensor holds its dtype
 */
export function scaled(who: string, key: string, tensor: LazyTensor, factor: number): LazyTensor {
  const { dtype, shape } = tensor;
  const held = tensorDType(dtype);
  if (held === undefined) {
    throw new RangeError(`${who}: cannot rescale ${key}, ${dtype} ${shapeText(shape)}; leave the count away`);
  }
  return {
    dtype,
    shape,
    async bytes() {
      const data = elementsOf(await tensor.bytes(), held, true);
      storeFloat64(
        toFloat64(data, held).map((value) => value * factor),
        data,
        held,
      );
      return bytesOf(data);
    },
  };
}

/** A tensor that holds one value everywhere. */
export function filled(who: string, { dtype, shape }: CheckpointEntry, value: number): LazyTensor {
  const held = tensorDType(dtype);
  if (held === undefined) throw new RangeError(`${who}: cannot add a tensor of dtype ${dtype}`);
  const values = new Float64Array(sizeOf(shape)).fill(value);
  return { dtype, shape, bytes: () => bytesOf(castArray(values, "float64", held)) };
}

/** A count of batches as PyTorch stores it: an int64 without axes. */
export function countTensor(count: bigint): LazyTensor {
  return { dtype: "I64", shape: [], bytes: () => bytesOf(BigInt64Array.of(count)) };
}
