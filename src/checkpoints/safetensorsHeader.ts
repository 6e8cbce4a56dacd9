import type { DType } from "../tensor/dtype.ts";
import { describe, shapeText } from "../tensor/shape.ts";
import { jsonMemory } from "./jsonMemory.ts";
import { quoted } from "./quoted.ts";

/** Every element type that safetensors 0.8 knows. */
export type SafetensorsDType =
  | "BOOL"
  | "F4"
  | "F6_E2M3"
  | "F6_E3M2"
  | "U8"
  | "I8"
  | "F8_E5M2"
  | "F8_E4M3"
  | "F8_E8M0"
  | "F8_E4M3FNUZ"
  | "F8_E5M2FNUZ"
  | "I16"
  | "U16"
  | "F16"
  | "BF16"
  | "I32"
  | "U32"
  | "F32"
  | "C64"
  | "F64"
  | "I64"
  | "U64";

interface ElementType {
  readonly bits: number;
  /** The tensor dtype with the same elements; absent if there is none. */
  readonly dtype?: DType;
}

/** In the order of the reference implementation, by which a file's tensors are sorted. */
const elementTypes: { readonly [Name in SafetensorsDType]: ElementType } = {
  BOOL: { bits: 8, dtype: "bool" },
  F4: { bits: 4 },
  F6_E2M3: { bits: 6 },
  F6_E3M2: { bits: 6 },
  U8: { bits: 8, dtype: "uint8" },
  I8: { bits: 8, dtype: "int8" },
  F8_E5M2: { bits: 8 },
  F8_E4M3: { bits: 8 },
  F8_E8M0: { bits: 8 },
  F8_E4M3FNUZ: { bits: 8 },
  F8_E5M2FNUZ: { bits: 8 },
  I16: { bits: 16, dtype: "int16" },
  U16: { bits: 16, dtype: "uint16" },
  F16: { bits: 16, dtype: "float16" },
  BF16: { bits: 16, dtype: "bfloat16" },
  I32: { bits: 32, dtype: "int32" },
  U32: { bits: 32, dtype: "uint32" },
  F32: { bits: 32, dtype: "float32" },
  C64: { bits: 64 },
  F64: { bits: 64, dtype: "float64" },
  I64: { bits: 64, dtype: "int64" },
  U64: { bits: 64, dtype: "uint64" },
};

const dtypes = Object.keys(elementTypes) as SafetensorsDType[];

/** Place of a dtype in the reference implementation's order, by which tensors are sorted from high to low. */
export function rankOfDType(dtype: SafetensorsDType): number {
  return dtypes.indexOf(dtype);
}

/** The tensor dtype that holds a safetensors dtype; undefined for complex, 8-bit and smaller floats. */
export function tensorDType(dtype: SafetensorsDType): DType | undefined {
  return elementTypes[dtype].dtype;
}

/** safetensors' name of a tensor dtype. */
export function safetensorsDType(dtype: DType): SafetensorsDType {
  return dtypes.find((name) => elementTypes[name].dtype === dtype) as SafetensorsDType;
}

/** What the header of a safetensors file says of one tensor. */
export interface SafetensorsEntry {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** First byte, counted from the end of the header. */
  readonly begin: number;
  /** Byte after the last, counted from the end of the header. */
  readonly end: number;
}

/** The header of a safetensors file. */
export interface SafetensorsHeader {
  /** Every tensor in the order of its bytes. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  /** The strings under `__metadata__`; empty if there are none. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads and checks the JSON header of a safetensors file.
 *
 * The rules are those of the format's README (github.com/safetensors/safetensors, "Format") and of `Metadata::validate`
 * in its reference reader.
 *
 * @param who start of every message
 * @param header the header's bytes, without the 8 bytes of length
 * @param dataLength number of bytes in the file after the header
 * @throws RangeError if the header breaks a rule or does not describe exactly `dataLength` bytes
 * @example
 * parseSafetensorsHeader("mine", new TextEncoder().encode("{}"), 0).entries.size; // 0
 */
export function parseSafetensorsHeader(
  who: string,
  header: Uint8Array,
  dataLength: number,
): SafetensorsHeader {
  checkMemory(who, header, dataLength);
  const json = parseJson(who, header);
  const entries: [string, SafetensorsEntry][] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") metadata = parseMetadata(who, value);
    else entries.push([name, parseEntry(`${who}: tensor ${quoted(name)}`, name, value)]);
  }
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  checkTiling(who, entries, dataLength);
  return { entries: new Map(entries), metadata };
}

/** Memory beyond twice the file's own size that its header may take, in bytes: 48 MiB. */
const spareMemory = 3 * 2 ** 24;

function checkMemory(who: string, header: Uint8Array, dataLength: number): void {
  const largest = 2 * (header.length + dataLength) + spareMemory;
  const memory = jsonMemory(header);
  if (memory > largest) {
    throw new RangeError(
      `${who}: expected a header that takes at most ${largest} bytes of memory, in proportion to the file, got one of ` +
        `${header.length} bytes that takes about ${memory}`,
    );
  }
}

