import {
  dict,
  get,
  global,
  int,
  list,
  long,
  named,
  none,
  type Piece,
  pickle,
  ptFile,
  put,
  reduce,
  sixFloats,
  storage,
  text,
  tuple,
  view,
} from "../checkpoints/ptFile.ts";
import { mutatedArchive } from "./archives.ts";
import { integerBytes, mutatedBytes } from "./bytes.ts";
import type { FuzzFormat } from "./format.ts";
import type { Random } from "./random.ts";
import { mutatedTokens } from "./tokens.ts";

const hooks = reduce(global("collections", "OrderedDict"));
const ordered = (...pairs: readonly (readonly [Piece, Piece])[]): Piece => [
  ...hooks,
  0x28,
  ...pairs.flat(2),
  0x75,
];
const vector = view({ size: tuple(int(3)), stride: tuple(int(2)), offset: int(1) });

const values: readonly Piece[] = [
  [
    ...ordered([text("bn.weight"), view()], [text("bn.bias"), vector]),
    ...named({ _metadata: ordered([text(""), named({ version: int(2) })]) }),
    0x62,
  ],
  named({
    state_dict: ordered([text("w"), put(1, view())], [text("tied"), get(1)]),
    epoch: int(3),
    lr: [0x47, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
    seed: long(2n ** 70n),
  }),
  list(
    view(),
    tuple(vector, none),
    dict([int(0), view({ type: global("torch", "HalfStorage"), key: "1", length: int(12) })]),
  ),
  named({
    p: reduce(global("torch._utils", "_rebuild_parameter"), view(), [0x88], hooks),
    s: reduce(global("torch", "Size"), tuple(int(2), int(3))),
    d: reduce(global("torch", "device"), text("cpu")),
    z: view({ size: tuple(), stride: tuple() }),
    e: view({ size: tuple(int(0), int(4)), stride: tuple(int(4), int(1)) }),
    x: view({ size: tuple(int(5), int(2)), stride: tuple(int(0), int(3)) }),
    u: view({
      type: global("torch.storage", "UntypedStorage"),
      key: "1",
      length: int(24),
      rebuild: "_rebuild_tensor_v3",
      more: [[0x89], hooks, global("torch", "float32")],
    }),
    c: view({
      type: global("torch", "ComplexFloatStorage"),
      key: "2",
      length: int(3),
      size: tuple(int(3)),
      stride: tuple(int(1)),
    }),
    n: reduce(
      global("numpy.core.multiarray", "scalar"),
      [...reduce(global("numpy", "dtype"), text("f8"), [0x89], [0x88]), ...tuple(int(3), text("<")), 0x62],
      [0x43, 8, 0, 0, 0, 0, 0, 0, 0, 0],
    ),
    b: reduce(global("_codecs", "encode"), text("a\u00ff"), text("latin1")),
    set: [0x8f, 0x28, ...int(1), 0x90],
    storage: storage(),
  }),
];

const pickles = values.map((value, index) => pickle(value, 2 + (index % 4)));
const storages = { 0: sixFloats, 1: sixFloats, 2: sixFloats };
const archives = [
  ...pickles.map((bytes) => ptFile(bytes, { storages })),
  ptFile(pickles[0], { storages, deflate: true }),
  ptFile(pickles[2], {
    storages,
    others: { byteorder: new TextEncoder().encode("big") },
  }),
];

/** How many bytes of argument follow an opcode, or in how many bytes the length of its argument stands. */
const fixed = new Map<number, number>([
  [0x80, 1],
  [0x95, 8],
  [0x4b, 1],
  [0x4d, 2],
  [0x4a, 4],
  [0x47, 8],
  [0x71, 1],
  [0x72, 4],
  [0x68, 1],
  [0x6a, 4],
]);
const prefixed = new Map<number, number>([
  [0x8a, 1],
  [0x8b, 4],
  [0x8c, 1],
  [0x58, 4],
  [0x8d, 8],
  [0x55, 1],
  [0x54, 4],
  [0x43, 1],
  [0x42, 4],
  [0x8e, 8],
  [0x96, 8],
]);
const plain = [
  0x4e, 0x88, 0x89, 0x29, 0x85, 0x86, 0x87, 0x74, 0x5d, 0x61, 0x65, 0x8f, 0x90, 0x91, 0x7d, 0x73, 0x75, 0x28,
  0x30, 0x31, 0x32, 0x94, 0x93, 0x51, 0x52, 0x81, 0x62, 0x2e,
];

type Token = readonly number[];

/** One token for each opcode with its argument. */
function tokensOf(bytes: Uint8Array): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + argumentLength(bytes, at);
    tokens.push([...bytes.subarray(at, at + length)]);
    at += length;
  }
  return tokens;
}

