import type { DType } from "../tensor/dtype.ts";
import { describe, shapeText, sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { elementsOf, swapBytes } from "./bytes.ts";
import type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
import { unpickle } from "./pickle.ts";
import { ptGlobal } from "./ptGlobals.ts";
import { flatNames, type PtNames } from "./ptNames.ts";
import { extentOf } from "./ptTensor.ts";
import { isSequence, type PtStorage, type PtTensor, type PtValue, wordFor } from "./ptValue.ts";
import { quoted } from "./quoted.ts";
import { tensorDType } from "./safetensorsHeader.ts";
import { type ByteSource, openSource, type SourceLike } from "./source.ts";
import { isRowMajor, rowMajor } from "./strided.ts";
import { openZip, type ZipArchive } from "./zip.ts";

/** An open PyTorch checkpoint, of which only the pickle has been read. */
export interface PtFile extends Checkpoint {
  /** Path of the mapping that the names are counted from, `state_dict`; empty if that is the whole file. */
  readonly root: string;
}

/** Memory beyond the file's own size that its values, or one tensor of it, may take, in bytes: 48 MiB. */
const spareMemory = 3 * 2 ** 24;

/**
 * Opens a checkpoint that `torch.save` wrote (`.pt`, `.pth`; the zip form, PyTorch's since 1.6) and lists its tensors.
 *
 * Nothing is executed: of Python, only the names that tensors and state dicts need are known, and any other is refused. Names
 * are paths joined by dots; where all tensors lie in one nested mapping, as in `{"state_dict": {...}, "epoch": 3}`, its path is
 * left off and told as `root`. Numbers and strings beside the tensors are the metadata, by their whole path. Views are read as
 * contiguous tensors, storages only when asked for, big-endian files in the processor's order.
 * Source of the rules: PyTorch's `torch/serialization.py`, `torch/_weights_only_unpickler.py` and `torch/_utils.py`.
 *
 * @throws TypeError if `source` is nothing that holds bytes; RangeError if the file is malformed, of the form before
 * PyTorch 1.6, TorchScript, or names anything else than tensors need; Error if the path cannot be read
 * @example
 * const file = await openPt("model.pt");
 * for (const [name, { dtype, shape }] of file.entries) console.log(name, dtype, shape);
 * bn.loadStateDict(new Map([["weight", await file.tensor("bn1.weight")]]), { strict: false });
 * await file.close();
 */
export async function openPt(source: SourceLike): Promise<PtFile> {
  const bytes = await openSource(source, "openPt");
  const who = `openPt: ${bytes.name}`;
  try {
    await refuseOtherForms(who, bytes);
    const archive = await openZip(bytes, who);
    const folder = folderOf(who, archive);
    const bigEndian = await isBigEndian(who, archive, folder);
    const names = await readNames(who, bytes, archive, folder);
    return fileOf(who, bytes, archive, names, bigEndian);
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

/** How the form before PyTorch 1.6 begins: a pickle of protocol 2 with the integer 0x1950a86a20f9469cfc6c. */
const legacyStart = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

async function refuseOtherForms(who: string, source: ByteSource): Promise<void> {
  const start = await source.read(0, Math.min(legacyStart.length, source.size));
  if (legacyStart.every((byte, index) => start[index] === byte)) {
    throw new RangeError(
      `${who}: expected PyTorch's zip form, got the form before PyTorch 1.6; ` +
        "load it in PyTorch and save it again: torch.save(torch.load(path), path)",
    );
  }
  if (start[0] === 0x80) {
    throw new RangeError(
      `${who}: expected PyTorch's zip form, got a bare pickle; save it with torch.save(model.state_dict(), path)`,
    );
  }
}

/** The one folder that everything lies in, with its slash; it has the name that the file had when it was saved. */
function folderOf(who: string, archive: ZipArchive): string {
  const pickles = [...archive.entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    throw new RangeError(
      `${who}: expected one folder with a data.pkl, as torch.save writes, got ${pickles.length || "none"}`,
    );
  }
  const folder = pickles[0].slice(0, -"data.pkl".length);
  if (archive.entries.has(`${folder}constants.pkl`)) {
    throw new RangeError(
      `${who}: expected a state dict, got a TorchScript program, which is code; ` +
        "save its tensors alone in PyTorch: torch.save(torch.jit.load(path).state_dict(), path)",
    );
  }
  return folder;
}

/** Files of PyTorch before 2.1 do not say, and are little-endian in practice. */
async function isBigEndian(who: string, archive: ZipArchive, folder: string): Promise<boolean> {
  const name = `${folder}byteorder`;
  const entry = archive.entries.get(name);
  if (entry === undefined) return false;
  const order = entry.size > 6 ? "a longer text" : new TextDecoder().decode(await archive.read(name));
  if (order === "little" || order === "big") return order === "big";
  throw new RangeError(`${who}: expected the byte order little or big, got ${quoted(order)}`);
}

async function readNames(
  who: string,
  source: ByteSource,
  archive: ZipArchive,
  folder: string,
): Promise<PtNames> {
  const name = `${folder}data.pkl`;
  const size = archive.entries.get(name)?.size ?? 0;
  const largestMemory = source.size + spareMemory;
  if (size > largestMemory) {
    throw new RangeError(`${who}: expected a data.pkl of at most ${largestMemory} bytes, got ${size}`);
  }
  const storages = new Map<string, PtStorage>();
  const value = unpickle(who, await archive.read(name), {
    global: (path) => ptGlobal(who, path),
    persistent: (id) => onlyOnce(who, storages, storageOf(who, archive, folder, id)),
    largestMemory,
  });
  return flatNames(who, value, size);
}

/** The storage as it was named first; PyTorch writes no storage as two types, and reads it as the first of them. */
function onlyOnce(who: string, storages: Map<string, PtStorage>, storage: PtStorage): PtStorage {
  const first = storages.get(storage.file) ?? storage;
  storages.set(storage.file, first);
  if (first.element === storage.element && first.length === storage.length) return first;
  throw new RangeError(
    `${who}: expected ${quoted(storage.file)} to hold ${first.length} elements of ${first.element.name}, as before, ` +
      `got ${storage.length} of ${storage.element.name}`,
  );
}

/** A persistent id is ("storage", storage type, key, location, number of elements). */
function storageOf(who: string, archive: ZipArchive, folder: string, id: PtValue): PtStorage {
  const [kind, type, key, , length] = isSequence(id) ? id.items : [];
  const isStorage = kind === "storage" && typeof key === "string" && Number.isSafeInteger(length);
  if (
    !isStorage ||
    typeof type !== "object" ||
    type === null ||
    !("kind" in type) ||
    type.kind !== "storageType"
  ) {
    throw new RangeError(`${who}: expected a persistent id that names a storage, got ${wordFor(id)}`);
  }
  const file = `${folder}data/${key}`;
  const entry = archive.entries.get(file);
  if (entry === undefined) {
    throw new RangeError(`${who}: expected a file ${quoted(file)} in the archive, got none`);
  }
  const count = length as number;
  const { element } = type;
  if (count < 0 || count * element.width > entry.size) {
    throw new RangeError(
      `${who}: expected ${count} elements of ${element.name} in ${quoted(file)}, got ${entry.size} bytes`,
    );
  }
  return { kind: "storage", file, element, length: count };
}

function fileOf(
  who: string,
  source: ByteSource,
  archive: ZipArchive,
  { root, tensors, metadata }: PtNames,
  bigEndian: boolean,
): PtFile {
  const names = [...tensors.keys()];
  const viewOf = (name: string): PtTensor => {
    const view = tensors.get(name);
    if (view !== undefined) return view;
    throw new RangeError(`${who}: expected the name of a tensor, ${describe(names)}, got ${describe(name)}`);
  };
  const bytes = async (name: string): Promise<Uint8Array> => {
    const view = viewOf(name);
    const contiguous = await readView(`${who}: tensor ${quoted(name)}`, source, archive, view);
    // A complex number is two floats.
    if (bigEndian) swapBytes(contiguous, view.dtype === "C64" ? view.width / 2 : view.width);
    return contiguous;
  };
  return {
    root,
    names,
    metadata,
    entries: new Map(
      [...tensors].map(([name, { dtype, shape }]): [string, CheckpointEntry] => [name, { dtype, shape }]),
    ),
    bytes,
    async tensor(name): Promise<Tensor<DType>> {
      const { dtype, shape } = viewOf(name);
      const held = tensorDType(dtype);
      if (held === undefined) {
        throw new RangeError(
          `${who}: tensor ${quoted(name)}: expected a dtype that a tensor can hold, got ${dtype}; ` +
            "read its raw bytes with openPt(...) and bytes(name)",
        );
      }
      return new Tensor(held, [...shape], elementsOf(await bytes(name), held, true));
    },
    close: () => source.close(),
  };
}

/** The elements of a view in row-major order. */
async function readView(
  who: string,
  source: ByteSource,
  archive: ZipArchive,
  { storage, width, shape, strides, offset }: PtTensor,
): Promise<Uint8Array> {
  const length = sizeOf(shape) * width;
  const span = extentOf(shape, strides) * width;
  if (span === 0) return new Uint8Array(0);
  const isContiguous = isRowMajor(shape, strides);
  const largest = 2 * source.size + spareMemory;
  const needed = isContiguous ? length : length + span;
  if (needed > largest) {
    throw new RangeError(
      `${who}: expected a view that takes at most ${largest} bytes, in proportion to the file, got ` +
        `${shapeText(shape)}, which takes ${needed}; save it with .clone() in PyTorch`,
    );
  }
  const stored = await archive.read(storage.file, { offset: offset * width, length: span });
  return isContiguous ? stored : rowMajor(stored, width, shape, strides);
}
