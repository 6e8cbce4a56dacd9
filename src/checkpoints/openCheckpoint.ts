import type { Checkpoint } from "./checkpoint.ts";
import { npyMagic } from "./npyHeader.ts";
import { npzOf } from "./npz.ts";
import { openPt } from "./pt.ts";
import { openSafetensors } from "./safetensors.ts";
import { type IndexOptions, openIndexIn } from "./safetensorsIndex.ts";
import { type ByteSource, openSource, type SourceLike } from "./source.ts";
import { openZip } from "./zip.ts";

/**
 * Opens a checkpoint of whatever format, told by its content and not by its name.
 *
 * Formats: safetensors; the index of its shards (`model.safetensors.index.json`); npz; PyTorch's `.pt`; and a directory, by
 * its `model.safetensors.index.json`, its only index, `model.safetensors`, or its only `.safetensors` file. Nothing in a file is executed.
 *
 * @throws TypeError if `source` is nothing that holds bytes; RangeError if it is of another format or malformed; Error if
 * the path cannot be read
 * @example
 * const file = await openCheckpoint("model.pt");
 * for (const [name, { dtype, shape }] of file.entries) console.log(name, dtype, shape);
 * await file.close();
 */
export async function openCheckpoint(source: SourceLike, options: IndexOptions = {}): Promise<Checkpoint> {
  const caller = "openCheckpoint";
  const place = await checkpointIn(caller, source);
  const bytes = await openSource(place, caller);
  const who = `${caller}: ${bytes.name}`;
  try {
    const start = await bytes.read(0, Math.min(bytes.size, startLength));
    const format = formatOf(start);
    if (format === "safetensors") return await openSafetensors(bytes);
    if (format === "pickle") return await openPt(bytes);
    if (format === "zip") return await openArchive(who, bytes);
    if (format === "json") {
      const file = await openIndexIn(who, bytes, place, options);
      await bytes.close();
      return file;
    }
    throw new RangeError(
      `${who}: expected safetensors, an index of its shards, npz or PyTorch's .pt, got ${format ?? bytesText(start)}`,
    );
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

const startLength = 16;

/** Magic bytes of formats that hold no checkpoint that is read here, and what to say of them. */
const otherFormats: readonly (readonly [magic: readonly number[], what: string])[] = [
  [npyMagic, "a single npy array; read it with readNpy"],
  [[0x89, 0x48, 0x44, 0x46], "HDF5; save the weights of Keras as safetensors or npz"],
  [[0x47, 0x47, 0x55, 0x46], "GGUF"],
  [[0x1f, 0x8b], "a gzip archive; unpack it first"],
];

type Format = "safetensors" | "json" | "zip" | "pickle";

/** One of the formats that are read, what else it is, or undefined if nobody knows. */
function formatOf(start: Uint8Array): Format | (string & {}) | undefined {
  const begins = (magic: readonly number[]): boolean => magic.every((byte, index) => start[index] === byte);
  if (start.length === 0) return "an empty file";
  // The length of the header is below 2^32, and no text holds zeros.
  if (start.length >= 8 && start.subarray(4, 8).every((byte) => byte === 0)) return "safetensors";
  if (begins([0x50, 0x4b, 3, 4]) || begins([0x50, 0x4b, 5, 6])) return "zip";
  if (start[0] === 0x80) return "pickle";
  if (/^\s*\{/.test(new TextDecoder().decode(start))) return "json";
  return otherFormats.find(([magic]) => begins(magic))?.[1];
}

function bytesText(start: Uint8Array): string {
  return `a file that begins with ${Array.from(start.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
}

async function openArchive(who: string, bytes: ByteSource): Promise<Checkpoint> {
  const archive = await openZip(bytes, who);
  const names = [...archive.entries.keys()];
  if (names.some((name) => /^[^/]+\/data\.pkl$/.test(name))) return openPt(bytes);
  if (names.every((name) => name.endsWith(".npy"))) return npzOf(who, bytes, archive);
  const other = names.find((name) => !name.endsWith(".npy"));
  throw new RangeError(
    `${who}: expected an npz archive or one of torch.save, got a zip archive with ${JSON.stringify(other)}`,
  );
}

const indexSuffix = ".safetensors.index.json";

/** The file to open: the one in a directory, else `source` itself. */
async function checkpointIn(caller: string, source: SourceLike): Promise<SourceLike> {
  if (typeof source !== "string" && !(source instanceof URL && source.protocol === "file:")) return source;
  const { readdir, stat } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const { fileURLToPath } = await import("node:url");
  const path = typeof source === "string" ? source : fileURLToPath(source);
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isDirectory) return source;
  const names = (await readdir(path)).sort();
  const indices = names.filter((name) => name.endsWith(indexSuffix));
  const files = names.filter((name) => name.endsWith(".safetensors"));
  const preferred = indices.filter((name) => name === `model${indexSuffix}`);
  const whole = files.filter((name) => name === "model.safetensors");
  for (const candidates of [preferred, indices, whole, files]) {
    if (candidates.length === 1) return join(path, candidates[0]);
    if (candidates.length > 1) break;
  }
  throw new RangeError(
    `${caller}: ${path}: expected a directory with one index (model${indexSuffix}) or one file (model.safetensors), ` +
      `got ${indices.length} and ${files.length}; name the file`,
  );
}
