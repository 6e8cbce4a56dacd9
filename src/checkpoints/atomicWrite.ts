import { describe } from "../tensor/shape.ts";
import { ioError } from "./ioError.ts";

/**
 * Writes a file so that readers, and a crash, see either the old content or all of the new.
 *
 * The bytes go to a temporary file in the same directory, which is synced to disk and then renamed.
 *
 * @param who name of the calling function, for messages
 * @throws TypeError if `path` is not a string; Error, with the system's error as its `cause`, if the file cannot be
 * written; the temporary file is gone then and the old file untouched
 * @example
 * await writeFileAtomic("writeNpy", "mean.npy", bytes);
 */
export async function writeFileAtomic(who: string, path: string, bytes: Uint8Array): Promise<void> {
  if (typeof path !== "string") throw new TypeError(`${who}: expected a path, got ${describe(path)}`);
  const { open, rename, rm } = await import("node:fs/promises");
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw ioError(who, "write", path, cause);
  }
}
