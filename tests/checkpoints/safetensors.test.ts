import { open } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openSafetensors, readSafetensors } from "../../src/checkpoints/index.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { countingSource, rejection, safetensorsFile, temporaryDirectory } from "./files.ts";

const f32 = (shape: unknown, begin: unknown, end: unknown): object => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});
const zeros = (length: number): number[] => Array<number>(length).fill(0);

test("tensors in the order of their bytes, metadata apart", async () => {
  const header = { b: f32([1], 4, 8), __metadata__: { format: "pt" }, a: f32([1], 0, 4), z: f32([0], 0, 0) };
  const file = await openSafetensors(safetensorsFile(header, [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]));
  expect(file.names).toEqual(["z", "a", "b"]);
  expect([...file.entries.keys()]).toEqual(file.names);
  expect(file.entries.get("b")).toEqual({ dtype: "F32", shape: [1], begin: 4, end: 8 });
  expect([...file.metadata]).toEqual([["format", "pt"]]);
  expect([...(await file.tensor("a")).data]).toEqual([1]);
  expect([...(await file.tensor("b")).data]).toEqual([2]);
  expect([...(await file.bytes("b"))]).toEqual([0, 0, 0, 0x40]);
  await file.close();
});

test("only the length and the header are read until a tensor is asked for", async () => {
  const bytes = safetensorsFile({ a: f32([2], 0, 8), b: f32([1], 8, 12) }, zeros(12));
  const headerLength = bytes.length - 20;
  const source = countingSource(bytes);
  const file = await openSafetensors(source);
  expect(source.reads).toEqual([
    [0, 8],
    [8, headerLength],
  ]);
  await file.tensor("b");
  expect(source.reads.slice(2)).toEqual([[8 + headerLength + 8, 4]]);
  await file.close();
  expect(source.closed).toBe(1);
});

test("a sparse file of 40 GB lists at once", async () => {
  const path = join(await temporaryDirectory(), "huge.safetensors");
  const start = safetensorsFile({ big: f32([1e10], 0, 40e9), small: f32([1], 40e9, 40e9 + 4) });
  const handle = await open(path, "w");
  await handle.write(start);
  await handle.truncate(start.length + 40e9 + 4);
  await handle.close();
  const file = await openSafetensors(path);
  expect(file.names).toEqual(["big", "small"]);
  expect([...(await file.tensor("small")).data]).toEqual([0]);
  await file.close();
});

test.each([
  ["BOOL", "bool", Uint8Array.of(1, 0)],
  ["U8", "uint8", Uint8Array.of(1, 255)],
  ["I8", "int8", Int8Array.of(1, -1)],
  ["I16", "int16", Int16Array.of(1, -2)],
  ["U16", "uint16", Uint16Array.of(1, 65535)],
  ["F16", "float16", Uint16Array.of(0x3c00, 0xfc00)],
  ["BF16", "bfloat16", Uint16Array.of(0x3f80, 0x4010)],
  ["I32", "int32", Int32Array.of(1, -2)],
  ["U32", "uint32", Uint32Array.of(1, 2 ** 32 - 1)],
  ["F32", "float32", Float32Array.of(1.5, Number.NaN)],
  ["F64", "float64", Float64Array.of(1.5, -0)],
  ["I64", "int64", BigInt64Array.of(2n ** 63n - 1n, -1n)],
  ["U64", "uint64", BigUint64Array.of(2n ** 64n - 1n, 0n)],
])("%s is %s at every alignment", async (dtype, held, data) => {
  const raw = new Uint8Array(data.buffer);
  for (let shift = 0; shift < 8; shift++) {
    const header = {
      pad: { dtype: "U8", shape: [shift], data_offsets: [0, shift] },
      x: { dtype, shape: [2, 1], data_offsets: [shift, shift + raw.length] },
    };
    const bytes = safetensorsFile(header, [...zeros(shift), ...raw]);
    for (const source of [bytes, countingSource(bytes)]) {
      const x = (await readSafetensors(source)).get("x");
      expect(x).toEqual(new Tensor(held as "float32", [2, 1], data as Float32Array));
    }
  }
});

test.each([
  ["C64", [1], 8],
  ["F8_E4M3", [3], 3],
  ["F8_E5M2", [3], 3],
  ["F8_E8M0", [3], 3],
  ["F8_E4M3FNUZ", [3], 3],
  ["F8_E5M2FNUZ", [3], 3],
  ["F4", [1, 2], 1],
  ["F6_E2M3", [4], 3],
  ["F6_E3M2", [4], 3],
])("%s is listed and read as bytes, but is no tensor", async (dtype, shape, length) => {
  const bytes = safetensorsFile({ q: { dtype, shape, data_offsets: [0, length] } }, zeros(length));
  const file = await openSafetensors(bytes);
  expect(file.entries.get("q")).toEqual({ dtype, shape, begin: 0, end: length });
  expect((await file.bytes("q")).length).toBe(length);
  const error = await rejection(file.tensor("q"));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toBe(
    `openSafetensors: bytes: tensor "q": expected a dtype that a tensor can hold, got ${dtype}; ` +
      "read its raw bytes with openSafetensors(...) and bytes(name)",
  );
  expect(await rejection(readSafetensors(bytes))).toBeInstanceOf(RangeError);
});

