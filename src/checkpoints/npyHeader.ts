import { type DType, isDType } from "../tensor/dtype.ts";
import { checkShape } from "../tensor/shape.ts";
import { type PythonLiteral, type PythonSequence, parsePythonLiteral } from "./pythonLiteral.ts";

/** The first bytes of every npy file: 0x93, then NUMPY. */
export const npyMagic: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** What the header of an npy file says of its array. */
export interface NpyHeader {
  /** numpy's name of the element type, as written in the file: `<f4`. */
  readonly descr: string;
  readonly dtype: DType;
  /** Byte order of the elements. */
  readonly littleEndian: boolean;
  readonly shape: readonly number[];
  /** Whether the first axis, not the last, is the one that is contiguous. */
  readonly fortranOrder: boolean;
}

const dtypeOfCode = new Map<string, DType>([
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
  // One-letter codes; l and L are missing, their size depends on the platform.
  ["e", "float16"],
  ["f", "float32"],
  ["d", "float64"],
  ["b", "int8"],
  ["h", "int16"],
  ["i", "int32"],
  ["q", "int64"],
  ["B", "uint8"],
  ["H", "uint16"],
  ["I", "uint32"],
  ["Q", "uint64"],
  ["?", "bool"],
]);

const keys = ["descr", "fortran_order", "shape"];

/**
 * Reads and checks the dict in the header of an npy file: exactly `descr`, `fortran_order` and `shape`.
 *
 * The rules are those of `numpy.lib.format` (NEP 1) and of its `_read_array_header`.
 *
 * @param who start of every message
 * @param major major version of the file; 1 and 2 may hold Python 2 integers such as `3L`
 * @throws RangeError if the dict is malformed or describes elements that no tensor holds
 * @example
 * parseNpyHeader("mine", "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 1).dtype; // "float32"
 */
export function parseNpyHeader(who: string, text: string, major: number): NpyHeader {
  const dict = parsePythonLiteral(who, text, major < 3);
  if (!isDict(dict)) throw new RangeError(`${who}: expected the header to be a dict, got ${wordFor(dict)}`);
  const found = [...dict.keys()].sort();
  if (found.join() !== keys.join()) {
    throw new RangeError(`${who}: expected the keys ${keys.join(", ")}, got ${found.join(", ") || "none"}`);
  }
  const [descr, fortranOrder, shape] = keys.map((key) => dict.get(key) as PythonLiteral);
  if (typeof fortranOrder !== "boolean") {
    throw new RangeError(`${who}: expected fortran_order to be True or False, got ${wordFor(fortranOrder)}`);
  }
  return { ...parseDescr(who, descr), shape: parseShape(who, shape), fortranOrder };
}

function parseShape(who: string, shape: PythonLiteral): readonly number[] {
  if (!isTuple(shape)) {
    throw new RangeError(
      `${who}: expected shape to be a tuple such as (), (3,) or (2, 3), got ${wordFor(shape)}`,
    );
  }
  for (const extent of shape.items) {
    if (!Number.isSafeInteger(extent) || (extent as number) < 0) {
      throw new RangeError(
        `${who}: expected shape to hold integers from 0 to 2^53 - 1, got a tuple with ${wordFor(extent)}`,
      );
    }
  }
  checkShape(who, shape.items);
  return shape.items;
}

/**
 * Reads numpy's name of an element type, `<f4`.
 *
 * @throws RangeError if it names none that a tensor holds
 */
export function parseDescr(
  who: string,
  descr: PythonLiteral,
): Pick<NpyHeader, "descr" | "dtype" | "littleEndian"> {
  if (typeof descr !== "string") {
    throw new RangeError(
      `${who}: expected descr to name one element type such as '<f4', got ${wordFor(descr)}; ` +
        "structured arrays cannot be read, save each field on its own",
    );
  }
  const order = /^[<>=|]/.test(descr) ? descr[0] : "";
  const code = descr.slice(order.length);
  const dtype = dtypeOfCode.get(code) ?? dtypeNamed(descr);
  if (dtype !== undefined) return { descr, dtype, littleEndian: order !== ">" };
  if (/^(O\d*|object)$/.test(code)) {
    throw new RangeError(
      `${who}: expected numbers, got an object array (descr ${JSON.stringify(descr)}); ` +
        "objects are pickled, and nothing is ever unpickled here: save with allow_pickle=False",
    );
  }
  throw new RangeError(
    `${who}: expected descr to be one of f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8, b1 after <, >, =, | or nothing, ` +
      `got ${JSON.stringify(descr)}; complex numbers, strings and structures cannot be read`,
  );
}

/** numpy also takes the plain names, `float32`; it has no bfloat16. */
function dtypeNamed(descr: string): DType | undefined {
  return isDType(descr) && descr !== "bfloat16" ? descr : undefined;
}

function isDict(value: PythonLiteral): value is ReadonlyMap<string, PythonLiteral> {
  return value instanceof Map;
}

function isTuple(value: PythonLiteral): value is PythonSequence {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "tuple";
}

function wordFor(value: PythonLiteral): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return `the integer ${value}`;
  if (typeof value === "string") return `the string ${JSON.stringify(value)}`;
  return "kind" in value ? `a ${value.kind}` : "a dict";
}
