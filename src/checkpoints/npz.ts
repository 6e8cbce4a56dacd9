import type { DType } from "../tensor/dtype.ts";
import { describe } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { bytesOf } from "./bytes.ts";
import type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
import { type NpyFile, openNpyIn } from "./npy.ts";
import { safetensorsDType } from "./safetensorsHeader.ts";
import { type ByteSource, openSource, type SourceLike } from "./source.ts";
import { openZip, type ZipArchive } from "./zip.ts";

/**
 * Opens an npz file (a zip of npy files, as `numpy.savez` and `savez_compressed` write it) and reads its headers.
 *
 * A tensor's name is its file's without `.npy`. Nothing in the file is executed: object arrays are refused.
 *
 * @throws TypeError if `source` is nothing that holds bytes; RangeError if the archive or one of its arrays is malformed,
 * encrypted, or not of plain numbers; Error if the path cannot be read
 * @example
 * const file = await openNpz("statistics.npz");
 * const mean = await file.tensor("mean");
 * await file.close();
 */
export async function openNpz(source: SourceLike): Promise<Checkpoint> {
  const bytes = await openSource(source, "openNpz");
  const who = `openNpz: ${bytes.name}`;
  try {
    return await npzOf(who, bytes, await openZip(bytes, who));
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

/**
 * As {@link openNpz}, for an archive that is open already.
 *
 * @throws RangeError as {@link openNpz}; `source` stays open
 */
export async function npzOf(who: string, source: ByteSource, archive: ZipArchive): Promise<Checkpoint> {
  const arrays = new Map<string, NpyFile>();
  const entries = new Map<string, CheckpointEntry>();
  for (const fileName of archive.entries.keys()) {
    const whoFile = `${who}: ${JSON.stringify(fileName)}`;
    if (!fileName.endsWith(".npy")) throw new RangeError(`${whoFile}: expected the name of an npy file`);
    const array = await openNpyIn(whoFile, memberSource(archive, fileName));
    const name = fileName.slice(0, -".npy".length);
    arrays.set(name, array);
    entries.set(name, { dtype: safetensorsDType(array.dtype), shape: array.shape });
  }
  const names = [...entries.keys()];
  const tensor = async (name: string): Promise<Tensor<DType>> => {
    const array = arrays.get(name);
    if (array !== undefined) return array.tensor();
    throw new RangeError(`${who}: expected the name of a tensor, ${describe(names)}, got ${describe(name)}`);
  };
  return {
    names,
    metadata: new Map(),
    entries,
    tensor,
    bytes: async (name) => bytesOf((await tensor(name)).data),
    close: () => source.close(),
  };
}

function memberSource(archive: ZipArchive, name: string): ByteSource {
  const size = archive.entries.get(name)?.size ?? 0;
  return {
    name,
    size,
    async read(offset, length) {
      if (offset + length < size) return archive.read(name, { offset, length });
      // The whole file is held against its CRC-32, a range is not.
      return (await archive.read(name)).subarray(offset);
    },
    async close() {},
  };
}
