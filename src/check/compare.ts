import { finiteNumber, withDefaults } from "../functional/checks.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { sameShape, shapeText, sizeOf } from "../tensor/shape.ts";
import { ulpDistance } from "./ulp.ts";
import { type ArrayLikeInput, type Checked, checkedArray, positionOf, short } from "./values.ts";

/** Options of {@link compare}. */
export interface CompareOptions {
  /** Largest |actual - expected| that passes, besides `relative * |expected|`. */
  readonly tolerance?: number | undefined;
  /** Part of |expected| that passes. Default: a few roundings of the coarser dtype where no tolerance is given, else 0. */
  readonly relative?: number | undefined;
  /** The channel axis of the error per channel. Default 1, of a vector 0. */
  readonly axis?: number | undefined;
}

/** One difference: where, and what the two hold there. */
export interface Difference {
  readonly position: readonly number[];
  readonly actual: number;
  readonly expected: number;
}

/** What {@link compare} finds. */
export interface Comparison {
  readonly shape: readonly number[];
  /** The type whose units in the last place are counted: the coarser of the two. */
  readonly dtype: FloatType;
  /** Largest |actual - expected| over the elements that are finite in both. */
  readonly maxAbs: number;
  /** Largest |actual - expected| / |expected|; Infinity where expected is 0 and actual is not. */
  readonly maxRel: number;
  /** Most units in the last place between the two. */
  readonly maxUlp: number;
  /** Where the largest absolute difference is; null where there is none. */
  readonly worst: Difference | null;
  /** Root of the mean squared difference. */
  readonly rms: number;
  /** Largest absolute difference of each channel, and of each sample (index on axis 0). */
  readonly perChannel: Float64Array;
  readonly perSample: Float64Array;
  /** Elements beyond the tolerance, those that are NaN or infinite on one side among them. */
  readonly beyond: number;
  /** Elements that are NaN, or infinite, in one of the two alone or with another sign. */
  readonly mismatched: number;
  /** The first of them, at most 8. */
  readonly mismatches: readonly Difference[];
  readonly tolerance: number;
  readonly relative: number;
  /** Whether no element is beyond the tolerance. */
  readonly agrees: boolean;
  /** The verdict with its tolerance. */
  readonly message: string;
}

const defaults = { tolerance: undefined, relative: undefined, axis: undefined };

/** Half units in the last place of a few float operations: what two right implementations may differ by. */
const relativeOf: { readonly [D in FloatType]: number } = {
  float64: 2 ** -48,
  float32: 2 ** -20,
  float16: 2 ** -9,
  bfloat16: 2 ** -6,
};

const mismatchesListed = 8;

/**
 * How far two arrays are apart, element by element; signed differences are never summed, where they would cancel.
 *
 * Formula: an element agrees if `|actual - expected| <= tolerance + relative * |expected|`, or if both are the same NaN
 * or infinity.
 *
 * Shapes: both of one shape, any rank. The tolerance is 0 and relative a few roundings of the coarser dtype, scaled by
 * the largest |expected|, where neither is given.
 *
 * @throws TypeError if an argument is no array; RangeError if the shapes differ or a tolerance is negative
 * @example
 * const { agrees, message } = compare(ours, theirs, { tolerance: 1e-6 });
 */
