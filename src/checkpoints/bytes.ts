import {
  arrayConstructor,
  bytesPerElement,
  type DataOf,
  type DType,
  type TypedArray,
} from "../tensor/dtype.ts";

/** Files state their byte order, typed arrays have the processor's. */
const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * The elements that `bytes` encode: a view where alignment and byte order allow it, else a copy.
 *
 * `bytes.length` is a multiple of the element size. Big-endian bytes may be swapped in place.
 */
export function elementsOf<D extends DType>(bytes: Uint8Array, dtype: D, littleEndian: boolean): DataOf<D> {
  const width = bytesPerElement(dtype);
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  if (littleEndian !== hostIsLittleEndian) swapBytes(aligned, width);
  return new (arrayConstructor(dtype))(aligned.buffer, aligned.byteOffset, aligned.length / width);
}

/** Writes the elements of `data` into `target` as little-endian bytes. */
export function storeElements(data: TypedArray, target: Uint8Array): void {
  target.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  if (!hostIsLittleEndian) swapBytes(target, data.BYTES_PER_ELEMENT);
}

/** The elements of `data` as little-endian bytes: a view where byte order and kind of memory allow it, else a copy. */
export function bytesOf(data: TypedArray): Uint8Array {
  // Files and Blobs do not take views of shared memory.
  if (hostIsLittleEndian && data.buffer instanceof ArrayBuffer) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  const bytes = new Uint8Array(data.byteLength);
  storeElements(data, bytes);
  return bytes;
}

/** The bytes of all pieces, one after another. */
export function concatenate(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const piece of pieces) {
    all.set(piece, end);
    end += piece.length;
  }
  return all;
}

/** Reverses the bytes of each element of `width` bytes, in place. */
export function swapBytes(bytes: Uint8Array, width: number): void {
  for (let start = 0; start < bytes.length; start += width) {
    for (let low = start, high = start + width - 1; low < high; low++, high--) {
      const byte = bytes[low];
      bytes[low] = bytes[high];
      bytes[high] = byte;
    }
  }
}