function parseJson(who: string, header: Uint8Array): object {
  if (header[0] !== 0x7b) {
    throw new RangeError(`${who}: expected the header to begin with {, got byte ${header[0]}`);
  }
  try {
    // A JSON text that begins with { is an object.
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(header));
  } catch (cause) {
    throw new RangeError(
      `${who}: expected the header to be a JSON object in UTF-8, got ${firstLine(cause)}`,
      {
        cause,
      },
    );
  }
}

function firstLine(error: unknown): string {
  return (error as Error).message.split("\n")[0];
}

function parseMetadata(who: string, value: unknown): ReadonlyMap<string, string> {
  if (!isObject(value)) {
    throw new RangeError(
      `${who}: expected __metadata__ to be an object of strings, got ${describeField(value)}`,
    );
  }
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      throw new RangeError(
        `${who}: expected __metadata__ ${quoted(key)} to be a string, got ${describeField(text)}`,
      );
    }
    metadata.set(key, text);
  }
  return metadata;
}

/** In a few words whatever the file holds: a missing field is none, strings may be long, arrays deep. */
function describeField(value: unknown): string {
  if (value === undefined) return "none";
  if (typeof value === "string") return quoted(value);
  const isDeep = Array.isArray(value) && !value.every((item) => typeof item === "number");
  return isDeep ? "an array with more than numbers" : describe(value);
}

function parseEntry(who: string, name: string, value: unknown): SafetensorsEntry {
  checkName(who, name);
  if (!isObject(value)) {
    throw new RangeError(
      `${who}: expected an object with dtype, shape and data_offsets, got ${describeField(value)}`,
    );
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isSafetensorsDType(dtype)) {
    throw new RangeError(`${who}: expected a dtype among ${dtypes.join(", ")}, got ${describeField(dtype)}`);
  }
  if (!isCounts(shape)) {
    throw new RangeError(
      `${who}: expected a shape of integers from 0 to 2^53 - 1, got ${describeField(shape)}`,
    );
  }
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw new RangeError(
      `${who}: expected data_offsets [begin, end] of integers from 0 to 2^53 - 1, got ${describeField(offsets)}`,
    );
  }
  const [begin, end] = offsets;
  if (begin > end) {
    throw new RangeError(`${who}: expected data_offsets with begin <= end, got [${begin}, ${end}]`);
  }
  const byteLength = byteLengthOf(who, dtype, shape);
  if (byteLength !== BigInt(end - begin)) {
    throw new RangeError(
      `${who}: expected ${byteLength} bytes for ${dtype} ${shapeText(shape)}, got data_offsets [${begin}, ${end}], ` +
        `${end - begin} bytes`,
    );
  }
  return { dtype, shape, begin, end };
}

const largestUint64 = 2n ** 64n - 1n;

/** Checks that UTF-8 can write a name. */
export function checkName(who: string, name: string): void {
  if (!/\p{Surrogate}/u.test(name)) return;
  throw new RangeError(`${who}: expected a name that UTF-8 can write, got half of a surrogate pair`);
}

/**
 * Bytes that the elements of a shape take.
 *
 * @throws RangeError if 64 bits cannot count them, or if elements smaller than a byte do not fill the last one
 */
export function byteLengthOf(who: string, dtype: SafetensorsDType, shape: readonly number[]): bigint {
  const bits = bitLength(who, shape, elementTypes[dtype].bits);
  if (bits % 8n === 0n) return bits / 8n;
  throw new RangeError(`${who}: expected ${dtype} ${shapeText(shape)} to fill whole bytes, got ${bits} bits`);
}

/** The reference reader multiplies in 64 bits from the left, so an early overflow is an error even if a 0 follows. */
function bitLength(who: string, shape: readonly number[], bitsPerElement: number): bigint {
  let bits = 1n;
  for (const factor of [...shape, bitsPerElement]) {
    bits *= BigInt(factor);
    if (bits > largestUint64) {
      throw new RangeError(`${who}: expected a size that 64 bits can count, got shape ${shapeText(shape)}`);
    }
  }
  return bits;
}

function checkTiling(
  who: string,
  entries: readonly (readonly [string, SafetensorsEntry])[],
  dataLength: number,
): void {
  let covered = 0;
  for (const [name, { begin, end }] of entries) {
    if (begin !== covered) {
      throw new RangeError(
        `${who}: tensor ${quoted(name)}: expected its data to begin at ${covered}, where the tensor before it ` +
          `ends, got ${begin}: ${begin < covered ? "an overlap" : "a gap"}`,
      );
    }
    covered = end;
  }
  if (covered !== dataLength) {
    throw new RangeError(
      `${who}: expected ${covered} bytes of data after the header, got ${dataLength}: ` +
        (covered > dataLength ? "truncated" : "bytes that no tensor covers"),
    );
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether `value` names an element type of safetensors. */
export function isSafetensorsDType(value: unknown): value is SafetensorsDType {
  return typeof value === "string" && Object.hasOwn(elementTypes, value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0 && !Object.is(n, -0));
}
