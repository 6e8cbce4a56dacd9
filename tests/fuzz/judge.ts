import type { ByteSource, Checkpoint, SafetensorsDType } from "../../src/checkpoints/index.ts";
import { openNpy, openNpz, openPt, openSafetensors } from "../../src/checkpoints/index.ts";
import type { DType } from "../../src/tensor/dtype.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { elementBits } from "../checkpoints/dtypes.ts";

/** What became of one input. */
export interface Verdict {
  /** Whether the file was read as something. */
  readonly accepted: boolean;
  /** What is wrong with that; undefined if the answer is right, or a clear error. */
  readonly fault: string | undefined;
  /** Bytes that were read from the file, all reads together. */
  readonly bytesRead: number;
}

/** Memory that an input may take: twice its size and 64 MiB. */
export function memoryLimit(size: number): number {
  return 2 * size + 2 ** 26;
}

interface GuardedSource extends ByteSource {
  bytesRead: number;
  closed: boolean;
  stray: string | undefined;
}

/** What messages begin with, after the name of the function. */
const sourceName = "fuzzed file";

/** A source that notes every read outside the file, and what was read. */
function guarded(bytes: Uint8Array): GuardedSource {
  return {
    name: sourceName,
    size: bytes.length,
    bytesRead: 0,
    closed: false,
    stray: undefined,
    async read(offset, length) {
      if (
        !Number.isSafeInteger(offset) ||
        !Number.isSafeInteger(length) ||
        offset < 0 ||
        length < 0 ||
        offset + length > bytes.length
      ) {
        this.stray ??= `it reads ${length} bytes at ${offset} of ${bytes.length}`;
        throw new RangeError(`${sourceName}: expected a read within the file`);
      }
      if (this.closed) this.stray ??= "it reads after closing";
      this.bytesRead += length;
      // At an odd address, the hardest case for typed arrays.
      const copy = new Uint8Array(length + 1).subarray(1);
      copy.set(bytes.subarray(offset, offset + length));
      return copy;
    },
    async close() {
      this.closed = true;
    },
  };
}

/** What comes from a mistake in the code, not from a check. */
const internal =
  /cannot read prop|is not a function|is not iterable|is not defined|undefined|Invalid (typed )?array (buffer )?length|allocation failed|call stack|(offset is|argument) out of (bounds|range)|out of memory|Cannot (mix|convert)|Invalid array|before initialization|circular/i;

const longestMessage = 4000;

function faultOf(error: unknown): string | undefined {
  if (!(error instanceof RangeError))
    return `it throws ${error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error)}`;
  const { message } = error;
  if (!/^open\w+: /.test(message) || !message.startsWith(`${sourceName}: `, message.indexOf(" ") + 1))
    return `its message does not name the file: ${message.slice(0, 500)}`;
  if (message.length > longestMessage)
    return `its message has ${message.length} characters: ${message.slice(0, 200)}`;
  // Strings of the file may say anything.
  if (internal.test(message.replace(/"(?:[^"\\]|\\.)*"/g, '""')))
    return `its message comes from inside: ${message}`;
  return undefined;
}

class Wrong extends Error {}

function expectThat(holds: boolean, what: string): void {
  if (!holds) throw new Wrong(what);
}

/** Holds every tensor against its entry, as text and as bytes. */
async function checkAll(file: Checkpoint): Promise<void> {
  expectThat(new Set(file.names).size === file.names.length, "a name comes twice");
  expectThat(file.names.join() === [...file.entries.keys()].join(), "names and entries differ");
  for (const [name, { dtype, shape }] of file.entries) {
    const count = shape.reduce((product, extent) => product * BigInt(extent), 1n);
    const bytes = await file.bytes(name).catch((error: unknown) => refusedView(error, count, dtype));
    if (bytes === undefined) continue;
    expectThat(
      BigInt(bytes.length) * 8n === count * BigInt(elementBits(dtype)),
      `${bytes.length} bytes for ${dtype} (${shape})`,
    );
    if (dtype === "C64" || /^F[468]_|^F4$/.test(dtype)) continue;
    const tensor = await file.tensor(name);
    checkTensor(tensor, shape, count);
    const same = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
    expectThat(Buffer.compare(same, bytes) === 0, "the tensor and its bytes differ");
  }
}

/** A view that repeats elements may be listed and not spelled out, if that took more memory than the file may. */
function refusedView(error: unknown, count: bigint, dtype: SafetensorsDType): undefined {
  if (
    (count * BigInt(elementBits(dtype))) / 8n > 2n ** 25n &&
    /expected a view that takes at most/.test(String(error))
  )
    return undefined;
  throw error;
}

function checkTensor(tensor: Tensor<DType>, shape: readonly number[], count: bigint): void {
  expectThat(tensor.shape.join() === shape.join(), `shape (${tensor.shape}) for (${shape})`);
  expectThat(BigInt(tensor.data.length) === count, `${tensor.data.length} elements for (${shape})`);
}

type Check = () => Promise<void>;

/** Open a file as a format; what they give back reads all of it. */
const openers: Readonly<Record<string, (source: ByteSource) => Promise<Check>>> = {
  async safetensors(source) {
    const file = await openSafetensors(source);
    return () => checkAll(file);
  },
  async npz(source) {
    const file = await openNpz(source);
    return () => checkAll(file);
  },
  async pt(source) {
    const file = await openPt(source);
    return () => checkAll(file);
  },
  async npy(source) {
    const file = await openNpy(source);
    const count = file.shape.reduce((product, extent) => product * BigInt(extent), 1n);
    return async () => checkTensor(await file.tensor(), file.shape, count);
  },
};

/** Reads a file as a format and says whether the outcome is a right answer or a clear error. */
export async function judge(format: string, bytes: Uint8Array): Promise<Verdict> {
  const source = guarded(bytes);
  let accepted = false;
  let fault: string | undefined;
  try {
    const check = await openers[format](source).catch((error: unknown) => {
      if (!source.closed) source.stray ??= "it leaves the file open after an error";
      throw error;
    });
    await check();
    accepted = true;
  } catch (error) {
    fault = error instanceof Wrong ? `the answer is wrong: ${error.message}` : faultOf(error);
  }
  return { accepted, fault: source.stray ?? fault, bytesRead: source.bytesRead };
}
