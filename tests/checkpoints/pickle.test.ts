import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { unpickle } from "../../src/checkpoints/pickle.ts";
import type { PtValue } from "../../src/checkpoints/ptValue.ts";
import {
  dict,
  get,
  global,
  int,
  list,
  long,
  none,
  type Piece,
  pickle,
  put,
  reduce,
  text,
  tuple,
} from "./ptFile.ts";

const host = {
  global: (name: string): PtValue => ({ kind: "function", name, call: (_who, args) => args[0] ?? null }),
  persistent: (id: PtValue): PtValue => id,
  largestMemory: 1e6,
};

function read(bytes: readonly number[]): PtValue {
  return unpickle("p", Uint8Array.from(bytes), host);
}

function loaded(piece: Piece, protocol = 2): PtValue {
  return unpickle("p", pickle(piece, protocol), host);
}

const of = (kind: string, ...items: unknown[]): object => ({ kind, items });
const little = (value: number, width: number): number[] =>
  Array.from({ length: width }, (_, index) => Math.floor(value / 256 ** index) % 256);

describe("values", () => {
  test.each<[string, Piece, unknown]>([
    ["None", [0x4e], null],
    ["True", [0x88], true],
    ["False", [0x89], false],
    ["BININT1", [0x4b, 200], 200],
    ["BININT2", [0x4d, 1, 2], 513],
    ["BININT", int(-5), -5],
    ["BINFLOAT", [0x47, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], 1.5],
    ["LONG1 of no bytes", [0x8a, 0], 0],
    ["LONG4", [0x8b, 2, 0, 0, 0, 0xff, 0xff], -1],
    ["SHORT_BINUNICODE", [0x8c, 2, 0xc3, 0xa9], "é"],
    ["BINUNICODE", text("a😀"), "a😀"],
    ["BINUNICODE8", [0x8d, ...little(1, 8), 97], "a"],
    ["SHORT_BINSTRING", [0x55, 1, 97], "a"],
    ["BINSTRING", [0x54, 1, 0, 0, 0, 97], "a"],
    ["SHORT_BINBYTES", [0x43, 1, 255], Uint8Array.of(255)],
    ["BINBYTES", [0x42, 1, 0, 0, 0, 255], Uint8Array.of(255)],
    ["BINBYTES8", [0x8e, ...little(1, 8), 255], Uint8Array.of(255)],
    ["BYTEARRAY8", [0x96, ...little(1, 8), 255], Uint8Array.of(255)],
    ["EMPTY_TUPLE", [0x29], of("tuple")],
    ["TUPLE1", [...int(1), 0x85], of("tuple", 1)],
    ["TUPLE2", [...int(1), ...int(2), 0x86], of("tuple", 1, 2)],
    ["TUPLE3", [...int(1), ...int(2), ...int(3), 0x87], of("tuple", 1, 2, 3)],
    ["TUPLE", tuple(int(1), none), of("tuple", 1, null)],
    ["APPEND", [0x5d, ...int(1), 0x61], of("list", 1)],
    ["APPENDS", list(int(1), int(2)), of("list", 1, 2)],
    ["a set", [0x8f, 0x28, ...int(1), 0x90], of("set", 1)],
    ["FROZENSET", [0x28, ...int(1), 0x91], of("set", 1)],
    ["SETITEM", [0x7d, ...int(1), ...int(2), 0x73], { kind: "dict", entries: new Map([[1, 2]]) }],
    ["SETITEMS", dict([text("__proto__"), int(2)]), { kind: "dict", entries: new Map([["__proto__", 2]]) }],
    ["POP", [...int(1), ...int(2), 0x30], 1],
    ["POP of a mark", [...int(1), 0x28, 0x30], 1],
    ["POP_MARK", [...int(1), 0x28, ...int(2), 0x31], 1],
    ["DUP", [...int(1), 0x32, 0x86], of("tuple", 1, 1)],
    ["BINPUT and BINGET", [...int(1), 0x71, 7, 0x68, 7, 0x86], of("tuple", 1, 1)],
    ["LONG_BINPUT and LONG_BINGET", [...put(300, int(1)), ...get(300), 0x86], of("tuple", 1, 1)],
    ["MEMOIZE", [...int(1), 0x94, 0x68, 0, 0x86], of("tuple", 1, 1)],
    ["BINPERSID", [...text("x"), 0x51], "x"],
    ["REDUCE", reduce(global("a.b", "c"), int(3)), 3],
    ["NEWOBJ", [...global("a", "b"), ...tuple(int(3)), 0x81], 3],
    ["STACK_GLOBAL", [...text("a"), ...text("b"), 0x93, ...tuple(int(3)), 0x52], 3],
    [
      "attributes of a dict, passed over",
      [...dict([none, none]), ...dict(), 0x62],
      { kind: "dict", entries: new Map([[null, null]]) },
    ],
    ["FRAME", [0x95, ...little(2, 8), 0x4b, 7], 7],
  ])("%s", (_name, piece, value) => {
    expect(loaded(piece)).toEqual(value);
  });

  test("integers of any size", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 600n), max: 2n ** 600n }), (value) => {
        const safe = Number.isSafeInteger(Number(value));
        expect(loaded(long(value))).toBe(safe ? Number(value) : value);
      }),
    );
  });

  test("what follows STOP is ignored", () => expect(read([0x80, 2, 0x4b, 7, 0x2e, 0xff, 0xff])).toBe(7));
});