function argumentLength(bytes: Uint8Array, at: number): number {
  if (bytes[at] === 0x63) return bytes.indexOf(10, bytes.indexOf(10, at) + 1) - at;
  const width = prefixed.get(bytes[at]);
  if (width === undefined) return fixed.get(bytes[at]) ?? 0;
  let length = 0;
  for (let i = width; i > 0; i--) length = length * 256 + bytes[at + i];
  return width + length;
}

const names: readonly (readonly [string, string])[] = [
  ["os", "system"],
  ["builtins", "eval"],
  ["torch", "FloatStorage"],
  ["torch", "LongStorage"],
  ["torch", "BoolStorage"],
  ["torch", "float64"],
  ["torch", "Tensor"],
  ["torch", "Size"],
  ["torch._utils", "_rebuild_tensor_v2"],
  ["torch._utils", "_rebuild_tensor_v3"],
  ["torch._utils", "_rebuild_parameter"],
  ["torch._tensor", "_rebuild_from_type_v2"],
  ["collections", "OrderedDict"],
  ["collections", "Counter"],
  ["builtins", "set"],
  ["_codecs", "encode"],
  ["numpy", "dtype"],
  ["constructor", "constructor"],
  ["__proto__", ""],
];
const texts = [
  "",
  "0",
  "storage",
  "__proto__",
  "constructor",
  "a.b",
  "w",
  "latin1",
  "conj",
  "f8",
  "<",
  "b1",
  "../data.pkl",
  "x".repeat(300),
];

function freshToken(random: Random, old: Token | undefined): readonly Token[] {
  const opcode = old?.[0];
  if (old !== undefined && opcode === 0x4a && random.oneIn(2)) {
    const value = BigInt.asIntN(32, random.integer());
    return [random.oneIn(2) ? [0x4a, ...integerBytes(value, 4)] : long(random.integer())];
  }
  if (old !== undefined && opcode === 0x58 && !random.oneIn(4)) return [text(random.pick(texts))];
  if (old !== undefined && opcode === 0x63 && !random.oneIn(4)) return [global(...random.pick(names))];
  switch (random.below(6)) {
    case 0:
      return [[random.pick([...fixed.keys()]), ...integerBytes(random.integer(), 8)]];
    case 1: {
      const [code, width] = random.pick([...prefixed]);
      return [
        [
          code,
          ...integerBytes(random.integer(), width),
          ...Array.from({ length: random.below(9) }, () => random.byte()),
        ],
      ];
    }
    case 2:
      return [global(...random.pick(names))];
    case 3:
      return [[0x6a, ...integerBytes(BigInt(random.below(4)), 4)]];
    case 4:
      // A bomb: a list that is put into itself, or a value many times.
      return random.pick([
        [[0x5d], [0x94], [0x32], [0x61]],
        Array<Token>(300).fill([0x32]),
        Array<Token>(300).fill([0x5d]),
        [[0x32], [0x86]],
      ]);
    default:
      return [[random.pick(plain)]];
  }
}

function mutatedPickle(random: Random): Uint8Array {
  const bytes = random.pick(pickles);
  if (random.oneIn(4)) return mutatedBytes(bytes, random, pickles);
  return Uint8Array.from(mutatedTokens(tokensOf(bytes), random, (old) => freshToken(random, old)).flat());
}

/** .pt: a zip archive with a pickle. */
export const pt: FuzzFormat = {
  name: "pt",
  mutate(random) {
    if (random.oneIn(4)) return mutatedArchive(random.pick(archives), random, archives);
    const first = random.oneIn(8) ? sixFloats.subarray(0, random.below(25)) : sixFloats;
    return ptFile(mutatedPickle(random), { storages: { ...storages, 0: first }, deflate: random.oneIn(10) });
  },
};
