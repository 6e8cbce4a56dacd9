import { expect, test } from "vitest";
import { openSafetensors, readSafetensors } from "../../src/checkpoints/index.ts";
import { rejection, safetensorsFile } from "./files.ts";

const f32 = (shape: unknown, begin: unknown, end: unknown): object => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});
const zeros = (length: number): number[] => Array<number>(length).fill(0);

test("bytes that are not UTF-8", async () => {
  const file = safetensorsFile('{"x":1}');
  file[10] = 0xff;
  const error = await rejection(openSafetensors(file));
  expect(error.message).toMatch("expected the header to be a JSON object in UTF-8, got ");
  expect(error.cause).toBeInstanceOf(TypeError);
});

test.each<[unknown, string]>([
  [null, "expected an object with dtype, shape and data_offsets, got null"],
  [["F32", [0], [0, 0]], "expected an object with dtype, shape and data_offsets, got an array"],
  ["F32", 'expected an object with dtype, shape and data_offsets, got "F32"'],
  [{ shape: [0], data_offsets: [0, 0] }, "expected a dtype among BOOL, F4, F6_E2M3, F6_E3M2, U8, I8,"],
  [{ ...f32([0], 0, 0), dtype: "f32" }, 'got "f32"'],
  [{ ...f32([0], 0, 0), dtype: "toString" }, 'got "toString"'],
  [{ ...f32([0], 0, 0), dtype: 4 }, "got 4"],
  [{ dtype: "F32", data_offsets: [0, 0] }, "expected a shape of integers from 0 to 2^53 - 1, got none"],
  [f32(0, 0, 0), "expected a shape of integers from 0 to 2^53 - 1, got 0"],
  [f32([1.5], 0, 6), "expected a shape of integers from 0 to 2^53 - 1, got an array [1.5]"],
  [f32([-1], 0, 0), "got an array [-1]"],
  [f32(["1"], 0, 4), "expected a shape"],
  [f32([0, 2 ** 53], 0, 0), "got an array [0, 9007199254740992]"],
  [
    { dtype: "F32", shape: [0] },
    "expected data_offsets [begin, end] of integers from 0 to 2^53 - 1, got none",
  ],
  [
    f32([0], 0, 0.5),
    "expected data_offsets [begin, end] of integers from 0 to 2^53 - 1, got an array [0, 0.5]",
  ],
  [f32([0], -4, 0), "got an array [-4, 0]"],
  [{ ...f32([0], 0, 0), data_offsets: [0] }, "got an array [0]"],
  [{ ...f32([0], 0, 0), data_offsets: [0, 0, 0] }, "got an array [0, 0, 0]"],
  [f32([0], 4, 0), "expected data_offsets with begin <= end, got [4, 0]"],
  [f32([2, 2], 0, 4), "expected 16 bytes for F32 (2, 2), got data_offsets [0, 4], 4 bytes"],
  [f32([], 0, 0), "expected 4 bytes for F32 (), got data_offsets [0, 0], 0 bytes"],
  [
    f32([2 ** 32, 2 ** 32], 0, 0),
    "expected a size that 64 bits can count, got shape (4294967296, 4294967296)",
  ],
  [f32([2 ** 32, 2 ** 32, 0], 0, 0), "expected a size that 64 bits can count"],
  [f32([2 ** 52, 2 ** 6], 0, 0), "expected 1152921504606846976 bytes for F32"],
  [{ dtype: "F4", shape: [3], data_offsets: [0, 2] }, "expected F4 (3,) to fill whole bytes, got 12 bits"],
])("tensor %j", async (entry, message) => {
  const error = await rejection(readSafetensors(safetensorsFile({ a: entry }, zeros(4))));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toMatch(/^readSafetensors: bytes: tensor "a": expected /);
  expect(error.message).toContain(message);
});

test("minus zero and half a surrogate pair, which JSON.parse lets through", async () => {
  const minus = '{"a":{"dtype":"F32","shape":[0],"data_offsets":[-0,0]}}';
  expect((await rejection(openSafetensors(safetensorsFile(minus)))).message).toContain(
    "expected data_offsets",
  );
  const half = '{"\\ud800":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}';
  expect((await rejection(openSafetensors(safetensorsFile(half)))).message).toContain(
    "half of a surrogate pair",
  );
});

test.each<[string, object, string]>([
  ["a gap at the start", { a: f32([1], 4, 8) }, 'tensor "a": expected its data to begin at 0,'],
  [
    "a gap",
    { a: f32([1], 0, 4), b: f32([0], 8, 8) },
    "to begin at 4, where the tensor before it ends, got 8: a gap",
  ],
  [
    "an overlap",
    { a: f32([2], 0, 8), b: f32([1], 4, 8) },
    "to begin at 8, where the tensor before it ends, got 4",
  ],
  [
    "the same bytes twice",
    { a: f32([2], 0, 8), b: f32([2], 0, 8) },
    'tensor "b": expected its data to begin at 8',
  ],
  ["an empty tensor inside", { a: f32([2], 0, 8), b: f32([0], 4, 4) }, "got 4: an overlap"],
])("%s", async (_, header, message) => {
  const error = await rejection(openSafetensors(safetensorsFile(header, zeros(8))));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toContain(message);
});

test.each<[unknown, string]>([
  [null, "expected __metadata__ to be an object of strings, got null"],
  [[], "expected __metadata__ to be an object of strings, got an array []"],
  [{ step: 5 }, 'expected __metadata__ "step" to be a string, got 5'],
])("__metadata__ %j", async (metadata, message) => {
  const error = await rejection(openSafetensors(safetensorsFile({ __metadata__: metadata })));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toContain(message);
});

test("messages repeat a little of what the file says", async () => {
  const deep = "[".repeat(5000) + "]".repeat(5000);
  const long = JSON.stringify("x".repeat(1e5));
  const entries = [
    `{"dtype":${long}}`,
    `{"dtype":${deep}}`,
    `{"dtype":"F32","shape":${deep}}`,
    `{"dtype":"F32","shape":[${long}]}`,
    long,
    deep,
  ];
  for (const entry of entries) {
    for (const header of [`{${long}:${entry}}`, `{"__metadata__":{${long}:[${entry}]}}`]) {
      const error = await rejection(openSafetensors(safetensorsFile(header)));
      expect(error.message).toMatch(/^openSafetensors: bytes: .{20,500}$/);
    }
  }
});

test("a header that takes far more memory than the file is refused before it is parsed", async () => {
  const error = await rejection(openSafetensors(safetensorsFile(`{"a":[${"[],".repeat(400_000)}[]]}`)));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toBe(
    "openSafetensors: bytes: expected a header that takes at most 52731668 bytes of memory, in proportion to the file, " +
      "got one of 1200010 bytes that takes about 61600588",
  );
  const notes = safetensorsFile({ __metadata__: { note: '[{"\\,:é'.repeat(300_000) } });
  expect((await openSafetensors(notes)).metadata.size).toBe(1);
});
