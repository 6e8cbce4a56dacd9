import { checkShape, describe, shapeText } from "../tensor/shape.ts";
import { type TensorLike, wrap } from "../tensor/tensor.ts";
import { bytesOf } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import {
  byteLengthOf,
  checkName,
  isSafetensorsDType,
  type SafetensorsDType,
  safetensorsDType,
} from "./safetensorsHeader.ts";

/** A tensor to be written whose bytes are read when their turn comes; of any dtype, also those that no tensor holds. */
export interface LazyTensor {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** The elements, row-major and little-endian. */
  bytes(): Uint8Array | Promise<Uint8Array>;
}

/** Tensors and their names; a Map is one. */
export type NamedTensors =
  | Iterable<readonly [string, TensorLike | LazyTensor]>
  | AsyncIterable<readonly [string, TensorLike | LazyTensor]>;

/** A tensor whose name, dtype and shape have been checked. */
export interface StoredTensor extends LazyTensor {
  readonly name: string;
  readonly byteLength: number;
}

/**
 * The tensors of an open checkpoint, read one by one as they are written: files larger than memory can be copied.
 *
 * @example
 * const file = await openSafetensors("big.safetensors");
 * await writeSafetensors("copy.safetensors", lazyTensors(file), { metadata: file.metadata });
 */
export function* lazyTensors(
  checkpoint: Pick<Checkpoint, "entries" | "bytes">,
): Generator<readonly [string, LazyTensor]> {
  for (const [name, { dtype, shape }] of checkpoint.entries) {
    yield [name, { dtype, shape, bytes: () => checkpoint.bytes(name) }];
  }
}

/**
 * Checks every name, dtype and shape; no lazy tensor is read.
 *
 * @throws TypeError if something is neither a tensor nor a lazy one; RangeError for a name that comes twice or that
 * UTF-8 cannot write, and for a size that cannot be
 */
export async function collectTensors(who: string, tensors: NamedTensors): Promise<StoredTensor[]> {
  const isIterable =
    typeof tensors === "object" &&
    tensors !== null &&
    (Symbol.iterator in tensors || Symbol.asyncIterator in tensors);
  if (!isIterable) throw notTensors(who, tensors);
  const stored = new Map<string, StoredTensor>();
  for await (const pair of tensors) collect(who, stored, pair);
  return [...stored.values()];
}

/** As {@link collectTensors}, of tensors that are all in memory. */
export function collectNow(
  who: string,
  tensors: Iterable<readonly [string, TensorLike | LazyTensor]>,
): StoredTensor[] {
  if (typeof tensors !== "object" || tensors === null || !(Symbol.iterator in tensors)) {
    throw notTensors(who, tensors);
  }
  const stored = new Map<string, StoredTensor>();
  for (const pair of tensors) collect(who, stored, pair);
  return [...stored.values()];
}

/** The bytes of a stored tensor, which must be as many as its shape says. */
export async function readStored(who: string, tensor: StoredTensor): Promise<Uint8Array> {
  return checkedBytes(who, tensor, await tensor.bytes());
}

/** The bytes of a stored tensor that is in memory. */
export function readNow(who: string, tensor: StoredTensor): Uint8Array {
  const bytes = tensor.bytes();
  if (bytes instanceof Promise) {
    bytes.catch(() => {});
    throw new TypeError(
      `${who}: tensor ${JSON.stringify(tensor.name)}: expected bytes at once, got a Promise; ` +
        "use streamSafetensors or writeSafetensors",
    );
  }
  return checkedBytes(who, tensor, bytes);
}

function checkedBytes(who: string, { name, byteLength }: StoredTensor, bytes: Uint8Array): Uint8Array {
  if (bytes instanceof Uint8Array && bytes.length === byteLength) return bytes;
  const got = bytes instanceof Uint8Array ? `${bytes.length}` : describe(bytes);
  throw new RangeError(`${who}: tensor ${JSON.stringify(name)}: expected ${byteLength} bytes, got ${got}`);
}

function notTensors(who: string, got: unknown): TypeError {
  return new TypeError(`${who}: expected a Map of tensors or pairs [name, tensor], got ${describe(got)}`);
}

function collect(who: string, stored: Map<string, StoredTensor>, pair: readonly [string, unknown]): void {
  if (!Array.isArray(pair)) throw notTensors(who, pair);
  const [name, value] = pair;
  if (typeof name !== "string") throw new TypeError(`${who}: expected a name, got ${describe(name)}`);
  const what = `${who}: tensor ${JSON.stringify(name)}`;
  checkName(what, name);
  if (stored.has(name)) throw new RangeError(`${what}: expected each name once, got it twice`);
  stored.set(name, storedOf(who, what, name, value));
}

function storedOf(who: string, what: string, name: string, value: unknown): StoredTensor {
  if (isLazy(value)) {
    const { dtype, shape } = value;
    if (!isSafetensorsDType(dtype)) {
      throw new TypeError(`${what}: expected a dtype of safetensors such as F32, got ${describe(dtype)}`);
    }
    checkShape(what, shape);
    const byteLength = Number(byteLengthOf(what, dtype, shape));
    return { name, dtype, shape: [...shape], byteLength, bytes: () => value.bytes() };
  }
  const tensor = wrap(who, `tensor ${JSON.stringify(name)}`, value);
  const { data } = tensor;
  const { shape } = tensor;
  const dtype = safetensorsDType(tensor.dtype);
  const byteLength = Number(byteLengthOf(what, dtype, shape));
  if (byteLength !== data.byteLength) {
    throw new RangeError(
      `${what}: expected ${byteLength} bytes for ${dtype} ${shapeText(shape)}, got ${data.byteLength}`,
    );
  }
  return { name, dtype, shape: [...shape], byteLength, bytes: () => bytesOf(data) };
}

function isLazy(value: unknown): value is LazyTensor {
  return typeof value === "object" && value !== null && "bytes" in value && typeof value.bytes === "function";
}
