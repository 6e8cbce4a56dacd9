import { describe } from "../tensor/shape.ts";
import { ioError } from "./ioError.ts";

/** Bytes that can be read piece by piece: a file, a Blob, or memory. */
export interface ByteSource {
  /** What messages call it: the path, or the kind of object. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes from byte `offset` into memory that belongs to the caller.
   *
   * @throws RangeError if that reaches beyond the end
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Lets go of the file; calling it again does nothing. */
  close(): Promise<void>;
}

/** What the readers open: a path, a `file:` URL, bytes in memory, a Blob, or a source of your own. */
export type SourceLike = string | URL | Uint8Array | ArrayBuffer | Blob | ByteSource;

/**
 * Opens anything that holds bytes for reading; a {@link ByteSource} comes back as it is.
 *
 * Only paths and URLs load `node:fs`, so that bytes and Blobs work in a browser.
 *
 * @param who name of the calling function, for messages
 * @throws TypeError if `source` is no such thing; RangeError for a URL that is not `file:`; Error, with the system's
 * error as its `cause`, if the path cannot be read
 * @example
 * const source = await openSource("model.safetensors");
 * const first = await source.read(0, 8);
 * await source.close();
 */
export async function openSource(source: SourceLike, who = "openSource"): Promise<ByteSource> {
  if (typeof source === "string") return openFile(who, source, source);
  if (source instanceof URL) {
    if (source.protocol !== "file:") {
      throw new RangeError(`${who}: expected a file: URL, got ${source.href}; fetch it and pass the bytes`);
    }
    return openFile(who, source, source.href);
  }
  if (source instanceof Uint8Array) return openMemory(source);
  if (source instanceof ArrayBuffer) return openMemory(new Uint8Array(source));
  if (source instanceof Blob) return openBlob(source);
  if (isByteSource(source)) return source;
  throw new TypeError(
    `${who}: expected a path, a file: URL, a Uint8Array, an ArrayBuffer or a Blob, got ${describe(source)}`,
  );
}

function isByteSource(value: unknown): value is ByteSource {
  if (typeof value !== "object" || value === null) return false;
  const like = value as Partial<Record<keyof ByteSource, unknown>>;
  return typeof like.read === "function" && typeof like.close === "function" && typeof like.size === "number";
}

function openMemory(bytes: Uint8Array): ByteSource {
  return guarded("bytes", bytes.length, async (offset, length) => {
    const copy = new Uint8Array(length);
    copy.set(bytes.subarray(offset, offset + length));
    return copy;
  });
}

function openBlob(blob: Blob): ByteSource {
  const name = "name" in blob && typeof blob.name === "string" ? blob.name : "blob";
  return guarded(
    name,
    blob.size,
    async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  );
}

/** Node reads at most 2^31 - 1 bytes at once. */
const largestRead = 2 ** 30;

async function openFile(who: string, path: string | URL, name: string): Promise<ByteSource> {
  const { open, stat } = await import("node:fs/promises");
  try {
    // Before open: opening a pipe would wait for its writer.
    const found = await stat(path);
    if (!found.isFile()) throw notAFile(found.isDirectory());
    const handle = await open(path, "r");
    const { size } = await handle.stat();
    const readRange = async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const wanted = Math.min(length - filled, largestRead);
        const { bytesRead } = await handle.read(bytes, filled, wanted, offset + filled);
        if (bytesRead === 0) throw truncated(name, offset, length, offset + filled);
        filled += bytesRead;
      }
      return bytes;
    };
    return guarded(name, size, readRange, () => handle.close());
  } catch (cause) {
    throw ioError(who, "read", name, cause);
  }
}

function notAFile(isDirectory: boolean): Error {
  return isDirectory
    ? Object.assign(new Error("EISDIR: a directory"), { code: "EISDIR" })
    : Object.assign(new Error("EINVAL: not a regular file"), { code: "EINVAL" });
}

function truncated(name: string, offset: number, length: number, size: number): RangeError {
  return new RangeError(
    `${name}: expected ${length} bytes at offset ${offset}, got a file of ${size} bytes: truncated`,
  );
}

function guarded(
  name: string,
  size: number,
  readRange: (offset: number, length: number) => Promise<Uint8Array>,
  release: () => Promise<void> = async () => {},
): ByteSource {
  let closed = false;
  return {
    name,
    size,
    async read(offset, length) {
      if (closed) throw new Error(`${name}: cannot read, it is closed`);
      if (!isCount(offset) || !isCount(length)) {
        throw new RangeError(
          `${name}: expected an offset and a length of 0 or more, got ${offset}, ${length}`,
        );
      }
      if (offset + length > size) throw truncated(name, offset, length, size);
      return readRange(offset, length);
    },
    async close() {
      if (closed) return;
      closed = true;
      await release();
    },
  };
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
