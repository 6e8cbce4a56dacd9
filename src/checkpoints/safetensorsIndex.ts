import { describe, sameShape, shapeText } from "../tensor/shape.ts";
import type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
import { openSafetensors, type SafetensorsFile } from "./safetensors.ts";
import { type ByteSource, openSource, type SourceLike } from "./source.ts";

/** Options of {@link openSafetensorsIndex}. */
export interface IndexOptions {
  /**
   * Finds a shard by the file name in the index. By default the file beside the index; an index that is not a file,
   * such as a Blob, has none.
   */
  readonly openShard?: (fileName: string) => SourceLike | Promise<SourceLike>;
}

/** Longest index that is read, in bytes; the format's limit for the headers that it points to. */
const largestIndex = 100_000_000;

/** Shards that are kept open, so that a model of hundreds does not use up the file handles. */
const mostOpenShards = 8;

/**
 * Opens a checkpoint that is split over several safetensors files, by its `model.safetensors.index.json`.
 *
 * Every shard's header is read once; tensors are read from their shard when asked for. At most 8 shards are open at a
 * time, the others are opened again. The index decides: a tensor that lies in a shard but not in the index is not listed.
 *
 * @throws TypeError if `source` is nothing that holds bytes, or an index without a place and no `openShard` is given;
 * RangeError if the index is malformed, names a file outside its directory, or a tensor that its shard does not hold;
 * Error if the index or a shard cannot be read
 * @example
 * const file = await openSafetensorsIndex("model.safetensors.index.json");
 * const weight = await file.tensor("model.norm.weight");
 * await file.close();
 */
export async function openSafetensorsIndex(
  source: SourceLike,
  options: IndexOptions = {},
): Promise<Checkpoint> {
  const caller = "openSafetensorsIndex";
  const bytes = await openSource(source, caller);
  try {
    return await openIndexIn(`${caller}: ${bytes.name}`, bytes, source, options);
  } finally {
    await bytes.close();
  }
}

/**
 * As {@link openSafetensorsIndex}, for an index that is open already.
 *
 * @param place where the index is: what `bytes` was opened from
 * @throws as {@link openSafetensorsIndex}; `bytes` stays open
 */
export async function openIndexIn(
  who: string,
  bytes: ByteSource,
  place: SourceLike,
  options: IndexOptions,
): Promise<Checkpoint> {
  const index = parseIndex(who, await readIndex(who, bytes));
  const openShard = options.openShard ?? (await siblings(who, place));
  return shardedOf(who, index, shardCache(who, openShard));
}

/**
 * What an index says, without a look at its shards.
 *
 * @throws as {@link openSafetensorsIndex}
 */
export async function readIndexFile(path: string): Promise<ShardIndex> {
  const bytes = await openSource(path, "readIndexFile");
  try {
    return parseIndex(path, await readIndex(path, bytes));
  } finally {
    await bytes.close();
  }
}

/** An index of shards. */
interface ShardIndex {
  /** The shard's file name for each tensor. */
  readonly shardOf: ReadonlyMap<string, string>;
  readonly metadata: ReadonlyMap<string, string>;
}

async function readIndex(who: string, bytes: ByteSource): Promise<string> {
  if (bytes.size > largestIndex) {
    throw new RangeError(`${who}: expected an index of at most ${largestIndex} bytes, got ${bytes.size}`);
  }
  return new TextDecoder().decode(await bytes.read(0, bytes.size));
}