describe("errors name what was expected, where, and what came", () => {
  test.each<[string, readonly number[], string]>([
    ["nothing", [], "expected 1 more bytes at byte 0 of the pickle, got 0: truncated"],
    ["no STOP", [0x80, 2, 0x4e], "expected 1 more bytes at byte 3 of the pickle, got 0: truncated"],
    [
      "an unknown opcode",
      [0x80, 2, 0xff],
      "expected an opcode of a pickle of tensors (protocol 2 to 5) at byte 2 of the pickle, got 0xff",
    ],
    ["protocol 6", [0x80, 6], "expected a pickle of protocol 2 to 5 at byte 0 of the pickle, got protocol 6"],
    [
      "a frame beyond the end",
      [0x95, ...little(9, 8), 0x2e],
      "expected 9 more bytes at byte 9 of the pickle, got 1: truncated",
    ],
    [
      "a length of 2^63",
      [0x8d, ...little(0, 7), 0x80, 1],
      "expected 9223372036854775808 more bytes at byte 9 of the pickle, got 1: truncated",
    ],
    [
      "a text beyond the end",
      [0x58, 255, 255, 255, 255, 97],
      "expected 4294967295 more bytes at byte 5 of the pickle, got 1: truncated",
    ],
    [
      "a text that is not UTF-8",
      [0x8c, 1, 0xff, 0x2e],
      "expected UTF-8 at byte 2 of the pickle, got other bytes",
    ],
    ["a name without its end", [0x63, 97], "expected a line at byte 1 of the pickle, got its end: truncated"],
    [
      "an integer of 256 bytes",
      [0x8b, 0, 1, 0, 0],
      "expected an integer of at most 255 bytes at byte 0 of the pickle, got 256",
    ],
    ["an empty stack", [0x2e], "expected 1 value on the stack at byte 0 of the pickle, got 0"],
    [
      "a pair below a mark",
      [0x4e, 0x28, 0x4e, 0x86],
      "expected 2 values on the stack at byte 3 of the pickle, got 1",
    ],
    ["no mark", [0x4e, 0x74], "expected a mark on the stack at byte 1 of the pickle, got none"],
    [
      "an unknown memo",
      [0x68, 3],
      "expected a value that was memoized at byte 0 of the pickle, got memo index 3",
    ],
    [
      "appending to a tuple",
      [0x29, 0x4e, 0x61],
      "expected a list to add to at byte 2 of the pickle, got a tuple",
    ],
    ["adding to a list", [0x5d, 0x28, 0x90], "expected a set to add to at byte 2 of the pickle, got a list"],
    [
      "an item of a number",
      [0x4b, 1, 0x4e, 0x4e, 0x73],
      "expected a dict to set an item of at byte 4 of the pickle, got the number 1",
    ],
    [
      "half a pair",
      [0x7d, 0x28, 0x4e, 0x75],
      "expected pairs of a key and a value at byte 3 of the pickle, got 1 values",
    ],
    [
      "calling a text",
      [0x8c, 1, 97, 0x29, 0x52],
      'expected a function to call at byte 4 of the pickle, got the string "a"',
    ],
    [
      "calling with a list",
      [...global("a", "b"), 0x5d, 0x52],
      "expected a tuple of arguments at byte 6 of the pickle, got a list",
    ],
    [
      "attributes of a list",
      [0x5d, 0x4e, 0x62],
      "expected an OrderedDict to give attributes to at byte 2 of the pickle, got a list",
    ],
    [
      "a module that is no text",
      [0x4e, 0x8c, 1, 97, 0x93],
      'expected a module and a name at byte 4 of the pickle, got None and the string "a"',
    ],
  ])("%s", (_name, bytes, message) => {
    expect(() => read(bytes)).toThrow(new RangeError(`p: ${message}`));
  });
});

describe("pickles that blow up are refused", () => {
  const tooMuch =
    /^p: expected values that take at most 1000000 bytes of memory, in proportion to the file at byte \d+ of the pickle, got more of them$/;

  test.each<[string, readonly number[]]>([
    ["empty lists", Array(50_000).fill(0x5d)],
    ["empty dicts", Array(50_000).fill(0x7d)],
    ["duplicates", [0x4e, ...Array(150_000).fill(0x32)]],
    ["marks", Array(150_000).fill(0x28)],
    ["memo entries", [0x4e, ...Array(50_000).fill(0x94)]],
    [
      "copies of a long text",
      [
        ...put(0, text("a".repeat(100_000))),
        0x71,
        1,
        ...Array(10)
          .fill([...global("a", "b"), ...get(0), 0x85, 0x52])
          .flat(),
      ],
    ],
    [
      "copies of a long list",
      [
        ...put(0, list(...Array<Piece>(5_000).fill(none))),
        ...Array(10)
          .fill([...global("a", "b"), ...get(0), 0x85, 0x52])
          .flat(),
      ],
    ],
  ])("%s", (_name, bytes) => {
    expect(() => read(bytes)).toThrow(tooMuch);
  });
});
