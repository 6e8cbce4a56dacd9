import type { DType } from "../tensor/dtype.ts";
import { shapeText, sizeOf } from "../tensor/shape.ts";
import { type TensorLike, wrap } from "../tensor/tensor.ts";
import { writeFileAtomic } from "./atomicWrite.ts";
import { storeElements } from "./bytes.ts";
import { npyMagic } from "./npyHeader.ts";

/**
 * The bytes of an npy file (version 1.0, row-major, little-endian) that holds `tensor`, the same as `numpy.save` writes.
 *
 * @throws TypeError if it is not a tensor or is bfloat16, which npy cannot express; RangeError if shape and data disagree
 * @example
 * encodeNpy(tensor([[1, 2], [3, 4]])).length; // 128 of header + 16 of data
 */
export function encodeNpy(tensor: TensorLike): Uint8Array {
  return encodeAs("encodeNpy", tensor);
}

/**
 * Writes `tensor` to an npy file; readers see the old file or all of the new one, never a part.
 *
 * @throws as {@link encodeNpy}; Error, with the system's error as its `cause`, if the file cannot be written
 * @example
 * await writeNpy("mean.npy", bn.runningMean);
 */
export async function writeNpy(path: string, tensor: TensorLike): Promise<void> {
  await writeFileAtomic("writeNpy", path, encodeAs("writeNpy", tensor));
}

const descrOf: { readonly [D in DType]: string | undefined } = {
  float16: "<f2",
  float32: "<f4",
  float64: "<f8",
  bfloat16: undefined,
  int8: "|i1",
  int16: "<i2",
  int32: "<i4",
  int64: "<i8",
  uint8: "|u1",
  uint16: "<u2",
  uint32: "<u4",
  uint64: "<u8",
  bool: "|b1",
};

/** Digits that numpy leaves room for, so that the first axis can grow in place. */
const growthDigits = 21;

function encodeAs(who: string, value: TensorLike): Uint8Array {
  const { dtype, shape, data } = wrap(who, "tensor", value);
  if (sizeOf(shape) !== data.length) {
    throw new RangeError(
      `${who}: expected ${sizeOf(shape)} elements for shape ${shapeText(shape)}, got ${data.length}`,
    );
  }
  const header = encodeNpyHeader(who, dtype, shape);
  const file = new Uint8Array(header.length + data.byteLength);
  file.set(header);
  storeElements(data, file.subarray(header.length));
  return file;
}

/**
 * The bytes of an npy file up to the elements.
 *
 * @throws TypeError if npy cannot express the dtype; RangeError if the shape does not fit into a header
 */
export function encodeNpyHeader(who: string, dtype: DType, shape: readonly number[]): Uint8Array {
  const descr = descrOf[dtype];
  if (descr === undefined) {
    throw new TypeError(`${who}: expected a dtype that npy can express, got ${dtype}; cast it to float32`);
  }
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shapeText(shape)}, }`;
  const room = shape.length > 0 ? growthDigits - String(shape[0]).length : 0;
  const text = dict + " ".repeat(room);
  // As numpy: at least one space, then a line break that ends on a multiple of 64.
  const dataStart = (Math.floor((10 + text.length + 1) / 64) + 1) * 64;
  if (dataStart - 10 > 0xffff) {
    throw new RangeError(`${who}: expected a shape that a 1.0 header has room for, got ${shape.length} axes`);
  }
  const header = new Uint8Array(dataStart);
  header.set([...npyMagic, 1, 0, (dataStart - 10) & 0xff, (dataStart - 10) >> 8]);
  header.set(new TextEncoder().encode(`${text.padEnd(dataStart - 11)}\n`), 10);
  return header;
}
