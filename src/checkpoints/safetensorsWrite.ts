import { describe } from "../tensor/shape.ts";
import type { TensorLike } from "../tensor/tensor.ts";
import { writeFileAtomic } from "./atomicWrite.ts";
import {
  collectNow,
  collectTensors,
  type LazyTensor,
  type NamedTensors,
  readNow,
  readStored,
  type StoredTensor,
} from "./namedTensors.ts";
import { rankOfDType } from "./safetensorsHeader.ts";

/** Options of the safetensors writers. */
export interface SafetensorsWriteOptions {
  /** Strings that belong to the whole file, in their order. */
  readonly metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
}

/** The format's limit on the JSON header, in bytes. */
const largestHeader = 100_000_000;

/**
 * The bytes of a safetensors file that holds `tensors`, the same as the reference implementation writes.
 *
 * Layout: length of the header, a JSON header padded with spaces to a multiple of 8, then the tensors by descending
 * alignment of their dtype, then by name. Source: `prepare` in the reference's `tensor.rs`.
 *
 * @throws TypeError if something is not a tensor; RangeError for the name `__metadata__`, a name that comes twice, or
 * lazy bytes of the wrong length
 * @example
 * const bytes = encodeSafetensors(Object.entries(bn.stateDict()), { metadata: { format: "pt" } });
 * const blob = new Blob([bytes]);
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, TensorLike | LazyTensor]>,
  options: SafetensorsWriteOptions = {},
): Uint8Array<ArrayBuffer> {
  const who = "encodeSafetensors";
  const stored = inFileOrder(collectNow(who, tensors));
  const header = encodeHeader(who, stored, metadataOf(who, options));
  const file = new Uint8Array(header.length + totalBytes(stored));
  file.set(header);
  let end = header.length;
  for (const tensor of stored) {
    file.set(readNow(who, tensor), end);
    end += tensor.byteLength;
  }
  return file;
}

/**
 * The bytes of {@link encodeSafetensors} piece by piece: the header, then each tensor, read as its turn comes.
 *
 * @throws as {@link encodeSafetensors}; what a lazy tensor throws
 * @example
 * const parts = [];
 * for await (const part of streamSafetensors(lazyTensors(file))) parts.push(new Blob([part]));
 * const blob = new Blob(parts); // the browser may keep the parts on disk
 */
export async function* streamSafetensors(
  tensors: NamedTensors,
  options: SafetensorsWriteOptions = {},
): AsyncGenerator<Uint8Array> {
  const who = "streamSafetensors";
  yield* safetensorsPieces(who, await collectTensors(who, tensors), metadataOf(who, options));
}

/**
 * Writes `tensors` to a safetensors file; readers see the old file or all of the new one, never a part.
 *
 * Names, dtypes and shapes are gone through first, then the tensors are read and written one by one.
 *
 * @throws as {@link streamSafetensors}; Error, with the system's error as its `cause`, if the file cannot be written
 * @example
 * await writeSafetensors("bn.safetensors", Object.entries(bn.stateDict()));
 */
export async function writeSafetensors(
  path: string,
  tensors: NamedTensors,
  options: SafetensorsWriteOptions = {},
): Promise<void> {
  const who = "writeSafetensors";
  const metadata = metadataOf(who, options);
  const stored = await collectTensors(who, tensors);
  await writeFileAtomic(who, path, safetensorsPieces(who, stored, metadata));
}

/** The pieces of a file whose tensors have been collected. */
export async function* safetensorsPieces(
  who: string,
  tensors: readonly StoredTensor[],
  metadata: ReadonlyMap<string, string>,
): AsyncGenerator<Uint8Array> {
  const stored = inFileOrder(tensors);
  yield encodeHeader(who, stored, metadata);
  for (const tensor of stored) {
    if (tensor.byteLength > 0) yield await readStored(who, tensor);
  }
}

/**
 * The metadata of the options as a Map.
 *
 * @throws TypeError if a key or a value is not a string
 */
export function metadataOf(who: string, options: SafetensorsWriteOptions): ReadonlyMap<string, string> {
  const { metadata = {} } = options;
  if (typeof metadata !== "object" || metadata === null) {
    throw new TypeError(
      `${who}: expected metadata to be a Map or an object of strings, got ${describe(metadata)}`,
    );
  }
  const pairs = new Map(metadata instanceof Map ? metadata : Object.entries(metadata));
  for (const [key, value] of pairs) {
    if (typeof key !== "string" || typeof value !== "string") {
      throw new TypeError(
        `${who}: expected metadata to hold strings, got ${describe(key)}: ${describe(value)}`,
      );
    }
  }
  return pairs;
}

/** Number of data bytes. */
export function totalBytes(tensors: readonly StoredTensor[]): number {
  return tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function inFileOrder(tensors: readonly StoredTensor[]): StoredTensor[] {
  return [...tensors].sort(
    (a, b) => rankOfDType(b.dtype) - rankOfDType(a.dtype) || compareCodePoints(a.name, b.name),
  );
}

/** As Rust orders strings: by their UTF-8 bytes, which is by code points. */
function compareCodePoints(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    if (a[i] !== b[i]) return codePointRank(a.charCodeAt(i)) - codePointRank(b.charCodeAt(i));
  }
  return a.length - b.length;
}

/** Puts surrogates, which stand for the highest code points, above the rest of UTF-16. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

function encodeHeader(
  who: string,
  tensors: readonly StoredTensor[],
  metadata: ReadonlyMap<string, string>,
): Uint8Array<ArrayBuffer> {
  const members: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    members.push(`"__metadata__":{${pairs.join()}}`);
  }
  let begin = 0;
  // Text, not an object: an object would move names such as "0" to the front, and lose `__proto__`.
  for (const { name, dtype, shape, byteLength } of tensors) {
    if (name === "__metadata__") {
      throw new RangeError(
        `${who}: expected a tensor's name, got "__metadata__", which the format keeps for itself`,
      );
    }
    const end = begin + byteLength;
    members.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join()}],"data_offsets":[${begin},${end}]}`,
    );
    begin = end;
  }
  const json = new TextEncoder().encode(`{${members.join()}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > largestHeader) {
    throw new RangeError(`${who}: expected a header of at most ${largestHeader} bytes, got ${length}`);
  }
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}
