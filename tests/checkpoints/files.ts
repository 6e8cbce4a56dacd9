import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { onTestFinished } from "vitest";
import type { ByteSource } from "../../src/checkpoints/index.ts";
import { arrayConstructor, bytesPerElement, type DType } from "../../src/tensor/dtype.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

/** A directory that is removed when the running test ends. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "evenkeel-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Bytes in memory that note every read and every close. */
export interface CountingSource extends ByteSource {
  readonly reads: (readonly [offset: number, length: number])[];
  closed: number;
}

/** A source whose reads are views at odd addresses, the hardest case for typed arrays. */
export function countingSource(bytes: Uint8Array): CountingSource {
  const reads: (readonly [number, number])[] = [];
  return {
    name: "counted",
    size: bytes.length,
    reads,
    closed: 0,
    async read(offset, length) {
      reads.push([offset, length]);
      const shifted = new Uint8Array(length + 1).subarray(1);
      shifted.set(bytes.subarray(offset, offset + length));
      return shifted;
    },
    async close() {
      this.closed++;
    },
  };
}

/** A safetensors file of a header, given as text or as an object, and data bytes. */
export function safetensorsFile(header: string | object, data: ArrayLike<number> = []): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

/** An npy file of a header text and data bytes, with no padding. */
export function npyFile(header: string, data: ArrayLike<number> = [], major = 1, minor = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const start = major === 1 ? 10 : 12;
  const file = new Uint8Array(start + text.length + data.length);
  file.set([0x93, ...new TextEncoder().encode("NUMPY"), major, minor]);
  if (major === 1) new DataView(file.buffer).setUint16(8, text.length, true);
  else new DataView(file.buffer).setUint32(8, text.length, true);
  file.set(text, start);
  file.set(data, start + text.length);
  return file;
}

/** What a promise rejects with; an error if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error(`expected a rejection with an Error, got ${String(outcome)}`);
}

const dtypes: readonly DType[] = [
  "float16",
  "float32",
  "float64",
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "bool",
];

/** Tensors of every dtype of npy with random bits, NaN payloads among them. */
export const anyTensor: fc.Arbitrary<Tensor<DType>> = fc
  .record({
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
  })
  .chain(({ dtype, shape }) => {
    const byteLength = sizeOf(shape) * bytesPerElement(dtype);
    return fc
      .uint8Array({ minLength: byteLength, maxLength: byteLength })
      .map((bits) => new Tensor(dtype, shape, new (arrayConstructor(dtype))(bits.slice().buffer)));
  });
