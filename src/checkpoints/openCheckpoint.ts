import { describe } from "../tensor/shape.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { ioError } from "./ioError.ts";
import { npyMagic } from "./npyHeader.ts";
import { npzOf } from "./npz.ts";
import { openPt } from "./pt.ts";
import { openSafetensors } from "./safetensors.ts";
import { type IndexOptions, openSafetensorsIndex } from "./safetensorsIndex.ts";
import { type ByteSource, openSource, type SourceLike } from "./source.ts";
import { openZip } from "./zip.ts";

const caller = "openCheckpoint";

/**
 * Opens a checkpoint of whatever format, told by its content and not by its name.
 *
 * Formats: safetensors; an index of its shards (`model.safetensors.index.json`); npz; PyTorch's `.pt`; and a directory, by
 * the index or the one checkpoint in it. Nothing in a file is executed.
 *
 * @throws TypeError if `source` is nothing that holds bytes; RangeError if it is of another format or malformed; Error if
 * the path cannot be read
 * @example
 * const file = await openCheckpoint("model.pt");
 * for (const [name, { dtype, shape }] of file.entries) console.log(name, dtype, shape);
 * await file.close();
 */
export async function openCheckpoint(source: SourceLike, options: IndexOptions = {}): Promise<Checkpoint> {
  const place = await placeOf(source);
  const bytes = await openSource(place, caller);
  const who = `${caller}: ${bytes.name}`;
  try {
    const format = formatOf(who, await bytes.read(0, Math.min(bytes.size, startLength)));
    if (format === "safetensors") return await openSafetensors(bytes);
    if (format === "pt") return await openPt(bytes);
    if (format === "index") {
      // The index is looked for beside its own place, which the open source does not tell.
      await bytes.close();
      return await openSafetensorsIndex(isByteSource(place, bytes) ? bytes : place, options);
    }
    return await openArchive(who, bytes);
  } catch (error) {
    await bytes.close();
    throw error;
  }
}
