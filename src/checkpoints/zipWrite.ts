/** A file to be put into a zip archive. */
export interface ZipFile {
  readonly name: string;
  /** Number of bytes of all pieces. */
  readonly size: number;
  pieces(): AsyncIterable<Uint8Array>;
}

/** The earliest date that zip knows, as numpy writes it: the same files make the same archive. */
const earliest = new Date(1980, 0, 1);

/** Bytes that 32 bits count, with room for what deflate may add to bytes that cannot be deflated. */
const largestZip = 0xf000_0000;

/** Room for a local header and a name; a name is at most twice that. */
const headerRoom = 2 ** 15;

/**
 * The bytes of a zip archive (zip64 where that is needed), piece by piece; one file is in memory at a time.
 *
 * @throws what a file's pieces throw
 */
export async function* zipPieces(files: Iterable<ZipFile>, compress: boolean): AsyncGenerator<Uint8Array> {
  const { ZipWriter } = await import("@zip.js/zip.js/index-native.js");
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const zip = new ZipWriter(writable, {
    level: compress ? 6 : 0,
    useWebWorkers: false,
    // Sizes in front of the data: readers that do not look into the central directory need them there.
    dataDescriptor: false,
    extendedTimestamp: false,
    lastModDate: earliest,
  });
  const written = (async () => {
    let total = 0;
    for (const { name, size, pieces } of files) {
      total += size + 2 * headerRoom;
      await zip.add(name, streamOf(pieces()), { zip64: total > largestZip });
    }
    await zip.close();
  })();
  // A failure reaches the reader as well, below; it may come first.
  written.catch((error: unknown) => writable.abort(error).catch(() => {}));
  const reader = readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    await written;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function streamOf(pieces: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = pieces[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
  });
}
