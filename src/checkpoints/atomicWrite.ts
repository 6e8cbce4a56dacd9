import { describe } from "../tensor/shape.ts";
import { ioError } from "./ioError.ts";

/** What a file is to hold: bytes, or pieces that are made one after another, so that the whole is never in memory. */
export type FileContent = Uint8Array | AsyncIterable<Uint8Array>;

/** A file that is complete and on the disk, but under a temporary name beside its own. */
export interface StagedFile {
  /** Gives the file its name, in place of the old file if there is one. */
  commit(): Promise<void>;
  /** Removes the temporary file; after `commit` it does nothing. */
  discard(): Promise<void>;
}

/**
 * Writes a file so that readers, and a crash, see either the old content or all of the new.
 *
 * The bytes go to a temporary file in the same directory, which is synced to disk and then renamed; then the directory is
 * synced. A process that is killed leaves its temporary file behind; the next write to the same path removes it.
 *
 * @param who name of the calling function, for messages
 * @throws TypeError if `path` is not a string; Error, with the system's error as its `cause`, if the file cannot be
 * written; what `content` throws; the temporary file is gone then and the old file untouched
 * @example
 * await writeFileAtomic("writeNpy", "mean.npy", bytes);
 */
export async function writeFileAtomic(who: string, path: string, content: FileContent): Promise<void> {
  const staged = await stageFile(who, path, content);
  await staged.commit();
}

/**
 * The first half of {@link writeFileAtomic}: for several files that are to change together.
 *
 * @throws as {@link writeFileAtomic}
 */
export async function stageFile(who: string, path: string, content: FileContent): Promise<StagedFile> {
  if (typeof path !== "string") throw new TypeError(`${who}: expected a path, got ${describe(path)}`);
  const { open, rename, rm } = await import("node:fs/promises");
  const fail = (cause: unknown): never => {
    throw ioError(who, "write", path, cause);
  };
  const { temporary, removeStale } = await temporaryFor(path);
  const discard = (): Promise<void> => rm(temporary, { force: true }).catch(() => {});
  try {
    const handle = await open(temporary, "wx").catch(fail);
    try {
      for await (const piece of Symbol.asyncIterator in content ? content : [content]) {
        await writeAll(handle, piece).catch(fail);
      }
      await handle.sync().catch(fail);
    } finally {
      await handle.close().catch(fail);
    }
  } catch (error) {
    await discard();
    throw error;
  }
  return {
    async commit() {
      try {
        await rename(temporary, path);
      } catch (cause) {
        await discard();
        fail(cause);
      }
      await syncDirectory(path);
      await removeStale();
    },
    discard,
  };
}

/** Node writes at most 2^31 - 1 bytes at once. */
const largestWrite = 2 ** 30;

interface Writable {
  write(bytes: Uint8Array, offset: number, length: number): Promise<{ readonly bytesWritten: number }>;
}

async function writeAll(handle: Writable, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const length = Math.min(bytes.length - written, largestWrite);
    written += (await handle.write(bytes, written, length)).bytesWritten;
  }
}

/** Makes the rename last; not every file system can, and the file is whole in any case. */
async function syncDirectory(path: string): Promise<void> {
  const { open } = await import("node:fs/promises");
  const { dirname } = await import("node:path");
  try {
    const handle = await open(dirname(path), "r");
    await handle.sync().finally(() => handle.close());
  } catch {}
}

interface Temporary {
  /** `<path>.<host>-<process>-<random>.tmp` */
  readonly temporary: string;
  /** Removes what processes of this host that no longer run have left of the same path. */
  removeStale(): Promise<void>;
}

async function temporaryFor(path: string): Promise<Temporary> {
  const { kill, pid } = await import("node:process");
  const { hostname } = await import("node:os");
  const host = digestOf(hostname());
  return {
    temporary: `${path}.${host}-${pid}-${crypto.randomUUID().slice(0, 8)}.tmp`,
    async removeStale() {
      const { readdir, rm } = await import("node:fs/promises");
      const { basename, dirname, join } = await import("node:path");
      const prefix = `${basename(path)}.${host}-`;
      const names = await readdir(dirname(path)).catch(() => []);
      for (const name of names) {
        if (!name.startsWith(prefix)) continue;
        const owner = /^(\d+)-[0-9a-f]{8}\.tmp$/.exec(name.slice(prefix.length))?.[1];
        if (owner === undefined || isRunning(Number(owner), kill)) continue;
        await rm(join(dirname(path), name), { force: true }).catch(() => {});
      }
    },
  };
}

function isRunning(pid: number, kill: (pid: number, signal: 0) => unknown): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { readonly code?: string }).code !== "ESRCH";
  }
}

/** FNV-1a in 32 bits: names a host within the length of a file name. */
function digestOf(text: string): string {
  let digest = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) digest = Math.imul(digest ^ byte, 0x01000193);
  return (digest >>> 0).toString(16).padStart(8, "0");
}
