import { writeFileAtomic } from "./atomicWrite.ts";
import { concatenate } from "./bytes.ts";
import { collectTensors, type NamedTensors, readStored, type StoredTensor } from "./namedTensors.ts";
import { encodeNpyHeader } from "./npyWrite.ts";
import { tensorDType } from "./safetensorsHeader.ts";
import { type ZipFile, zipPieces } from "./zipWrite.ts";

/** Options of the npz writers. */
export interface NpzWriteOptions {
  /** Whether to deflate the arrays, as `numpy.savez_compressed` does. Default false. */
  readonly compress?: boolean;
}

/**
 * The bytes of an npz file, which `numpy.load` reads.
 *
 * @throws TypeError if something is not a tensor or has a dtype that npy cannot express; RangeError for a name that
 * comes twice, or lazy bytes of the wrong length
 * @example
 * const bytes = await encodeNpz([["mean", bn.runningMean], ["var", bn.runningVar]]);
 */
export async function encodeNpz(
  tensors: NamedTensors,
  options: NpzWriteOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of await npzPieces("encodeNpz", tensors, options)) pieces.push(piece);
  return concatenate(pieces);
}

/**
 * Writes tensors to an npz file; readers see the old file or all of the new one, never a part.
 *
 * Names, dtypes and shapes are gone through first, then the tensors are read and written one by one.
 *
 * @throws as {@link encodeNpz}; Error, with the system's error as its `cause`, if the file cannot be written
 * @example
 * await writeNpz("statistics.npz", [["mean", bn.runningMean]], { compress: true });
 */
export async function writeNpz(
  path: string,
  tensors: NamedTensors,
  options: NpzWriteOptions = {},
): Promise<void> {
  await writeFileAtomic("writeNpz", path, await npzPieces("writeNpz", tensors, options));
}

async function npzPieces(
  who: string,
  tensors: NamedTensors,
  { compress = false }: NpzWriteOptions,
): Promise<AsyncIterable<Uint8Array>> {
  const files = (await collectTensors(who, tensors)).map((tensor) => npyFile(who, tensor));
  return zipPieces(files, compress);
}

function npyFile(who: string, tensor: StoredTensor): ZipFile {
  const dtype = tensorDType(tensor.dtype);
  const what = `${who}: tensor ${JSON.stringify(tensor.name)}`;
  if (dtype === undefined) {
    throw new TypeError(`${what}: expected a dtype that npy can express, got ${tensor.dtype}`);
  }
  const header = encodeNpyHeader(what, dtype, tensor.shape);
  return {
    name: `${tensor.name}.npy`,
    size: header.length + tensor.byteLength,
    async *pieces() {
      yield header;
      yield await readStored(who, tensor);
    },
  };
}
