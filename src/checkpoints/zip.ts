import type { FileEntry, ZipReader } from "@zip.js/zip.js/index-native.js";
import { describe } from "../tensor/shape.ts";
import { crc32 } from "./crc32.ts";
import type { ByteSource } from "./source.ts";

/** What the central directory of a zip archive says of one file. */
export interface ZipEntry {
  /** Bytes after inflation. */
  readonly size: number;
  /** Bytes in the archive. */
  readonly compressedSize: number;
  readonly method: "stored" | "deflated";
}

/** A range of bytes; by default from 0 to the end. */
export interface ZipRange {
  readonly offset?: number;
  readonly length?: number;
}

/** An open zip archive, of which only the central directory has been read. */
export interface ZipArchive {
  /** Every file, directories left out, in the order of the central directory. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /**
   * Reads one file, or a range of it, into memory that belongs to the caller.
   *
   * A whole file is held against its CRC-32, a range is not. A range of a stored file reads these bytes alone; one of a
   * deflated file inflates, but does not keep, what comes before.
   *
   * @throws RangeError if there is no such file or range, or if its bytes are malformed
   */
  read(name: string, range?: ZipRange): Promise<Uint8Array>;
}

/** Memory that a listed file takes, in bytes, rather too much. */
const entryMemory = 6000;

/** Memory beyond the archive's own size that its list may take, in bytes: 48 MiB, some 8,000 files. */
const spareMemory = 3 * 2 ** 24;

/** Deflate cannot make more of a byte than this. */
const largestExpansion = 1032;

type ZipLibrary = typeof import("@zip.js/zip.js/index-native.js");

/**
 * Opens a zip archive (also zip64) by its central directory, over any source that reads ranges.
 *
 * Closing the source stays with the caller. Source of the rules: PKWARE's APPNOTE.TXT 6.3.
 *
 * @param who start of every message
 * @throws RangeError if it is no archive, is truncated, ambiguous, encrypted, split, or compressed otherwise than by deflate
 * @example
 * const archive = await openZip(await openSource("arrays.npz"));
 * const start = await archive.read("mean.npy", { length: 128 });
 */
export async function openZip(
  source: ByteSource,
  who: string = `openZip: ${source.name}`,
): Promise<ZipArchive> {
  const library = await import("@zip.js/zip.js/index-native.js");
  const sourceErrors: SourceErrors = new Set();
  const reader = readerOf(library, source, sourceErrors);
  const found = await fileEntries(who, reader, source.size).catch((cause: unknown) => {
    throw asZipError(`${who}: expected a zip archive`, cause, sourceErrors);
  });
  const entries = new Map([...found].map(([name, entry]) => [name, checkedEntry(who, name, entry)]));
  return {
    entries,
    async read(name, range = {}) {
      const entry = entries.get(name);
      const file = found.get(name);
      if (entry === undefined || file === undefined) {
        throw new RangeError(
          `${who}: expected the name of a file in the archive, ${describe([...entries.keys()])}, got ${describe(name)}`,
        );
      }
      const whoEntry = `${who}: ${JSON.stringify(name)}`;
      const { offset, length } = checkedRange(whoEntry, range, entry.size);
      try {
        if (entry.method === "deflated") return await readThrough(file, entry.size, offset, length);
        const bytes = await readStored(source, file, offset, length);
        if (length === entry.size) checkCrc32(bytes, file.crc32 as number);
        return bytes;
      } catch (cause) {
        throw asZipError(`${whoEntry}: expected ${entry.size} ${entry.method} bytes`, cause, sourceErrors);
      }
    },
  };
}

/** The errors that the source itself threw, which no zip message may replace. */
type SourceErrors = Set<unknown>;

function readerOf(library: ZipLibrary, source: ByteSource, sourceErrors: SourceErrors): ZipReader<unknown> {
  class SourceReader extends library.Reader<ByteSource> {
    override size: number = source.size;

    override async readUint8Array(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
      if (offset < 0) throw new RangeError("a record that begins before the file");
      const start = Math.min(offset, source.size);
      try {
        return (await source.read(start, Math.min(length, source.size - start))) as Uint8Array<ArrayBuffer>;
      } catch (error) {
        sourceErrors.add(error);
        throw error;
      }
    }
  }
  return new library.ZipReader(new SourceReader(source), {
    useWebWorkers: false,
    checkCrc32: true,
    // No name becomes a path.
    filenameValidation: "tolerant",
  });
}

