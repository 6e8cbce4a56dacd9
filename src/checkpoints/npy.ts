import { bytesPerElement, type DataOf, type DType } from "../tensor/dtype.ts";
import { shapeText, sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { elementsOf } from "./bytes.ts";
import { type NpyHeader, npyMagic, parseNpyHeader } from "./npyHeader.ts";
import { type ByteSource, openSource, type SourceLike } from "./source.ts";
import { rowMajor, rowMajorStrides } from "./strided.ts";

/** Longest header that is read, in bytes; numpy's own default is 10,000, and arrays of numbers need some hundred. */
const largestHeader = 2 ** 20;

/** An open npy file, of which only the header has been read. */
export interface NpyFile {
  /** numpy's name of the element type, as written in the file: `<f4`. */
  readonly descr: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Whether the file stores the first axis contiguously; the tensor is row-major in any case. */
  readonly fortranOrder: boolean;
  /** Reads the array; int64 and uint64 values are BigInt, float16 is bits. */
  tensor(): Promise<Tensor<DType>>;
  /**
   * Reads the rows [begin, end) of the first axis, and no others unless the file is in Fortran order.
   *
   * @throws RangeError if there are no such rows
   */
  rows(begin: number, end: number): Promise<Tensor<DType>>;
  /** Closes the file. */
  close(): Promise<void>;
}

/**
 * Opens an npy file (numpy's format 1.0, 2.0 or 3.0) and reads its header, but no element.
 *
 * Bytes after the array are ignored, as numpy does. Headers of more than 1 MiB are refused.
 * Source of the rules: NEP 1 and numpy's `lib/format.py`.
 *
 * @throws TypeError if `source` is nothing that holds bytes; RangeError if the file is malformed, truncated, or does
 * not hold plain numbers; Error if the path cannot be read
 * @example
 * const file = await openNpy("mean.npy");
 * console.log(file.dtype, file.shape);
 * const mean = await file.tensor();
 * await file.close();
 */
export async function openNpy(source: SourceLike): Promise<NpyFile> {
  return openAs("openNpy", source);
}

/**
 * Reads the array of an npy file as a row-major tensor.
 *
 * @throws as {@link openNpy}
 * @example
 * const mean = await readNpy("mean.npy");
 */
export async function readNpy(source: SourceLike): Promise<Tensor<DType>> {
  const file = await openAs("readNpy", source);
  try {
    return await file.tensor();
  } finally {
    await file.close();
  }
}

async function openAs(caller: string, source: SourceLike): Promise<NpyFile> {
  const bytes = await openSource(source, caller);
  try {
    return await openNpyIn(`${caller}: ${bytes.name}`, bytes);
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

/**
 * As {@link openNpy}, for callers that name themselves.
 *
 * @param who start of every message
 * @throws RangeError as {@link openNpy}; `bytes` stays open
 */
export async function openNpyIn(who: string, bytes: ByteSource): Promise<NpyFile> {
  const { header, dataStart } = await readHeader(who, bytes);
  const byteLength = sizeOf(header.shape) * bytesPerElement(header.dtype);
  if (byteLength > bytes.size - dataStart) {
    throw new RangeError(
      `${who}: expected ${byteLength} bytes of data for ${header.dtype} ${shapeText(header.shape)}, ` +
        `got ${bytes.size - dataStart}: truncated`,
    );
  }
  const { descr, dtype, littleEndian, shape, fortranOrder } = header;
  const tensor = async (): Promise<Tensor<DType>> => {
    const stored = await bytes.read(dataStart, byteLength);
    const ordered = fortranOrder
      ? rowMajor(stored, bytesPerElement(dtype), shape, fortranStrides(shape))
      : stored;
    return new Tensor(dtype, [...shape], elementsOf(ordered, dtype, littleEndian));
  };
  return {
    descr,
    dtype,
    shape,
    fortranOrder,
    tensor,
    async rows(begin, end) {
      const isRange = Number.isInteger(begin) && Number.isInteger(end) && 0 <= begin && begin <= end;
      if (!isRange || shape.length === 0 || end > shape[0]) {
        throw new RangeError(`${who}: expected rows of shape ${shapeText(shape)}, got ${begin} to ${end}`);
      }
      const [rows, ...row] = shape;
      const perRow = sizeOf(row);
      if (fortranOrder && row.length > 0) {
        const { data } = await tensor();
        const part = data.slice(begin * perRow, end * perRow) as DataOf<typeof dtype>;
        return new Tensor(dtype, [end - begin, ...row], part);
      }
      const perRowBytes = rows === 0 ? 0 : byteLength / rows;
      const part = await bytes.read(dataStart + begin * perRowBytes, (end - begin) * perRowBytes);
      return new Tensor(dtype, [end - begin, ...row], elementsOf(part, dtype, littleEndian));
    },
    close: () => bytes.close(),
  };
}

async function readHeader(
  who: string,
  source: ByteSource,
): Promise<{ header: NpyHeader; dataStart: number }> {
  const start = await source.read(0, Math.min(12, source.size));
  if (npyMagic.some((byte, index) => start[index] !== byte)) {
    throw new RangeError(
      `${who}: expected the magic bytes ${hex(npyMagic)}, got ${hex(start.slice(0, 6)) || "none"}`,
    );
  }
  const [major, minor] = start.slice(6);
  if (start.length >= 8 && ((major !== 1 && major !== 2 && major !== 3) || minor !== 0)) {
    throw new RangeError(`${who}: expected npy version 1.0, 2.0 or 3.0, got ${major}.${minor}`);
  }
  const headerStart = major === 1 ? 10 : 12;
  if (start.length < headerStart) {
    throw new RangeError(
      `${who}: expected ${headerStart} bytes up to the header, got a file of ${source.size} bytes: truncated`,
    );
  }
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > source.size - headerStart) {
    throw new RangeError(
      `${who}: expected a header of ${length} bytes, got ${source.size - headerStart}: truncated`,
    );
  }
  if (length > largestHeader) {
    throw new RangeError(`${who}: expected a header of at most ${largestHeader} bytes, got ${length}`);
  }
  const text = decodeHeader(who, await source.read(headerStart, length), major);
  return { header: parseNpyHeader(who, text, major), dataStart: headerStart + length };
}

function decodeHeader(who: string, bytes: Uint8Array, major: number): string {
  if (major < 3) return new TextDecoder("latin1").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new RangeError(`${who}: expected the header of a version 3.0 file to be UTF-8, got other bytes`, {
      cause,
    });
  }
}

function hex(bytes: ArrayLike<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** Strides of an array whose first axis is contiguous, and the second one next. */
function fortranStrides(shape: readonly number[]): readonly number[] {
  return [...rowMajorStrides([...shape].reverse())].reverse();
}
