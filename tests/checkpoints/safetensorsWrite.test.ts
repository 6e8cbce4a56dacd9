import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  encodeSafetensors,
  type LazyTensor,
  lazyTensors,
  type NamedTensors,
  openSafetensors,
  type SafetensorsDType,
  streamSafetensors,
  writeSafetensors,
} from "../../src/checkpoints/index.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { dtypeNames, elementBits } from "./dtypes.ts";
import { rejection, temporaryDirectory } from "./files.ts";

const header = (file: Uint8Array): string => {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  return new TextDecoder().decode(file.subarray(8, 8 + length));
};

const raw = (dtype: SafetensorsDType, shape: number[], bytes: ArrayLike<number>): LazyTensor => ({
  dtype,
  shape,
  bytes: () => Uint8Array.from(bytes),
});

const collected = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
};

describe("the layout is the reference implementation's", () => {
  test("tensors by descending alignment, then by the bytes of their names; a header of whole eights", () => {
    const one = new Float32Array([1]);
    const file = encodeSafetensors(
      [
        ["z", one],
        ["\u{1f600}", one],
        ["\uffee", one],
        ["10", one],
        ["9", one],
        ["half", raw("BF16", [1], [0, 0])],
        ["flag", raw("BOOL", [1], [1])],
        ["count", BigInt64Array.of(3n)],
        ["double", Float64Array.of(0)],
        ["zz", one],
      ],
      { metadata: { format: "pt" } },
    );
    const text = header(file);
    expect(new TextEncoder().encode(text).length % 8).toBe(0);
    expect(text.startsWith('{"__metadata__":{"format":"pt"},"count":{"dtype":"I64","shape":[1],')).toBe(true);
    expect([...text.matchAll(/"([^"]+)":\{"dtype"/g)].map(([, name]) => name)).toEqual([
      "count",
      "double",
      "10",
      "9",
      "z",
      "zz",
      "\uffee",
      "\u{1f600}",
      "half",
      "flag",
    ]);
  });

  // Files that safetensors 0.8.0 wrote in its own test suite.
  test.each<[string, LazyTensor, object, string]>([
    [
      "attn.0",
      raw("F4", [1, 2], [0]),
      {},
      '\x40{"attn.0":{"dtype":"F4","shape":[1,2],"data_offsets":[0,1]}}    \0',
    ],
    [
      "test1",
      raw("I32", [2, 2], Array(16).fill(0)),
      { framework: "pt" },
      `\x60{"__metadata__":{"framework":"pt"},"test1":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}} ${"\0".repeat(16)}`,
    ],
    [
      "test",
      raw("BF16", [2, 2], [0x10, 0x40, 0x80, 0x3f, 0x80, 0x3f, 0x80, 0x3f]),
      {},
      '\x40{"test":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}    \x10@\x80?\x80?\x80?',
    ],
  ])("%s: the reference's bytes", (name, tensor, metadata, text) => {
    const file = encodeSafetensors([[name, tensor]], { metadata: { ...metadata } });
    expect(Buffer.from(file).toString("latin1")).toBe(`${text[0]}${"\0".repeat(7)}${text.slice(1)}`);
  });

  test("no tensors: an empty object, padded", () => {
    expect(Buffer.from(encodeSafetensors([])).toString("latin1")).toBe("\x08\0\0\0\0\0\0\0{}      ");
  });

  test("a scalar, an empty tensor, names that JSON escapes", async () => {
    const file = encodeSafetensors(
      new Map<string, LazyTensor>([
        ["__proto__", raw("I8", [], [7])],
        ['quote " and \u0001', raw("F32", [3, 0], [])],
        ["", raw("U8", [1], [1])],
      ]),
    );
    const back = await openSafetensors(file);
    expect(new Set(back.names)).toEqual(new Set(["__proto__", 'quote " and \u0001', ""]));
    expect([...(await back.bytes("__proto__"))]).toEqual([7]);
  });
});

