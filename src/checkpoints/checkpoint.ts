import type { DType } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { SafetensorsDType } from "./safetensorsHeader.ts";

/** What a checkpoint says of one tensor; dtypes of every format have safetensors' names. */
export interface CheckpointEntry {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
}

/** An open file of named tensors, of whatever format: listed, but read one by one. */
export interface Checkpoint {
  /** Names of the tensors in the order of the file. */
  readonly names: readonly string[];
  /** Strings that belong to the whole file; empty if there are none. */
  readonly metadata: ReadonlyMap<string, string>;
  /** dtype and shape of every tensor, in the order of {@link Checkpoint.names}. */
  readonly entries: ReadonlyMap<string, CheckpointEntry>;
  /**
   * Reads one tensor; int64 and uint64 values are BigInt, float16 and bfloat16 are bits.
   *
   * @throws RangeError if there is no such tensor or no tensor dtype holds its elements
   */
  tensor(name: string): Promise<Tensor<DType>>;
  /**
   * Reads the raw little-endian bytes of one tensor in row-major order, whatever its dtype.
   *
   * @throws RangeError if there is no such tensor
   */
  bytes(name: string): Promise<Uint8Array>;
  /** Closes the file. */
  close(): Promise<void>;
}
