import { safetensorsFile } from "../checkpoints/files.ts";
import { mutatedBytes } from "./bytes.ts";
import type { FuzzFormat } from "./format.ts";
import type { Random } from "./random.ts";
import { mutatedTokens } from "./tokens.ts";

const float32 = (shape: readonly number[], begin: number, end: number): object => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});
const data = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 37 + 11);

const seeds: readonly Uint8Array[] = [
  safetensorsFile(
    { __metadata__: { format: "pt" }, "bn.weight": float32([4], 0, 16), "bn.bias": float32([4], 16, 32) },
    data(32),
  ),
  safetensorsFile(
    {
      a: { dtype: "F64", shape: [2, 1], data_offsets: [0, 16] },
      b: { dtype: "BF16", shape: [], data_offsets: [16, 18] },
      c: { dtype: "I64", shape: [1], data_offsets: [18, 26] },
      d: { dtype: "BOOL", shape: [3], data_offsets: [26, 29] },
      e: { dtype: "F4", shape: [2], data_offsets: [29, 30] },
      f: { dtype: "U8", shape: [0, 5], data_offsets: [30, 30] },
    },
    data(30),
  ),
  safetensorsFile(`{"__proto__":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}    `, data(4)),
  safetensorsFile("{}"),
];

const dtypes = [
  "BOOL",
  "U8",
  "I8",
  "F16",
  "BF16",
  "F32",
  "F64",
  "I64",
  "U64",
  "C64",
  "F4",
  "F6_E2M3",
  "F8_E4M3",
  "f32",
  "",
  "F128",
  "toString",
];

const pieces = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "null",
  "true",
  "-0",
  "1e5",
  "1.5",
  "1e400",
  "0.1",
  '"__metadata__":{}',
  '"__proto__":',
  '"constructor":1',
  '"\\ud800":',
  "\\u0000",
  " ",
  "\n",
  "[[[[[[[[",
  "[".repeat(20_000),
  "[".repeat(5000) + "]".repeat(5000),
  JSON.stringify("x".repeat(10_000)),
];

/** The header as tokens of JSON, and the data. */
function parts(file: Uint8Array): { tokens: string[]; rest: Uint8Array } {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const text = new TextDecoder().decode(file.subarray(8, 8 + length));
  return { tokens: text.match(/"(?:[^"\\]|\\.)*"|-?\d+|[^"\d]/g) ?? [], rest: file.subarray(8 + length) };
}

function freshToken(random: Random, old: string | undefined): readonly string[] {
  if (old !== undefined && /^-?\d/.test(old)) {
    return [String(random.oneIn(3) ? Number(old) + random.below(9) - 4 : random.integer())];
  }
  if (old?.startsWith('"') && !random.oneIn(4)) {
    return [
      JSON.stringify(
        random.pick([...dtypes, "shape", "dtype", "data_offsets", "__metadata__", "bn.weight", "a"]),
      ),
    ];
  }
  return [random.pick(pieces)];
}

/** safetensors: a JSON header. */
export const safetensors: FuzzFormat = {
  name: "safetensors",
  mutate(random) {
    const seed = random.pick(seeds);
    if (random.oneIn(3)) return mutatedBytes(seed, random, seeds);
    const { tokens, rest } = parts(seed);
    const header = mutatedTokens(tokens, random, (old) => freshToken(random, old)).join("");
    const end = random.oneIn(8) ? mutatedBytes(rest, random, seeds) : rest;
    return safetensorsFile(header, end);
  },
};
