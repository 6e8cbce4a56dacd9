import { describe } from "../tensor/shape.ts";
import type { ByteSource } from "./byteSource.ts";
import { openHttp } from "./httpSource.ts";
import { ioError } from "./ioError.ts";

export type { ByteSource };

/**
 * What the readers open: a path, a `file:`, `http:` or `https:` URL, bytes in memory, a Blob, or a source of your own.
 * In a page, a string is an address relative to the page.
 */
export type SourceLike = string | URL | Uint8Array | ArrayBuffer | Blob | ByteSource;

/**
 * Opens anything that holds bytes for reading; a {@link ByteSource} comes back as it is.
 *
 * Of a file on a web server only the ranges that are asked for are fetched, where the server knows ranges.
 *
 * @param who name of the calling function, for messages
 * @throws TypeError if `source` is no such thing; RangeError for a URL of another scheme; Error, with the system's
 * error as its `cause`, if the path or URL cannot be read
 * @example
 * const source = await openSource("model.safetensors");
 * const first = await source.read(0, 8);
 * await source.close();
 */
export async function openSource(source: SourceLike, who = "openSource"): Promise<ByteSource> {
  if (typeof source === "string") {
    if (!hasFiles() || /^https?:\/\//i.test(source)) return openUrl(who, new URL(source, baseAddress()));
    return openFile(who, source, source);
  }
  if (source instanceof URL) return openUrl(who, source);
  if (source instanceof Uint8Array) return openMemory(source);
  if (source instanceof ArrayBuffer) return openMemory(new Uint8Array(source));
  if (source instanceof Blob) return openBlob(source);
  if (isByteSource(source)) return source;
  throw new TypeError(
    `${who}: expected a path, a file: or http: URL, a Uint8Array, an ArrayBuffer or a Blob, got ${describe(source)}`,
  );
}

async function openUrl(who: string, url: URL): Promise<ByteSource> {
  if (url.protocol === "file:" && hasFiles()) return openFile(who, url, url.href);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new RangeError(
      `${who}: expected a ${hasFiles() ? "file:, " : ""}http: or https: URL, got ${url.href}; fetch it and pass the bytes`,
    );
  }
  const { name, size, read } = await openHttp(who, url);
  return guarded(name, size, read);
}

/** Whether this host has a file system. */
function hasFiles(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
}

/** What addresses in a page are relative to. */
function baseAddress(): string | undefined {
  const host = globalThis as { document?: { baseURI: string }; location?: { href: string } };
  return host.document?.baseURI ?? host.location?.href;
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
