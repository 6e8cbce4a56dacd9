import { safetensorsFile } from "../checkpoints/files.ts";
import { global, pickle, ptFile, view } from "../checkpoints/ptFile.ts";
import { joined, zipFile } from "../checkpoints/zipFile.ts";

/** A file that asks for much memory in few bytes. */
export interface Bomb {
  readonly format: string;
  /** A file of about `size` bytes. */
  make(size: number): Uint8Array;
}

/** `start`, then `unit` as often as it fits, then `end`. */
function repeated(
  start: readonly number[],
  unit: readonly number[],
  end: readonly number[],
  size: number,
): Uint8Array {
  const times = Math.floor(size / unit.length);
  const middle = new Uint8Array(times * unit.length);
  for (let i = 0; i < middle.length; i++) middle[i] = unit[i % unit.length];
  return joined([Uint8Array.from(start), middle, Uint8Array.from(end)]);
}

function pickled(start: readonly number[], unit: readonly number[], end: readonly number[] = []): Bomb {
  return { format: "pt", make: (size) => ptFile(repeated([0x80, 2, ...start], unit, [...end, 0x2e], size)) };
}

function header(start: string, unit: string, end: string): Bomb {
  return {
    format: "safetensors",
    make: (size) => safetensorsFile(start + unit.repeat(Math.floor(size / unit.length)) + end),
  };
}

const tensor = '"dtype":"U8","shape":[0],"data_offsets":[0,0]';

/** Bombs by what they repeat. */
export const bombs: Readonly<Record<string, Bomb>> = {
  "empty lists": pickled([], [0x5d]),
  "empty dicts": pickled([], [0x7d]),
  "empty tuples": pickled([], [0x29]),
  marks: pickled([], [0x28]),
  duplicates: pickled([0x4e], [0x32]),
  "memo entries": pickled([0x4e], [0x94]),
  "nested tuples": pickled([0x4e], [0x85]),
  floats: pickled([], [0x47, 0x3f, 0xf1, 2, 3, 4, 5, 6, 7]),
  texts: pickled([], [0x8c, 1, 0x61]),
  "wide texts": pickled([], [0x8c, 3, 0xe2, 0x82, 0xac]),
  "one text": {
    format: "pt",
    make: (size) =>
      ptFile(
        repeated(
          [0x80, 2, 0x58, ...new Uint8Array(Uint32Array.of(size - (size % 3)).buffer)],
          [0xe2, 0x82, 0xac],
          [0x2e],
          size,
        ),
      ),
  },
  bytes: pickled([], [0x43, 1, 0x61]),
  "long integers": pickled([], [0x8a, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
  "lists of lists": pickled([0x5d, 0x94], [0x5d, 0x61]),
  "items of a dict": pickled([0x7d, 0x28], [0x43, 1, 0x61, 0x4e], [0x75]),
  "ordered dicts": pickled([...global("collections", "OrderedDict"), 0x94], [0x68, 0, 0x29, 0x52]),
  tensors: {
    format: "pt",
    make: (size) => ptFile(repeated([0x80, 2, 0x5d, 0x28], view({}), [0x65, 0x2e], size)),
  },
  "many files": {
    format: "pt",
    make: (size) =>
      ptFile(pickle([0x4e]), {
        storages: Object.fromEntries(
          Array.from({ length: Math.floor(size / 130) }, (_, index) => [index, new Uint8Array(0)]),
        ),
      }),
  },
  "many arrays": {
    format: "npz",
    make: (size) =>
      zipFile(Array.from({ length: Math.floor(size / 100) }, (_, index) => [`${index}`, new Uint8Array(0)])),
  },
  "a deflated pickle": {
    format: "pt",
    make: (size) => ptFile(new Uint8Array(size * 100), { deflate: true }),
  },
  "arrays in a header": header('{"a":[', "[],", "[]]}"),
  "objects in a header": header('{"a":[', "{},", "{}]}"),
  "numbers in a header": header('{"a":[', "1.5,", "1]}"),
  "keys in a header": {
    format: "safetensors",
    make: (size) =>
      safetensorsFile(`{${Array.from({ length: Math.floor(size / 12) }, (_, index) => `"${index}":1`)}}`),
  },
  "tensors in a header": {
    format: "safetensors",
    make: (size) =>
      safetensorsFile(
        `{${Array.from({ length: Math.floor(size / 60) }, (_, index) => `"${index}":{${tensor}}`)}}`,
      ),
  },
  "nested arrays in a header": header('{"a":', "[", ""),
  "escapes in a header": header('{"', "\\u20ac", '":1}'),
};
