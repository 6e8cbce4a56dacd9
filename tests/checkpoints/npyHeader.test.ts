import { describe, expect, test } from "vitest";
import { parseNpyHeader } from "../../src/checkpoints/npyHeader.ts";

const header = (descr: string, order = "False", shape = "(3,)"): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;
const shapeOf = (shape: string, major = 1): readonly number[] =>
  parseNpyHeader("t", header("'<f4'", "False", shape), major).shape;

test("what numpy writes", () => {
  expect(parseNpyHeader("t", `${header("'>f8'", "True", "(2, 3)")}    \n`, 1)).toEqual({
    descr: ">f8",
    dtype: "float64",
    littleEndian: false,
    shape: [2, 3],
    fortranOrder: true,
  });
});

test("keys in any order, either kind of quote", () => {
  const text = `{"shape": (), "fortran_order": True, 'descr': "|u1"}`;
  expect(parseNpyHeader("t", text, 3)).toMatchObject({ dtype: "uint8", shape: [], fortranOrder: true });
});

test.each([
  ["f2", "float16"],
  ["f4", "float32"],
  ["f8", "float64"],
  ["i1", "int8"],
  ["i2", "int16"],
  ["i4", "int32"],
  ["i8", "int64"],
  ["u1", "uint8"],
  ["u2", "uint16"],
  ["u4", "uint32"],
  ["u8", "uint64"],
  ["b1", "bool"],
  ["?", "bool"],
  ["e", "float16"],
  ["d", "float64"],
  ["q", "int64"],
  ["B", "uint8"],
])("%s is %s with every prefix that numpy takes", (code, dtype) => {
  for (const order of ["<", ">", "=", "|", ""]) {
    const parsed = parseNpyHeader("t", header(`'${order}${code}'`), 1);
    expect(parsed).toMatchObject({ dtype, littleEndian: order !== ">", descr: order + code });
  }
});

test("plain names without a prefix", () => {
  expect(parseNpyHeader("t", header("'float32'"), 1).dtype).toBe("float32");
  for (const descr of ["<float32", "bfloat16", "toString"]) {
    expect(() => parseNpyHeader("t", header(`'${descr}'`), 1)).toThrow(RangeError);
  }
});

test.each(["|O", "O", "<O8", "|O4", "object"])("%s is refused, never unpickled", (descr) => {
  expect(() => parseNpyHeader("t", header(`'${descr}'`), 1)).toThrow(
    `t: expected numbers, got an object array (descr "${descr}"); objects are pickled, and nothing is ever unpickled`,
  );
});

test.each([
  "<c8",
  ">c16",
  "<U5",
  "|S3",
  "<M8[ns]",
  "m8",
  "|V2",
  "f16",
  "i3",
  "",
  "<",
  "!f4",
  "<<f4",
  "f4 ",
  "F4",
  "l",
])("descr %j is refused", (descr) => {
  expect(() => parseNpyHeader("t", header(`'${descr}'`), 1)).toThrow(
    `t: expected descr to be one of f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8, b1 after <, >, =, | or nothing, ` +
      `got ${JSON.stringify(descr)}; complex numbers, strings and structures cannot be read`,
  );
});

test.each([
  ["[('x', '<i4')]", "a list"],
  ["('<f4', (2,))", "a tuple"],
  ["None", "None"],
  ["4", "the integer 4"],
  ["{}", "a dict"],
])("descr %s is structured or worse", (descr, word) => {
  expect(() => parseNpyHeader("t", header(descr), 1)).toThrow(
    `t: expected descr to name one element type such as '<f4', got ${word}; structured arrays cannot be read`,
  );
});

describe("shape", () => {
  test.each<[string, number[]]>([
    ["()", []],
    ["(3,)", [3]],
    ["(2, 3)", [2, 3]],
    ["(2,3,)", [2, 3]],
    ["(0,)", [0]],
    ["(9007199254740991, 0)", [9007199254740991, 0]],
    ["((3),)", [3]],
  ])("%s", (text, shape) => {
    expect(shapeOf(text)).toEqual(shape);
  });

  test("Python 2 integers, in versions 1 and 2 only", () => {
    expect(shapeOf("(3L,)", 1)).toEqual([3]);
    expect(shapeOf("(2L, 3L)", 2)).toEqual([2, 3]);
    expect(() => shapeOf("(3L,)", 3)).toThrow(RangeError);
  });

  test.each([
    ["(4)", "expected shape to be a tuple such as (), (3,) or (2, 3), got the integer 4"],
    ["[4]", "expected shape to be a tuple such as (), (3,) or (2, 3), got a list"],
    ["'4'", 'expected shape to be a tuple such as (), (3,) or (2, 3), got the string "4"'],
    ["None", "got None"],
    ["{}", "got a dict"],
    ["(-1,)", "expected shape to hold integers from 0 to 2^53 - 1, got a tuple with the integer -1"],
    ["(0, -1)", "got a tuple with the integer -1"],
    ["(9007199254740992, 0)", "got a tuple with the integer 9007199254740992"],
    [`(${"9".repeat(400)},)`, "got a tuple with the integer Infinity"],
    ["(True,)", "got a tuple with True"],
    ["(None,)", "got a tuple with None"],
    ["('3',)", 'got a tuple with the string "3"'],
    ["((3,), 4)", "got a tuple with a tuple"],
    ["(4294967296, 4294967296)", "shape (4294967296, 4294967296) has too many elements"],
  ])("%s is refused", (text, message) => {
    expect(() => shapeOf(text)).toThrow(RangeError);
    expect(() => shapeOf(text)).toThrow(message);
  });
});

test.each([
  ["0", "the integer 0"],
  ["None", "None"],
  ["'False'", 'the string "False"'],
])("fortran_order %s is refused", (order, word) => {
  expect(() => parseNpyHeader("t", header("'<f4'", order), 1)).toThrow(
    `t: expected fortran_order to be True or False, got ${word}`,
  );
});

test.each([
  ["{}", "got none"],
  ["{'descr': '<f4', 'shape': (3,)}", "got descr, shape"],
  [`{'x': 1, ${header("'<f4'").slice(1)}`, "got descr, fortran_order, shape, x"],
  ["{'descr': '<f4', 'fortran_order': False, 'shape ': (3,)}", "got descr, fortran_order, shape "],
])("keys of %s", (text, found) => {
  expect(() => parseNpyHeader("t", text, 1)).toThrow(
    `t: expected the keys descr, fortran_order, shape, ${found}`,
  );
});

test.each([
  ["[]", "a list"],
  ["()", "a tuple"],
  ["'<f4'", 'the string "<f4"'],
  ["False", "False"],
])("%s is no dict", (text, word) => {
  expect(() => parseNpyHeader("t", text, 1)).toThrow(`t: expected the header to be a dict, got ${word}`);
});
