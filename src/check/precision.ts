import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../tensor/half.ts";
import type { Checked, Values } from "./values.ts";

/** How far a stored number may be from the one that was computed: `absolute + relative * |value|`. */
export interface Rounding {
  readonly absolute: number;
  readonly relative: number;
  /** In words: "float32", "4 decimals". */
  readonly name: string;
}

/** What rounding leaves open, for one reading of the data. */
export interface Noise {
  /** Of y as stored. */
  readonly output: Rounding;
  /** Of x as stored against the x that was computed with. */
  readonly input: Rounding;
  /** Half a unit in the last place, relative, of the type that y was computed in. */
  readonly unit: number;
}

/** Significand bits of the types, and the largest rounding error of their smallest numbers. */
const formats = {
  float64: { bits: 53, tiny: 2 ** -1075 },
  float32: { bits: 24, tiny: 2 ** -150 },
  float16: { bits: 11, tiny: 2 ** -25 },
  bfloat16: { bits: 8, tiny: 2 ** -134 },
} as const;

type Format = keyof typeof formats;

/** x exactly as it was computed with. */
const exact: Rounding = { absolute: 0, relative: 0, name: "exact" };

/** Printed digits: fewer steps than this of the storage type within one unit of the last digit are no sign of printing. */
const stepsInADigit = 16;

/** Numbers looked at to tell how an array was rounded. */
const looked = 20_000;

/**
 * The readings of a pair of arrays, the likeliest first: x exact, and x rounded before it was stored, where x looks
 * it. The rounding of y is read from its dtype, its digits, or the type that holds all its values.
 */
export function readingsOf(x: Checked, y: Checked, digits: number | undefined): readonly Noise[] {
  const output = printedRounding(y, digits) ?? storedRounding(y);
  const input = printedRounding(x, digits);
  // A 16-bit result is computed in float32; printed figures by a float32 program more often than not.
  const computedIn = output.name === "float64" ? "float64" : "float32";
  const unit = 2 ** -formats[computedIn].bits;
  const reading = (rounding: Rounding): Noise => ({ output, input: rounding, unit });
  if (input !== null) return [reading(exact), reading(input)];
  const stored = storedRounding(x);
  const isWide = x.dtype === "float64" ? stored.name !== "float64" : stored.name.endsWith("16");
  const is16 = x.dtype === "float16" || x.dtype === "bfloat16";
  if ((!isWide && !is16) || isWhole(x.values)) return [reading(exact)];
  return [reading(exact), reading(stored)];
}

/** Half a unit of the last digit of a parameter that was printed with some decimals; 0 where it was not. */
export function digitRounding(parameter: Checked, digits: number | undefined): number {
  const rounding = printedRounding(parameter, digits);
  // One or two decimals are a choice, such as 0.5, more often than a rounding.
  return rounding !== null && rounding.absolute < 0.5e-2 ? rounding.absolute : 0;
}

/** Rounding to the digits that an array was printed with, or null where it was not printed. */
function printedRounding({ values, dtype, printed }: Checked, digits: number | undefined): Rounding | null {
  if (printed !== null && digits === undefined) {
    return printed.decimals === null ? toSignificant(printed.significant) : toDecimals(printed.decimals);
  }
  if (dtype !== "float32" && dtype !== "float64") return digits === undefined ? null : toDecimals(digits);
  const found = decimalsOf(values, dtype);
  if (digits !== undefined) return toDecimals(found === null ? digits : Math.min(digits, found));
  if (found !== null) return toDecimals(found);
  const significant = significantOf(values, dtype);
  return significant === null ? null : toSignificant(significant);
}

function toDecimals(decimals: number): Rounding {
  return { absolute: 0.5 * 10 ** -decimals * (1 + 1e-6), relative: 0, name: `${decimals} decimals` };
}

function toSignificant(digits: number): Rounding {
  // The leading digit is at least 1, so that half a unit is at most this part of the value.
  return { absolute: 0, relative: 0.5 * 10 ** (1 - digits), name: `${digits} significant digits` };
}

/** Rounding to the narrowest type that holds every value. */
function storedRounding({ values, dtype }: Checked): Rounding {
  const declared = dtype === "float16" || dtype === "bfloat16" || dtype === "float32" ? dtype : null;
  const narrow = declared !== null && declared !== "float32" ? declared : narrowest(values, declared);
  const { bits, tiny } = formats[narrow];
  return { absolute: tiny, relative: 2 ** -bits, name: narrow };
}

function narrowest(values: Values, declared: "float32" | null): Format {
  const holds = (round: (value: number) => number): boolean =>
    everySampled(values, (value) => Object.is(round(value), value) || Number.isNaN(value) || value === 0);
  if (isWhole(values)) return declared ?? "float64";
  if (holds((value) => bfloatToNumber(numberToBfloat(value)))) return "bfloat16";
  if (holds((value) => halfToNumber(numberToHalf(value)))) return "float16";
  if (declared === "float32" || holds(Math.fround)) return "float32";
  return "float64";
}

/** Digits after the point that all values end within, if they are far fewer than the type holds. */
function decimalsOf(values: Values, dtype: "float32" | "float64"): number | null {
  if (isWhole(values)) return null;
  const step = largest(values) * 2 ** -(formats[dtype].bits - 1);
  const narrow = dtype === "float32" ? Math.fround : (value: number): number => value;
  for (let decimals = 1; decimals <= 12; decimals++) {
    const scale = 10 ** decimals;
    if (1 / scale < stepsInADigit * step) return null;
    // Through text, since a quotient may be a step off the decimal number.
    if (everySampled(values, (value) => narrow(Number(value.toFixed(decimals))) === value)) return decimals;
  }
  return null;
}

function significantOf(values: Values, dtype: "float32" | "float64"): number | null {
  const most = dtype === "float32" ? 6 : 12;
  const narrow = dtype === "float32" ? Math.fround : (value: number): number => value;
  if (isWhole(values)) return null;
  for (let digits = 2; digits <= most; digits++) {
    if (everySampled(values, (value) => narrow(Number(value.toPrecision(digits))) === value)) return digits;
  }
  return null;
}

function isWhole(values: Values): boolean {
  return everySampled(values, (value) => Number.isInteger(value) || !Number.isFinite(value));
}

function everySampled(values: Values, holds: (value: number) => boolean): boolean {
  const step = Math.max(1, Math.floor(values.length / looked));
  for (let i = 0; i < values.length; i += step) {
    if (Number.isFinite(values[i]) && !holds(values[i])) return false;
  }
  return true;
}

function largest(values: Values): number {
  let most = 0;
  for (const value of values) if (Number.isFinite(value)) most = Math.max(most, Math.abs(value));
  return most;
}