async function fileEntries(
  who: string,
  reader: ZipReader<unknown>,
  size: number,
): Promise<Map<string, FileEntry>> {
  const mostEntries = Math.floor((size + spareMemory) / entryMemory);
  const found = new Map<string, FileEntry>();
  for await (const entry of reader.getEntriesGenerator()) {
    if (entry.directory) continue;
    if (found.has(entry.filename)) {
      throw new RangeError(`${who}: expected each name once, got ${JSON.stringify(entry.filename)} twice`);
    }
    if (found.size === mostEntries) {
      throw new RangeError(
        `${who}: expected at most ${mostEntries} files in an archive of ${size} bytes, got more`,
      );
    }
    found.set(entry.filename, entry);
  }
  return found;
}

function checkedEntry(who: string, name: string, entry: FileEntry): ZipEntry {
  const { uncompressedSize: size, compressedSize, compressionMethod } = entry;
  const fail = (expected: string, got: string): RangeError =>
    new RangeError(`${who}: ${JSON.stringify(name)}: expected ${expected}, got ${got}`);
  if (entry.encrypted) throw fail("a file that is not encrypted", "an encrypted one");
  if (compressionMethod === 0) {
    if (size === compressedSize) return { size, compressedSize, method: "stored" };
    throw fail(`a stored file of ${size} bytes to take as many`, `${compressedSize}`);
  }
  if (compressionMethod !== 8)
    throw fail("a stored or deflated file", `compression method ${compressionMethod}`);
  if (size > compressedSize * largestExpansion) {
    throw fail(
      `a deflated file of ${compressedSize} bytes to hold at most ${compressedSize * largestExpansion}`,
      `${size}`,
    );
  }
  return { size, compressedSize, method: "deflated" };
}

function checkedRange(who: string, range: ZipRange, size: number): Required<ZipRange> {
  const { offset = 0, length = size - offset } = range;
  const isRange =
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    offset + length <= size;
  if (!isRange)
    throw new RangeError(`${who}: expected a range within ${size} bytes, got ${length} at ${offset}`);
  return { offset, length };
}

/** Where the data of each stored file begins, once its local header has been checked. */
const dataStarts = new WeakMap<FileEntry, number>();

async function readStored(
  source: ByteSource,
  file: FileEntry,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  let start = dataStarts.get(file);
  if (start === undefined) {
    // Checks the local header, and that no other file's bytes overlap, without reading any of the data.
    await file.getData(undefined as never, { checkOverlappingEntryOnly: true });
    start = file.localDirectory?.dataOffset as number;
    dataStarts.set(file, start);
  }
  return source.read(start + offset, length);
}

function checkCrc32(bytes: Uint8Array, expected: number): void {
  const found = crc32(bytes);
  if (found !== expected) throw new Error(`the CRC-32 ${hex(found)} instead of ${hex(expected)}`);
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}

async function readThrough(
  file: FileEntry,
  size: number,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let position = 0;
  let isComplete = false;
  const sink = new WritableStream<Uint8Array>({
    write(chunk) {
      if (position + chunk.length > size) throw new RangeError(`it goes on after them`);
      const from = Math.max(0, offset - position);
      const to = Math.min(chunk.length, offset + length - position);
      if (from < to) bytes.set(chunk.subarray(from, to), position + from - offset);
      position += chunk.length;
      isComplete = position >= offset + length && length < size;
      if (isComplete) throw new Error("the rest is not wanted");
    },
  });
  try {
    await file.getData(sink);
  } catch (error) {
    // What it says of the refused rest depends on the platform: Node 24.21 and 26.10 hide the sink's own error.
    if (!isComplete) throw error;
  }
  return bytes;
}

/** zip.js and the platform's inflater throw plain Errors and TypeErrors for malformed bytes. */
function asZipError(expectation: string, cause: unknown, sourceErrors: SourceErrors): unknown {
  if (sourceErrors.has(cause)) return cause;
  if (cause instanceof RangeError && cause.message.includes(": expected ")) return cause;
  const { message, reason } = cause as Error & { readonly reason?: unknown };
  const said = message || "malformed bytes";
  return new RangeError(`${expectation}, got: ${said}${typeof reason === "string" ? ` (${reason})` : ""}`, {
    cause,
  });
}
