import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type PythonLiteral, parsePythonLiteral } from "../../src/checkpoints/pythonLiteral.ts";

const parse = (text: string): PythonLiteral => parsePythonLiteral("t", text, false);
const tuple = (...items: PythonLiteral[]): PythonLiteral => ({ kind: "tuple", items });
const list = (...items: PythonLiteral[]): PythonLiteral => ({ kind: "list", items });

test.each<[string, PythonLiteral]>([
  ["()", tuple()],
  ["( )", tuple()],
  ["(3,)", tuple(3)],
  ["(3)", 3],
  ["((3),)", tuple(3)],
  ["((3,))", tuple(3)],
  ["(2, 3)", tuple(2, 3)],
  ["(2,3,)", tuple(2, 3)],
  ["(2 ,\n 3 , )", tuple(2, 3)],
  ["[]", list()],
  ["[3]", list(3)],
  ["[3,]", list(3)],
  ["[('x', '<i4', (2,))]", list(tuple("x", "<i4", tuple(2)))],
  ["True", true],
  ["False", false],
  ["None", null],
  ["'a'", "a"],
  ['"a\'b"', "a'b"],
  ["''", ""],
  ["u'a'", "a"],
  ['U"a"', "a"],
  ["r'a'", "a"],
  ["'é\u2028'", "é\u2028"],
  ["+3", 3],
  ["-3", -3],
  ["- 3", -3],
  ["-0", 0],
  ["0", 0],
  ["00", 0],
  ["1_000", 1000],
  ["0x1F", 31],
  ["0o17", 15],
  ["0b101", 5],
  [" \t\f\r\n(3,)\n ", tuple(3)],
  ["(3, # three\n)# end", tuple(3)],
  ["# first\n3", 3],
  ["{}", new Map()],
  ["{'a': 1}", new Map([["a", 1]])],
  ["{'a':1,}", new Map([["a", 1]])],
  ["{'a': 1, 'a': 2}", new Map([["a", 2]])],
  ["{'__proto__': 1}", new Map([["__proto__", 1]])],
])("%j", (text, value) => {
  expect(parse(text)).toEqual(value);
});

test.each<[string, string]>([
  ["", "a string, an integer, True, False, None, or a bracket at character 0 of the header, got its end"],
  ["(,)", 'a string, an integer, True, False, None, or a bracket at character 1 of the header, got ",)"'],
  ["(3,,)", "or a bracket at character 3"],
  ["(3", '"," or ")" at character 2 of the header, got its end'],
  ["[3)", '"," or "]" at character 2 of the header, got ")"'],
  ["(1 2)", '"," or ")" at character 3'],
  ["3,", 'nothing more at character 1 of the header, got ","'],
  ["3 3", "nothing more at character 2"],
  ["{'a' 1}", '":" after a key at character 5'],
  ["{'a': 1 'b': 2}", '"," or "}" at character 8'],
  ["{'a': 1,,}", "or a bracket at character 8"],
  ["{1: 2}", 'a string as key at character 1 of the header, got "1: 2}"'],
  ["{'a'", '":" after a key at character 4'],
  ["{'a': 1", '"," or "}" at character 7'],
  ["'a", `"'" to end a string at character 2 of the header, got its end`],
  ["'a\nb'", `"'" to end a string at character 2`],
  ["'a\rb'", `"'" to end a string at character 2`],
  ["'a\\x41'", "a string without backslashes at character 2"],
  ["'''a'''", "nothing more at character 2"],
  ["b'a'", "or a bracket at character 0"],
  ["f'a'", "or a bracket at character 0"],
  ["true", "or a bracket at character 0"],
  ["-True", "or a bracket at character 0"],
  ["+None", "or a bracket at character 0"],
  ["--3", "or a bracket at character 0"],
  ["-'a'", "or a bracket at character 0"],
  ["03", "or a bracket at character 0"],
  ["3.0", "or a bracket at character 0"],
  ["3e1", "or a bracket at character 0"],
  ["3L", "or a bracket at character 0"],
  ["1__0", "or a bracket at character 0"],
  ["_1", "or a bracket at character 0"],
  ["0x", "or a bracket at character 0"],
  ["2+1", "nothing more at character 1"],
  ["(1,)*2", "nothing more at character 4"],
  ["3\0", "nothing more at character 1"],
  ["\v3", "or a bracket at character 0"],
  ["\u00a03", "or a bracket at character 0"],
  ["__import__('os')", "or a bracket at character 0"],
])("refuses %j", (text, message) => {
  expect(() => parse(text)).toThrow(RangeError);
  expect(() => parse(text)).toThrow(message);
});

describe("Python 2", () => {
  test.each([
    ["3L", 3],
    ["(2L, 3L)", tuple(2, 3)],
    ["-0x1L", -1],
    ["3", 3],
  ])("%s", (text, value) => {
    expect(parsePythonLiteral("t", text, true)).toEqual(value);
  });
  test.each(["3l", "3LL", "L", "TrueL"])("refuses %s", (text) => {
    expect(() => parsePythonLiteral("t", text, true)).toThrow(RangeError);
  });
});

test("nesting ends at 200 brackets, without a stack overflow", () => {
  expect(parse(`${"(".repeat(199)}1${")".repeat(199)}`)).toBe(1);
  for (const open of ["(", "[", "{'a':"]) {
    expect(() => parse(open.repeat(100_000))).toThrow("expected at most 200 nested brackets");
  }
});

test("a megabyte of anything takes no quadratic time", () => {
  for (const text of [" ", "9", "'", "#", "(),", "a.", "1,"]) {
    const long = `(${text.repeat(Math.floor(1e6 / text.length))}`;
    const start = performance.now();
    try {
      parse(long);
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      expect((error as Error).message).toMatch(/^t: expected /);
    }
    expect(performance.now() - start).toBeLessThan(5000);
  }
});

test("any text gives a literal or a RangeError", () => {
  const noise = fc.string({ unit: fc.constantFrom(..."(){}[],:'\"#\\ \n+-0123xLuTrueNo_.é\0") });
  fc.assert(
    fc.property(noise, fc.boolean(), (text, longSuffix) => {
      try {
        parsePythonLiteral("t", text, longSuffix);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        expect((error as Error).message).toMatch(/^t: expected /);
      }
    }),
    { numRuns: 500 },
  );
});