export function compare(
  actual: ArrayLikeInput,
  expected: ArrayLikeInput,
  options: CompareOptions = {},
): Comparison {
  const who = "compare";
  const full = withDefaults(who, defaults, options) as CompareOptions;
  const a = checkedArray(who, "actual", actual);
  const b = checkedArray(who, "expected", expected);
  const { shape } = b;
  if (!sameShape(a.shape, shape)) {
    throw new RangeError(
      `${who}: expected two arrays of one shape, got ${shapeText(a.shape)} and ${shapeText(shape)}`,
    );
  }
  const dtype = coarser(a, b);
  const isGiven = full.tolerance !== undefined || full.relative !== undefined;
  const largest = isGiven ? 0 : largestOf(b);
  const tolerance = checkedTolerance(who, "tolerance", full.tolerance ?? relativeOf[dtype] * largest);
  const relative = checkedTolerance(who, "relative", full.relative ?? 0);
  const axis = full.axis ?? Math.min(1, Math.max(0, shape.length - 1));
  if (shape.length > 0 && !(Number.isInteger(axis) && axis >= 0 && axis < shape.length)) {
    throw new RangeError(`${who}: expected an axis from 0 to ${shape.length - 1}, got ${axis}`);
  }
  const channels = shape[axis] ?? 1;
  const inner = sizeOf(shape.slice(axis + 1));
  const perSampleSize = shape.length === 0 ? 1 : sizeOf(shape.slice(1));
  const perChannel = new Float64Array(channels);
  const perSample = new Float64Array(shape[0] ?? 1);
  const mismatches: Difference[] = [];
  let [maxAbs, maxRel, maxUlp, beyond, mismatched, worst] = [0, 0, 0, 0, 0, -1];
  const at = (i: number): Difference => ({
    position: positionOf(i, shape),
    actual: a.values[i],
    expected: b.values[i],
  });
  for (let i = 0; i < b.values.length; i++) {
    const left = a.values[i];
    const right = b.values[i];
    if (left === right || (Number.isNaN(left) && Number.isNaN(right))) continue;
    const distance = Math.abs(left - right);
    if (!Number.isFinite(left) || !Number.isFinite(right)) {
      mismatched++;
      beyond++;
      if (mismatches.length < mismatchesListed) mismatches.push(at(i));
      perChannel[Math.floor(i / inner) % channels] = Number.POSITIVE_INFINITY;
      perSample[Math.floor(i / perSampleSize)] = Number.POSITIVE_INFINITY;
      continue;
    }
    if (distance > maxAbs) {
      maxAbs = distance;
      worst = i;
    }
    maxRel = Math.max(maxRel, distance / Math.abs(right));
    maxUlp = Math.max(maxUlp, ulpDistance(left, right, dtype));
    if (!(distance <= tolerance + relative * Math.abs(right))) beyond++;
    const channel = Math.floor(i / inner) % channels;
    perChannel[channel] = Math.max(perChannel[channel], distance);
    const sample = Math.floor(i / perSampleSize);
    perSample[sample] = Math.max(perSample[sample], distance);
  }
  const found = {
    shape,
    dtype,
    maxAbs,
    maxRel,
    maxUlp,
    worst: worst < 0 ? (mismatches[0] ?? null) : at(worst),
    rms: rmsOf(a, b),
    perChannel,
    perSample,
    beyond,
    mismatched,
    mismatches,
    tolerance,
    relative,
    agrees: beyond === 0,
  };
  return { ...found, message: verdict(found, b.values.length) };
}

/** Root mean square of the finite differences, relative to the largest so that no square overflows. */
function rmsOf(a: Checked, b: Checked): number {
  let [squares, count] = [0, 0];
  for (let i = 0; i < b.values.length; i++) {
    const distance = a.values[i] - b.values[i];
    if (!Number.isFinite(distance)) continue;
    squares += distance * distance;
    count++;
  }
  return count === 0 ? 0 : Math.sqrt(squares / count);
}

function coarser(a: Checked, b: Checked): FloatType {
  const order: readonly FloatType[] = ["bfloat16", "float16", "float32", "float64"];
  return order.find((dtype) => a.dtype === dtype || b.dtype === dtype) ?? "float64";
}

function largestOf({ values }: Checked): number {
  let largest = 0;
  for (const value of values) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  return largest;
}

function checkedTolerance(who: string, name: string, value: number): number {
  if (finiteNumber(who, name, value) < 0) {
    throw new RangeError(`${who}: expected ${name} to be 0 or more, got ${value}`);
  }
  return value;
}

function verdict(found: Omit<Comparison, "message">, size: number): string {
  const { agrees, tolerance, relative, maxAbs, maxRel, maxUlp, dtype, worst, beyond, mismatched } = found;
  const allowed = `${short(tolerance, 3)}${relative > 0 ? ` + ${short(relative, 3)} * |expected|` : ""}`;
  const lines = [
    agrees
      ? `Agrees: all ${size} elements are within ${allowed}.`
      : `Disagrees: ${beyond} of ${size} elements are beyond ${allowed}.`,
    `Largest difference ${short(maxAbs, 4)} absolute, ${short(maxRel, 4)} relative, ${maxUlp} ULP (${dtype}).`,
  ];
  if (worst !== null) {
    lines.push(
      `The worst is at [${worst.position.join(", ")}]: ${worst.actual}, expected ${worst.expected}.`,
    );
  }
  if (mismatched > 0) lines.push(`${mismatched} elements are NaN or infinite in one of the two alone.`);
  return lines.join("\n");
}
