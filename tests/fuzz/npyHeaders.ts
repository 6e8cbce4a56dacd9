import { npyFile } from "../checkpoints/files.ts";
import { zipFile } from "../checkpoints/zipFile.ts";
import { mutatedArchive } from "./archives.ts";
import { mutatedBytes } from "./bytes.ts";
import type { FuzzFormat } from "./format.ts";
import type { Random } from "./random.ts";
import { mutatedTokens } from "./tokens.ts";

const data = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 37 + 11);

interface Seed {
  readonly header: string;
  readonly data: Uint8Array;
  readonly major: number;
}

const seeds: readonly Seed[] = [
  { header: "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }     \n", data: data(24), major: 1 },
  { header: "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 1, 2), }\n", data: data(32), major: 1 },
  { header: "{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n", data: data(1), major: 2 },
  { header: "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }\n", data: data(24), major: 3 },
  { header: "{'descr': '<f2', 'fortran_order': True, 'shape': (0, 3L), }\n", data: data(0), major: 1 },
];

const files = seeds.map(({ header, data, major }) => npyFile(header, data, major));

const pieces = [
  "(",
  ")",
  "[",
  "]",
  "{",
  "}",
  ",",
  ":",
  "'",
  '"',
  "\\",
  "#",
  "\n",
  "-",
  "+",
  "L",
  "0x10",
  "1_000",
  "1e5",
  "1.5",
  "None",
  "True",
  "False",
  "lambda: 0",
  "__import__('os')",
  "u'",
  "b'a'",
  "\0",
  "é",
  "(".repeat(300),
  "'shape'",
  "'descr'",
  " ",
];

const descrs = [
  "<f4",
  ">f4",
  "<f2",
  "|u1",
  "<i8",
  ">u2",
  "|O",
  "O",
  "<U4",
  "|S0",
  "<c8",
  "|V8",
  "f4",
  "float32",
  "<f16",
  "=f8",
  "?",
  "",
  "toString",
];

function freshToken(random: Random, old: string | undefined): readonly string[] {
  if (old !== undefined && /^\d/.test(old)) {
    return [String(random.oneIn(3) ? Number(old) + random.below(9) - 4 : random.integer())];
  }
  if (old?.startsWith("'") && !random.oneIn(4)) return [`'${random.pick(descrs)}'`];
  return [random.pick(pieces)];
}

function mutatedNpy(random: Random): Uint8Array {
  if (random.oneIn(3)) return mutatedBytes(random.pick(files), random, files);
  const { header, data, major } = random.pick(seeds);
  const tokens = header.match(/'[^']*'|\d+|[A-Za-z_]+|[\s\S]/g) ?? [];
  const text = mutatedTokens(tokens, random, (old) => freshToken(random, old)).join("");
  const end = random.oneIn(8) ? mutatedBytes(data, random, files) : data;
  const version = random.oneIn(30) ? random.byte() : major;
  // Version 1 has 16 bits for the length.
  return npyFile(text, end, version === 1 && text.length > 40_000 ? 2 : version, random.oneIn(40) ? 1 : 0);
}

/** npy: a header that is a Python literal. */
export const npy: FuzzFormat = { name: "npy", mutate: mutatedNpy };

const archives = [
  zipFile([]),
  zipFile([["a.npy", files[0]]]),
  zipFile(
    files.map((file, index) => [`folder/${index}.npy`, file]),
    { deflate: true },
  ),
];

/** npz: a zip archive of npy files. */
export const npz: FuzzFormat = {
  name: "npz",
  mutate(random) {
    if (random.oneIn(2)) return mutatedArchive(random.pick(archives), random, archives);
    const names = ["a.npy", "__proto__.npy", "b.npy", "a", ".npy", "../x.npy"];
    const inner = Array.from(
      { length: 1 + random.below(3) },
      (_, index) =>
        [
          random.oneIn(5) ? random.pick(names) : `${index}.npy`,
          random.oneIn(2) ? mutatedNpy(random) : random.pick(files),
        ] as const,
    );
    return zipFile(inner, { deflate: random.oneIn(2) });
  },
};
