import type { DType } from "../tensor/dtype.ts";
import { describe } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { elementsOf } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { quoted } from "./quoted.ts";
import {
  parseSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
  tensorDType,
} from "./safetensorsHeader.ts";
import { type ByteSource, openSource, type SourceLike } from "./source.ts";

/** The format's limit on the JSON header, in bytes. */
const largestHeader = 100_000_000;

/** An open safetensors file, of which only the header has been read. */
export interface SafetensorsFile extends Checkpoint {
  /** dtype, shape and place of every tensor, in the order of their bytes. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
}

/**
 * Opens a safetensors file and reads its header, but no tensor.
 *
 * Source of the rules: the README of github.com/safetensors/safetensors, "Format".
 *
 * @throws TypeError if `source` is nothing that holds bytes; RangeError if the file is malformed; Error if the path
 * cannot be read
 * @example
 * const file = await openSafetensors("model.safetensors");
 * for (const [name, { dtype, shape }] of file.entries) console.log(name, dtype, shape);
 * const weight = await file.tensor("layer1.0.bn1.weight");
 * await file.close();
 */
export async function openSafetensors(source: SourceLike): Promise<SafetensorsFile> {
  return openAs("openSafetensors", source);
}

/**
 * Reads every tensor of a safetensors file, in the order of their bytes.
 *
 * @throws as {@link openSafetensors}; RangeError if a tensor has a dtype that no tensor holds
 * @example
 * const tensors = await readSafetensors("model.safetensors");
 * bn.loadStateDict(tensors, { prefix: "layer1.0.bn1." });
 */
export async function readSafetensors(source: SourceLike): Promise<Map<string, Tensor<DType>>> {
  const file = await openAs("readSafetensors", source);
  try {
    const tensors = new Map<string, Tensor<DType>>();
    for (const name of file.names) tensors.set(name, await file.tensor(name));
    return tensors;
  } finally {
    await file.close();
  }
}

async function openAs(caller: string, source: SourceLike): Promise<SafetensorsFile> {
  const bytes = await openSource(source, caller);
  const who = `${caller}: ${bytes.name}`;
  try {
    const headerLength = await readHeaderLength(who, bytes);
    const dataStart = 8 + headerLength;
    const header = parseSafetensorsHeader(who, await bytes.read(8, headerLength), bytes.size - dataStart);
    return fileOf(who, bytes, header, dataStart);
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

async function readHeaderLength(who: string, source: ByteSource): Promise<number> {
  if (source.size < 8) {
    throw new RangeError(
      `${who}: expected 8 bytes of header length, got a file of ${source.size} bytes: truncated`,
    );
  }
  const prefix = await source.read(0, 8);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length === 0n || length > largestHeader) {
    throw new RangeError(`${who}: expected a header of 1 to ${largestHeader} bytes, got ${length}`);
  }
  if (8 + Number(length) > source.size) {
    throw new RangeError(
      `${who}: expected a header of ${length} bytes, got a file with ${source.size - 8} after the length: truncated`,
    );
  }
  return Number(length);
}

function fileOf(
  who: string,
  source: ByteSource,
  { entries, metadata }: SafetensorsHeader,
  dataStart: number,
): SafetensorsFile {
  const names = [...entries.keys()];
  const entryOf = (name: string): SafetensorsEntry => {
    const entry = entries.get(name);
    if (entry !== undefined) return entry;
    throw new RangeError(`${who}: expected the name of a tensor, ${describe(names)}, got ${describe(name)}`);
  };
  const bytes = async (name: string): Promise<Uint8Array> => {
    const { begin, end } = entryOf(name);
    return source.read(dataStart + begin, end - begin);
  };
  return {
    names,
    metadata,
    entries,
    bytes,
    async tensor(name) {
      const { dtype, shape } = entryOf(name);
      const held = tensorDType(dtype);
      if (held === undefined) {
        throw new RangeError(
          `${who}: tensor ${quoted(name)}: expected a dtype that a tensor can hold, got ${dtype}; ` +
            "read its raw bytes with openSafetensors(...) and bytes(name)",
        );
      }
      return new Tensor(held, [...shape], elementsOf(await bytes(name), held, true));
    },
    close: () => source.close(),
  };
}