test("a tensor may have any name", async () => {
  const names = ["__proto__", "constructor", "toString", "", "0", "é😀", "a.b c"];
  const header = `{${names.map((name) => `${JSON.stringify(name)}:{"dtype":"U8","shape":[],"data_offsets":[0,1]}`)}}`;
  let begin = 0;
  const tiled = header.replaceAll("[0,1]", () => `[${begin},${++begin}]`);
  const tensors = await readSafetensors(
    safetensorsFile(
      tiled,
      names.map((_, index) => index),
    ),
  );
  expect([...tensors].map(([name, { shape, data }]) => [name, shape, ...data])).toEqual(
    names.map((name, index) => [name, [], index]),
  );
});

test("the metadata may have any key", async () => {
  const file = await openSafetensors(safetensorsFile('{"__metadata__":{"__proto__":"x","":""}}'));
  expect([...file.metadata]).toEqual([
    ["__proto__", "x"],
    ["", ""],
  ]);
  expect(file.names).toEqual([]);
});

test("trailing spaces, further keys of a tensor, no tensors, empty tensors", async () => {
  expect((await openSafetensors(safetensorsFile("{}      "))).names).toEqual([]);
  const more = safetensorsFile({ a: { ...f32([], 0, 4), extra: 1 }, e: f32([2, 0], 4, 4) }, zeros(4));
  const tensors = await readSafetensors(more);
  expect(tensors.get("a")?.shape).toEqual([]);
  expect(tensors.get("e")).toMatchObject({ shape: [2, 0], size: 0 });
});

test("an unknown name is a RangeError that lists the names", async () => {
  const file = await openSafetensors(safetensorsFile({ a: f32([0], 0, 0) }));
  for (const read of [file.tensor, file.bytes]) {
    const error = await rejection(read("toString"));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe(
      'openSafetensors: bytes: expected the name of a tensor, an array [a], got "toString"',
    );
  }
});

/** A file whose length field says `length`. */
function withLength(length: bigint, rest = "{}"): Uint8Array {
  const file = safetensorsFile(rest);
  new DataView(file.buffer).setBigUint64(0, length, true);
  return file;
}

describe("malformed", () => {
  test.each<[string, Uint8Array, string]>([
    ["empty file", new Uint8Array(), "expected 8 bytes of header length, got a file of 0 bytes: truncated"],
    ["7 bytes", new Uint8Array(7), "expected 8 bytes of header length, got a file of 7 bytes: truncated"],
    ["length 0", withLength(0n), "expected a header of 1 to 100000000 bytes, got 0"],
    [
      "length above 100 MB",
      withLength(100_000_001n),
      "expected a header of 1 to 100000000 bytes, got 100000001",
    ],
    ["length of 64 bits", withLength(2n ** 64n - 1n), "got 18446744073709551615"],
    ["length at the limit", withLength(100_000_000n), "got a file with 2 after the length: truncated"],
    [
      "length beyond the file",
      withLength(3n),
      "expected a header of 3 bytes, got a file with 2 after the length",
    ],
    ["a list", safetensorsFile("[]"), "expected the header to begin with {, got byte 91"],
    ["a space first", safetensorsFile(" {}"), "expected the header to begin with {, got byte 32"],
    ["a byte order mark", safetensorsFile("\ufeff{}"), "expected the header to begin with {, got byte 239"],
    ["no JSON", safetensorsFile("{a}"), "expected the header to be a JSON object in UTF-8, got "],
    ["NUL padding", safetensorsFile("{}\0"), "expected the header to be a JSON object in UTF-8, got "],
    ["two objects", safetensorsFile("{}{}"), "expected the header to be a JSON object in UTF-8, got "],
    [
      "trailing data",
      safetensorsFile("{}", [1]),
      "expected 0 bytes of data after the header, got 1: bytes that no",
    ],
    [
      "truncated data",
      safetensorsFile({ a: f32([2], 0, 8) }, zeros(7)),
      "expected 8 bytes of data after the header, got 7: truncated",
    ],
  ])("%s", async (_, file, message) => {
    const error = await rejection(openSafetensors(file));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(/^openSafetensors: bytes: expected /);
    expect(error.message).toContain(message);
  });

  test("the source is closed", async () => {
    const bad = countingSource(safetensorsFile("[]"));
    await rejection(openSafetensors(bad));
    expect(bad.closed).toBe(1);
    const good = countingSource(safetensorsFile("{}"));
    await readSafetensors(good);
    expect(good.closed).toBe(1);
  });
});

test("every truncation is a RangeError, every other change a RangeError or tensors", async () => {
  const header = { a: f32([2], 0, 8), b: { dtype: "I64", shape: [], data_offsets: [8, 16] } };
  const whole = safetensorsFile(header, zeros(16));
  for (let length = 0; length < whole.length; length++) {
    expect(await rejection(readSafetensors(whole.slice(0, length)))).toBeInstanceOf(RangeError);
  }
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), async (at, byte) => {
      const changed = whole.slice();
      changed[at] = byte;
      try {
        expect(await readSafetensors(changed)).toBeInstanceOf(Map);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
    { numRuns: 500 },
  );
});