function parseIndex(who: string, text: string): ShardIndex {
  const json = parseJson(who, text);
  const map = isObject(json) ? json.weight_map : undefined;
  if (!isObject(json) || !isObject(map)) {
    throw new RangeError(
      `${who}: expected a JSON object with a weight_map from tensor names to file names, ` +
        `got ${describe(isObject(json) ? map : json)}`,
    );
  }
  const shardOf = new Map<string, string>();
  for (const [name, fileName] of Object.entries(map)) {
    if (typeof fileName !== "string" || !isPlainFileName(fileName)) {
      throw new RangeError(
        `${who}: tensor ${JSON.stringify(name)}: expected the name of a file beside the index, got ${describe(fileName)}`,
      );
    }
    shardOf.set(name, fileName);
  }
  const metadata = isObject(json.metadata) ? Object.entries(json.metadata) : [];
  return {
    shardOf,
    metadata: new Map(
      metadata.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
  };
}

function parseJson(who: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message.split("\n")[0];
    throw new RangeError(`${who}: expected a JSON index, got ${reason}`, { cause });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Neither a path, nor a drive or a stream of Windows, nor what some system reads as the directory itself. */
function isPlainFileName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no file name may hold them
  return !/[/\\:\x00-\x1f]/.test(name) && !/^\.*$/.test(name);
}

type OpenShard = (fileName: string) => SourceLike | Promise<SourceLike>;

async function siblings(who: string, source: SourceLike): Promise<OpenShard> {
  if (source instanceof URL) return (fileName) => new URL(encodeURIComponent(fileName), source);
  if (typeof source !== "string") {
    throw new TypeError(
      `${who}: expected a path, or the option openShard to find the other files, got neither`,
    );
  }
  const { dirname, join } = await import("node:path");
  return (fileName) => join(dirname(source), fileName);
}

interface ShardCache {
  /** Runs `use` on an open shard; one such call after another. */
  with<T>(fileName: string, use: (shard: SafetensorsFile) => Promise<T> | T): Promise<T>;
  close(): Promise<void>;
}

function shardCache(who: string, openShard: OpenShard): ShardCache {
  /** The shard used last comes last. */
  const open = new Map<string, SafetensorsFile>();
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  const shard = async (fileName: string): Promise<SafetensorsFile> => {
    if (closed) throw new Error(`${who}: cannot read, it is closed`);
    const found = open.get(fileName) ?? (await openSafetensors(await openShard(fileName)));
    open.delete(fileName);
    open.set(fileName, found);
    for (const [oldest, file] of open) {
      if (open.size <= mostOpenShards) break;
      open.delete(oldest);
      await file.close();
    }
    return found;
  };
  const queue = <T>(action: () => Promise<T>): Promise<T> => {
    const result = last.then(action);
    last = result.catch(() => {});
    return result;
  };
  return {
    with: (fileName, use) => queue(async () => use(await shard(fileName))),
    close: () =>
      queue(async () => {
        closed = true;
        for (const file of open.values()) await file.close();
        open.clear();
      }),
  };
}

async function shardedOf(
  who: string,
  { shardOf, metadata }: ShardIndex,
  shards: ShardCache,
): Promise<Checkpoint> {
  const found = await entriesOfShards(who, shardOf, shards);
  const names = [...shardOf.keys()];
  const entries = new Map<string, CheckpointEntry>(
    names.map((name) => [name, found.get(name) as CheckpointEntry]),
  );
  const within = <T>(name: string, use: (shard: SafetensorsFile) => Promise<T>): Promise<T> => {
    const entry = entries.get(name);
    const fileName = shardOf.get(name);
    if (entry === undefined || fileName === undefined) {
      throw new RangeError(
        `${who}: expected the name of a tensor, ${describe(names)}, got ${describe(name)}`,
      );
    }
    return shards.with(fileName, (shard) => {
      checkUnchanged(`${who}: ${fileName}`, name, entry, shard.entries.get(name));
      return use(shard);
    });
  };
  return {
    names,
    metadata,
    entries,
    tensor: async (name) => within(name, (shard) => shard.tensor(name)),
    bytes: async (name) => within(name, (shard) => shard.bytes(name)),
    close: () => shards.close(),
  };
}

async function entriesOfShards(
  who: string,
  shardOf: ReadonlyMap<string, string>,
  shards: ShardCache,
): Promise<Map<string, CheckpointEntry>> {
  const namesIn = new Map<string, string[]>();
  for (const [name, fileName] of shardOf) {
    const names = namesIn.get(fileName);
    if (names === undefined) namesIn.set(fileName, [name]);
    else names.push(name);
  }
  const found = new Map<string, CheckpointEntry>();
  const missing: [name: string, fileName: string][] = [];
  const elsewhere = new Map<string, string>();
  try {
    for (const [fileName, names] of namesIn) {
      await shards.with(fileName, ({ entries }) => {
        for (const name of names) {
          const entry = entries.get(name);
          if (entry === undefined) missing.push([name, fileName]);
          else found.set(name, { dtype: entry.dtype, shape: entry.shape });
        }
        for (const name of entries.keys()) if (shardOf.get(name) !== fileName) elsewhere.set(name, fileName);
      });
    }
    if (missing.length > 0) throw missingTensor(who, missing, elsewhere);
  } catch (error) {
    await shards.close();
    throw error;
  }
  return found;
}

function missingTensor(
  who: string,
  missing: readonly (readonly [name: string, fileName: string])[],
  elsewhere: ReadonlyMap<string, string>,
): RangeError {
  const [name, fileName] = missing[0];
  const other = elsewhere.get(name);
  const got = other === undefined ? "no such tensor" : `it in ${other}`;
  const more = missing.length > 1 ? `; so for ${missing.length - 1} more` : "";
  return new RangeError(
    `${who}: expected tensor ${JSON.stringify(name)} in ${fileName}, as the index says, got ${got}${more}`,
  );
}

function checkUnchanged(
  who: string,
  name: string,
  expected: CheckpointEntry,
  got: CheckpointEntry | undefined,
): void {
  if (got?.dtype === expected.dtype && sameShape(got.shape, expected.shape)) return;
  const now = got === undefined ? "no such tensor" : `${got.dtype} ${shapeText(got.shape)}`;
  throw new RangeError(
    `${who}: tensor ${JSON.stringify(name)}: expected ${expected.dtype} ${shapeText(expected.shape)} as when it was ` +
      `opened, got ${now}: the file was changed`,
  );
}
