import { describe } from "../tensor/shape.ts";
import { type StagedFile, stageFile, writeFileAtomic } from "./atomicWrite.ts";
import { collectTensors, type NamedTensors, type StoredTensor } from "./namedTensors.ts";
import { readIndexFile } from "./safetensorsIndex.ts";
import {
  metadataOf,
  type SafetensorsWriteOptions,
  safetensorsPieces,
  totalBytes,
} from "./safetensorsWrite.ts";

/** Options of {@link writeSafetensorsShards}. */
export interface ShardOptions extends SafetensorsWriteOptions {
  /** Most data bytes in one file; a larger tensor gets a file of its own. Default 5e9, as Hugging Face's. */
  readonly maxShardBytes?: number;
}

const indexSuffix = ".safetensors.index.json";

/**
 * Writes `tensors` over several safetensors files and their index, in the order given.
 *
 * For `model.safetensors.index.json` the files are `model-00001-of-00003.safetensors` and so on, with a tag in the name
 * where a file of that name exists. The index is written last: until then it leads to the old files, from then on to the
 * new ones, and the old ones are removed. A process that is killed in between leaves files that no index names.
 *
 * @param path of the index, ending in `.safetensors.index.json`
 * @returns the names of the files, without the index
 * @throws TypeError if something is not a tensor; RangeError for another path, a size that is no positive integer, or as
 * writeSafetensors; Error, with the system's error as its `cause`, if a file cannot be written
 * @example
 * await writeSafetensorsShards("model.safetensors.index.json", lazyTensors(file), { maxShardBytes: 2e9 });
 */
export async function writeSafetensorsShards(
  path: string,
  tensors: NamedTensors,
  options: ShardOptions = {},
): Promise<string[]> {
  const who = "writeSafetensorsShards";
  if (typeof path !== "string" || !path.endsWith(indexSuffix)) {
    throw new RangeError(`${who}: expected a path that ends in ${indexSuffix}, got ${describe(path)}`);
  }
  const { maxShardBytes = 5e9 } = options;
  if (!Number.isSafeInteger(maxShardBytes) || maxShardBytes < 1) {
    throw new RangeError(`${who}: expected maxShardBytes of 1 or more, got ${describe(maxShardBytes)}`);
  }
  const metadata = metadataOf(who, options);
  const stored = await collectTensors(who, tensors);
  const shards = split(stored, maxShardBytes);
  const { basename, dirname, join } = await import("node:path");
  const directory = dirname(path);
  const stem = basename(path, indexSuffix);
  const previous = await previousShards(path, stem);
  const fileNames = await freeNames(directory, stem, shards.length);
  const staged: StagedFile[] = [];
  try {
    for (const [i, shard] of shards.entries()) {
      const pieces = safetensorsPieces(who, shard, metadata);
      staged.push(await stageFile(who, join(directory, fileNames[i]), pieces));
    }
    for (const file of staged) await file.commit();
    await writeFileAtomic(who, path, encodeIndex(shards, fileNames));
  } catch (error) {
    for (const file of staged) await file.discard();
    await removeAll(directory, fileNames);
    throw error;
  }
  await removeAll(directory, previous);
  return fileNames;
}

async function removeAll(directory: string, fileNames: readonly string[]): Promise<void> {
  const { rm } = await import("node:fs/promises");
  const { join } = await import("node:path");
  for (const fileName of fileNames) await rm(join(directory, fileName), { force: true }).catch(() => {});
}

/** The files of the index that is to be replaced, as far as their names are ones that this writer gives. */
async function previousShards(path: string, stem: string): Promise<string[]> {
  try {
    const { shardOf } = await readIndexFile(path);
    const isOurs = (name: string): boolean =>
      name.startsWith(`${stem}-`) &&
      /^(-[0-9a-f]{8})?-\d{5}-of-\d{5}\.safetensors$/.test(name.slice(stem.length));
    return [...new Set(shardOf.values())].filter(isOurs);
  } catch {
    // No index, or nothing that can be read as one: nothing to remove.
    return [];
  }
}

function split(tensors: readonly StoredTensor[], maxShardBytes: number): StoredTensor[][] {
  const shards: StoredTensor[][] = [];
  let bytes = 0;
  for (const tensor of tensors) {
    const current = shards.at(-1);
    if (current === undefined || bytes + tensor.byteLength > maxShardBytes) {
      shards.push([tensor]);
      bytes = 0;
    } else current.push(tensor);
    bytes += tensor.byteLength;
  }
  return shards;
}

/** Names under which no file exists, so that the files of the old index stay as they are. */
async function freeNames(directory: string, stem: string, count: number): Promise<string[]> {
  const { readdir } = await import("node:fs/promises");
  const taken = new Set(await readdir(directory).catch(() => []));
  const five = (n: number): string => String(n).padStart(5, "0");
  const tagged = (tag: string): string[] =>
    Array.from({ length: count }, (_, i) => `${stem}${tag}-${five(i + 1)}-of-${five(count)}.safetensors`);
  let names = tagged("");
  while (names.some((name) => taken.has(name))) names = tagged(`-${crypto.randomUUID().slice(0, 8)}`);
  return names;
}

function encodeIndex(shards: readonly StoredTensor[][], fileNames: readonly string[]): Uint8Array {
  const members = shards.flatMap((shard, i) =>
    shard.map(({ name }) => `    ${JSON.stringify(name)}: ${JSON.stringify(fileNames[i])}`),
  );
  const total = totalBytes(shards.flat());
  // Text, not an object: an object would lose a tensor named `__proto__`.
  return new TextEncoder().encode(
    `{\n  "metadata": {\n    "total_size": ${total}\n  },\n  "weight_map": {\n${members.join(",\n")}\n  }\n}\n`,
  );
}