const anyFile = fc.uniqueArray(
  fc
    .record({
      name: fc.string({ unit: "grapheme", maxLength: 8 }).filter((name) => name !== "__metadata__"),
      dtype: fc.constantFrom(...dtypeNames),
      shape: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }),
    })
    .map(({ name, dtype, shape }) => {
      // Elements smaller than a byte fill whole bytes in fours.
      const whole = elementBits(dtype) < 8 ? [...shape, 4] : shape;
      return { name, dtype, shape: whole };
    })
    .chain(({ name, dtype, shape }) => {
      const length = (shape.reduce((product, extent) => product * extent, 1) * elementBits(dtype)) / 8;
      return fc
        .uint8Array({ minLength: length, maxLength: length })
        .map((bytes) => ({ name, dtype, shape, bytes }));
    }),
  { selector: ({ name }) => name, maxLength: 8 },
);

describe("round trips, bit for bit", () => {
  test("every dtype and shape, encoded and streamed alike", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyFile,
        fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" })),
        async (tensors, metadata) => {
          const pairs = tensors.map(
            ({ name, dtype, shape, bytes }) => [name, raw(dtype, shape, bytes)] as const,
          );
          const file = encodeSafetensors(pairs, { metadata });
          expect(Buffer.compare(file, await collected(streamSafetensors(pairs, { metadata })))).toBe(0);
          const back = await openSafetensors(file);
          expect(new Set(back.names)).toEqual(new Set(tensors.map(({ name }) => name)));
          expect(back.metadata).toEqual(new Map(Object.entries(metadata)));
          for (const { name, dtype, shape, bytes } of tensors) {
            expect(back.entries.get(name)).toMatchObject({ dtype, shape });
            expect(Buffer.compare(await back.bytes(name), bytes)).toBe(0);
          }
          expect(
            Buffer.compare(file, await collected(streamSafetensors(lazyTensors(back), { metadata }))),
          ).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("of tensors in memory: views, 16-bit floats as bits, int64, bool", async () => {
    const file = encodeSafetensors([
      ["view", new Float32Array([9, 1, 2, 9]).subarray(1, 3)],
      ["bf", { data: Uint16Array.of(0x4010), shape: [1, 1], dtype: "bfloat16" }],
      ["int", { data: BigInt64Array.of(-1n), shape: [] }],
      ["bool", { data: Uint8Array.of(1, 0), dims: [2], type: "bool" }],
    ]);
    const back = await openSafetensors(file);
    expect([...(await back.tensor("view")).data]).toEqual([1, 2]);
    expect(await back.tensor("bf")).toMatchObject({ dtype: "bfloat16", shape: [1, 1] });
    expect([...(await back.tensor("int")).data]).toEqual([-1n]);
    expect(await back.tensor("bool")).toMatchObject({ dtype: "bool" });
  });
});

test("a tensor in memory that workers share is copied, since no file takes a view of it", () => {
  const shared = new Float32Array(new SharedArrayBuffer(4)).fill(1);
  expect([...encodeSafetensors([["a", shared]]).subarray(-4)]).toEqual([0, 0, 0x80, 0x3f]);
});

describe("writeSafetensors", () => {
  test("reads lazy tensors one by one, in the order of the file", async () => {
    const path = join(await temporaryDirectory(), "a.safetensors");
    const reads: string[] = [];
    async function* tensors(): AsyncGenerator<readonly [string, LazyTensor]> {
      for (const name of ["b", "a"]) {
        const bytes = async (): Promise<Uint8Array> => {
          reads.push(name);
          return new Uint8Array(4);
        };
        yield [name, { dtype: "F32", shape: [1], bytes }];
      }
      reads.push("listed");
    }
    await writeSafetensors(path, tensors());
    expect(reads).toEqual(["listed", "a", "b"]);
    expect((await openSafetensors(await readFile(path))).names).toEqual(["a", "b"]);
  });

  test.each<[string, NamedTensors, string]>([
    ["too few bytes", [["a", raw("F32", [2], [0])]], 'tensor "a": expected 8 bytes, got 1'],
    [
      "no bytes",
      [["a", { dtype: "F32", shape: [2], bytes: () => "x" as unknown as Uint8Array }]],
      'tensor "a": expected 8 bytes, got "x"',
    ],
    [
      "a name twice",
      [
        ["a", new Float32Array(1)],
        ["a", new Float32Array(1)],
      ],
      'tensor "a": expected each name once, got it twice',
    ],
    [
      "the format's own name",
      [["__metadata__", new Float32Array(1)]],
      'expected a tensor\'s name, got "__metadata__", which the format keeps for itself',
    ],
    [
      "half a surrogate pair",
      [["\ud800", new Float32Array(1)]],
      'tensor "\\ud800": expected a name that UTF-8 can write, got half of a surrogate pair',
    ],
    [
      "half a byte",
      [["a", raw("F4", [3], [0, 0])]],
      'tensor "a": expected F4 (3,) to fill whole bytes, got 12 bits',
    ],
    [
      "a shape that does not fit",
      [["a", { data: new Float32Array(2), shape: [3] }]],
      'expected tensor "a" of shape (3,) to hold 3 elements, got 2',
    ],
    [
      "a tensor whose shape does not fit",
      [["a", new Tensor("float32", [3], new Float32Array(2))]],
      'tensor "a": expected 12 bytes for F32 (3,), got 8',
    ],
  ])("%s: a RangeError, and the old file stays", async (_, tensors, message) => {
    const directory = await temporaryDirectory();
    const path = join(directory, "a.safetensors");
    await writeFile(path, "old");
    const error = await rejection(writeSafetensors(path, tensors));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe(`writeSafetensors: ${message}`);
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(directory)).toEqual(["a.safetensors"]);
  });

  test.each<[unknown, string]>([
    [3, "expected a Map of tensors or pairs [name, tensor], got 3"],
    [[3], "expected a Map of tensors or pairs [name, tensor], got 3"],
    [[[3, new Float32Array(1)]], "expected a name, got 3"],
    [[["a", 3]], 'expected tensor "a" to be a tensor (an object with data and shape), got 3'],
    [
      [["a", raw("F5" as "F4", [1], [])]],
      'tensor "a": expected a dtype of safetensors such as F32, got "F5"',
    ],
  ])("%j: a TypeError", async (tensors, message) => {
    for (const outcome of [
      rejection(writeSafetensors("/nowhere", tensors as NamedTensors)),
      rejection((async () => encodeSafetensors(tensors as Map<string, LazyTensor>))()),
    ]) {
      const error = await outcome;
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toMatch(/^(write|encode)Safetensors: /);
      expect(error.message).toContain(message);
    }
  });

  test.each<[unknown, string]>([
    ["pt", 'expected metadata to be a Map or an object of strings, got "pt"'],
    [{ step: 5 }, 'expected metadata to hold strings, got "step": 5'],
    [new Map([[5, "step"]]), 'expected metadata to hold strings, got 5: "step"'],
  ])("metadata %j: a TypeError", (metadata, message) => {
    expect(() => encodeSafetensors([], { metadata: metadata as Record<string, string> })).toThrow(
      new TypeError(`encodeSafetensors: ${message}`),
    );
  });

  test("what a lazy tensor throws comes through, and nothing is left behind", async () => {
    const directory = await temporaryDirectory();
    const broken: LazyTensor = { dtype: "U8", shape: [1], bytes: () => Promise.reject(new Error("gone")) };
    const error = await rejection(writeSafetensors(join(directory, "a"), [["a", broken]]));
    expect(error.message).toBe("gone");
    expect(await readdir(directory)).toEqual([]);
    expect(() => encodeSafetensors([["a", broken]])).toThrow(
      'encodeSafetensors: tensor "a": expected bytes at once, got a Promise; use streamSafetensors or writeSafetensors',
    );
  });

  test("a header that no reader takes is refused", () => {
    const tensors = Array.from(
      { length: 2 },
      (_, i) => [`${i}${"x".repeat(5e7)}`, new Uint8Array(0)] as const,
    );
    expect(() => encodeSafetensors(tensors)).toThrow(
      "expected a header of at most 100000000 bytes, got 100000",
    );
  });
});
