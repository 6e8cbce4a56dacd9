import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { openNpy, openNpz, openSource } from "../checkpoints/index.ts";
import { shapeText } from "../tensor/shape.ts";
import { asTensor, Tensor } from "../tensor/tensor.ts";

/** Which file an array came from, so that work can go on with the same one only. */
export interface Identity {
  /** The path, and in an npz the array's name. */
  readonly name: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Time of the last change, in milliseconds. */
  readonly modified: number;
  /** SHA-256 of the first {@link headBytes} bytes, hexadecimal. */
  readonly head: string;
}

/** An array of samples in a file. */
export interface Activations {
  readonly identity: Identity;
  readonly shape: readonly number[];
  /** Opens the array for reading. */
  open(): Promise<OpenActivations>;
}

/** An open array of samples. */
export interface OpenActivations {
  /** The samples [begin, end). */
  rows(begin: number, end: number): Promise<Tensor>;
  close(): Promise<void>;
}

const headBytes = 65536;

/**
 * The arrays of npy and npz files, and of those in directories, in the order given; directories are sorted by name.
 *
 * @throws RangeError if there are none, or an array has no samples' axis; what opening a file throws
 */
export async function activationsOf(paths: readonly string[]): Promise<Activations[]> {
  const arrays: Activations[] = [];
  for (const path of paths) {
    for (const file of await filesOf(path)) arrays.push(...(await arraysOf(file)));
  }
  for (const { identity, shape } of arrays) {
    if (shape.length < 2) {
      throw new RangeError(`${identity.name}: expected samples of channels, got shape ${shapeText(shape)}`);
    }
  }
  if (arrays.length === 0)
    throw new RangeError(`expected .npy or .npz files, got none in ${paths.join(", ")}`);
  return arrays;
}

async function filesOf(path: string): Promise<string[]> {
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isDirectory) return [path];
  const names = await readdir(path);
  return names
    .filter((name) => /\.np[yz]$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

async function arraysOf(path: string): Promise<Activations[]> {
  if (path.endsWith(".npz")) {
    const file = await openNpz(path);
    try {
      const identity = await identityOf(path);
      return [...file.entries].map(([name, { shape }]) => ({
        identity: { ...identity, name: `${path}: ${name}` },
        shape,
        open: () => openMember(path, name),
      }));
    } finally {
      await file.close();
    }
  }
  const file = await openNpy(path);
  await file.close();
  return [{ identity: await identityOf(path), shape: file.shape, open: () => openArray(path) }];
}

async function identityOf(path: string): Promise<Identity> {
  const { mtimeMs } = await stat(path);
  const source = await openSource(path);
  try {
    const head = await source.read(0, Math.min(headBytes, source.size));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", head as Uint8Array<ArrayBuffer>));
    return { name: path, size: source.size, modified: mtimeMs, head: Buffer.from(digest).toString("hex") };
  } finally {
    await source.close();
  }
}

async function openArray(path: string): Promise<OpenActivations> {
  const file = await openNpy(path);
  return {
    rows: async (begin, end) => asTensor(path, "the array", await file.rows(begin, end)),
    close: () => file.close(),
  };
}

/** Compressed arrays are read as a whole. */
async function openMember(path: string, name: string): Promise<OpenActivations> {
  const file = await openNpz(path);
  try {
    const { shape, data, dtype } = asTensor(path, name, await file.tensor(name));
    const [, ...row] = shape;
    const perRow = row.reduce((size, extent) => size * extent, 1);
    return {
      rows: async (begin, end) =>
        new Tensor(dtype, [end - begin, ...row], data.subarray(begin * perRow, end * perRow)),
      close: async () => {},
    };
  } finally {
    await file.close();
  }
}
