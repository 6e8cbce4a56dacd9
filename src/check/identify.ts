import { finiteNumber, integerFrom, withDefaults } from "../functional/checks.ts";
import { sameShape, shapeText, sizeOf } from "../tensor/shape.ts";
import type { Candidate } from "./candidate.ts";
import { confirmed } from "./confirm.ts";
import { sampleOf } from "./elements.ts";
import { amplEvidence, scalesOf } from "./evidence.ts";
import { differencesFrom, meantOf } from "./meant.ts";
import { foundText, survivorText } from "./message.ts";
import { momentsTable } from "./moments.ts";
import { nearestCandidate } from "./nearest.ts";
import { partitionsOf } from "./partitions.ts";
import { digitRounding, readingsOf } from "./precision.ts";
import { probeFor } from "./probe.ts";
import { type GivenParameter, type Problem, type RunningStatistics, seenSets } from "./problem.ts";
import { nonFinite, nothing, refusalOf } from "./refusal.ts";
import type { Identification } from "./result.ts";
import { type OnTried, searchCandidates, searchWithStrays } from "./search.ts";
import { listed } from "./survivors.ts";
import { tiesOf } from "./ties.ts";
import { type ArrayLikeInput, asFloat64, checkedArray, positionOf, positionText } from "./values.ts";

/** Running mean and variance, as `before` and `after` take them. */
export interface RunningInput {
  readonly mean: ArrayLikeInput;
  readonly var: ArrayLikeInput;
}

/** Options of {@link identify}. */
export interface IdentifyOptions {
  /** Weight that was used; left out, it is solved for where there was one. */
  readonly weight?: ArrayLikeInput | null | undefined;
  /** Bias that was used. */
  readonly bias?: ArrayLikeInput | null | undefined;
  /** Running statistics before the call. */
  readonly before?: RunningInput | null | undefined;
  /** Running statistics after the call. */
  readonly after?: RunningInput | null | undefined;
  /** Decimals that x and y were printed with; by default read from the arrays. */
  readonly digits?: number | undefined;
  /** The layer that was meant, such as "BatchNorm2d" or "GroupNorm(3, 6)": differences are told against it. */
  readonly meant?: string | undefined;
  /** Absolute difference of y that is let pass besides rounding. Default 0. */
  readonly tolerance?: number | undefined;
  /** Called as hypotheses are tried. */
  readonly onProgress?: OnTried | undefined;
}

const defaults = {
  weight: undefined,
  bias: undefined,
  before: undefined,
  after: undefined,
  digits: undefined,
  meant: undefined,
  tolerance: 0,
  onProgress: undefined,
};

/** Elements of the sample, at most, that may be left unexplained when all the others fit. */
const fewestStrays = 1;
const mostStrays = 8;

/**
 * Which normalization made y from x.
 *
 * Formula: every y = (x - mean) / deviation * weight + bias is tried, with mean and deviation over any set of axes or
 * channel groups, and kept if all of y comes out within rounding. Each element bounds 1 / deviation to an interval;
 * what they have in common gives eps.
 *
 * Shapes: x and y of one shape with 1 to 5 axes, as tensors, nested numbers, or printed text; weight and bias of one
 * element per channel, per place on the last axis, or per element of what is normalized.
 *
 * @throws TypeError if an argument is no array; RangeError if the shapes differ, there are no elements, more than 5
 *   axes, or an option that does not fit
 * @example
 * const found = identify(x, y, { meant: "BatchNorm2d" });
 * console.log(found.message);
 */
export function identify(
  x: ArrayLikeInput,
  y: ArrayLikeInput,
  options: IdentifyOptions = {},
): Identification {
  const who = "identify";
  const full = withDefaults(who, defaults, options) as IdentifyOptions & { readonly tolerance: number };
  const from = checkedArray(who, "x", x);
  const to = checkedArray(who, "y", y);
  const { shape } = from;
  if (!sameShape(shape, to.shape)) {
    throw new RangeError(
      `${who}: expected x and y of one shape, got ${shapeText(shape)} and ${shapeText(to.shape)}: ` +
        "a normalization keeps the shape",
    );
  }
  if (shape.length < 1 || shape.length > 5) {
    throw new RangeError(`${who}: expected 1 to 5 axes, got ${shape.length}`);
  }
  if (sizeOf(shape) === 0)
    throw new RangeError(`${who}: expected at least one element, got shape ${shapeText(shape)}`);
  const digits = full.digits === undefined ? undefined : integerFrom(who, "digits", full.digits, 0);
  const tolerance = finiteNumber(who, "tolerance", full.tolerance);
  const meant = full.meant === undefined ? null : meantOf(full.meant, shape);
  const given = {
    weight: parameterOf(who, "weight", full.weight, digits),
    bias: parameterOf(who, "bias", full.bias, digits),
    before: runningOf(who, "before", full.before),
    after: runningOf(who, "after", full.after),
  };
  checkLengths(given, shape);

  const refusal = refusalOf(from, to);
  if (refusal !== null) return nothing(refusal);
  const skipped = nonFinite(to);
  const sample = sampleOf(from.values, to.values, shape);
  const momentsOf = momentsTable(from.values, shape);
  const problem: Problem = {
    x: from.values,
    y: to.values,
    shape,
    sample,
    scales: scalesOf(sample),
    partitions: partitionsOf(shape),
    momentsOf,
    seenBy: seenSets(sample, momentsOf),
    skipped: skipped.length > 0 ? new Set(skipped) : null,
    ...given,
  };
  const readings = readingsOf(from, to, digits).map((noise) => ({
    ...noise,
    output: { ...noise.output, absolute: noise.output.absolute + tolerance },
  }));
  const is16 = from.dtype === "float16" || from.dtype === "bfloat16";
  const partitions = problem.partitions.length;
  let tried = 3 * partitions;
  const onTried: OnTried = (done, total) => {
    // Each partition is tried centered, as root mean square and as L2.
    tried = Math.max(tried, done + 2 * partitions);
    full.onProgress?.(done, total);
  };
  let candidates = searchCandidates(problem, readings, is16, onTried);
  if (candidates.length === 0) {
    const most = Math.max(fewestStrays, Math.min(mostStrays, Math.floor(sample.size / 50)));
    candidates = searchWithStrays(problem, readings, most + skipped.length);
  } else if (skipped.length > 0) {
    candidates = candidates.map((each) => ({ ...each, strays: skipped, strayCount: skipped.length }));
  }
  const whole = sample.isWhole ? { candidates, isComplete: true } : confirmed(problem, candidates);
  candidates = whole.candidates;
  const clean = candidates.filter(({ strayCount }) => strayCount === 0);
  if (clean.length === 0) return unexplained(problem, candidates, tried, readings[0], full.meant);

  const all = listed(problem, clean, meant);
  const survivors = all.map(({ survivor }) => survivor);
  const functions = [...new Map(all.map((each) => [each.functionKey, each])).values()];
  const certain =
    whole.isComplete && functions.length === 1 && functions[0].candidate.evidence >= amplEvidence;
  const ties = tiesOf(all, shape);
  const differences = meant === null ? [] : differencesFrom(meant, survivors[0], shape);
  const message = foundText(survivors, certain, ties, differences, full.meant);
  const probe = certain ? null : probeFor(functions, shape);
  return {
    fits: true,
    certain,
    survivors,
    ties,
    probe,
    differences,
    corrupted: [],
    nearest: null,
    tried,
    message,
  };
}

function parameterOf(
  who: string,
  what: string,
  value: ArrayLikeInput | null | undefined,
  digits: number | undefined,
): GivenParameter | null {
  if (value === null || value === undefined) return null;
  const checked = checkedArray(who, what, value);
  const rounding = digitRounding(checked, digits);
  return { values: asFloat64(checked).data, shape: checked.shape, rounding };
}

function runningOf(
  who: string,
  what: string,
  value: RunningInput | null | undefined,
): RunningStatistics | null {
  if (value === null || value === undefined) return null;
  const part = (name: "mean" | "var"): Float64Array =>
    asFloat64(checkedArray(who, `${what}.${name}`, value[name])).data;
  const statistics = { mean: part("mean"), var: part("var") };
  if (statistics.mean.length !== statistics.var.length) {
    throw new RangeError(
      `${who}: expected ${what}.mean and ${what}.var of one length, got ${statistics.mean.length} and ${statistics.var.length}`,
    );
  }
  return statistics;
}

function checkLengths(
  given: Pick<Problem, "weight" | "bias" | "before" | "after">,
  shape: readonly number[],
): void {
  const { before, after } = given;
  if (before !== null && after !== null && before.mean.length !== after.mean.length) {
    throw new RangeError(
      `identify: expected before and after of one length, got ${before.mean.length} and ${after.mean.length}`,
    );
  }
  const fitting = new Set<number>();
  for (let mask = 0; mask < 2 ** shape.length; mask++) {
    fitting.add(sizeOf(shape.filter((_, axis) => mask & (1 << axis))));
  }
  for (const name of ["weight", "bias"] as const) {
    const length = given[name]?.values.length;
    if (length !== undefined && !fitting.has(length)) {
      throw new RangeError(
        `identify: expected ${name} to have one element per channel, per place on the last axis or per element of ` +
          `what is normalized in ${shapeText(shape)}, got ${length}`,
      );
    }
  }
}

/** Elements named in a message. */
const namedElements = 8;

function unexplained(
  problem: Problem,
  candidates: readonly Candidate[],
  tried: number,
  noise: Candidate["noise"],
  meant: string | undefined,
): Identification {
  const { shape } = problem;
  const fewest = Math.min(...candidates.map(({ strayCount }) => strayCount));
  const best = listed(
    problem,
    candidates.filter(({ strayCount }) => strayCount === fewest),
    meant === undefined ? null : meantOf(meant, shape),
  )[0];
  if (best !== undefined) {
    const strays = [...best.candidate.strays].sort((a, b) => a - b);
    const named = strays
      .slice(0, namedElements)
      .map((flat) => positionText(flat, shape))
      .join(", ");
    const more = strays.length > namedElements ? ` and ${strays.length - namedElements} more` : "";
    const message =
      `None fits: but all values but ${strays.length} are explained by ${survivorText(best.survivor)}. ` +
      `Corrupted: ${strays.length === 1 ? "the element" : "the elements"} at ${named}${more}.`;
    const corrupted = strays.map((flat) => positionOf(flat, shape));
    return { ...nothing(message), corrupted, nearest: best.survivor, tried };
  }
  const near = nearestCandidate(problem, noise);
  const nearest = near === null ? undefined : listed(problem, [near], null)[0]?.survivor;
  const guess =
    nearest === undefined
      ? ""
      : ` The nearest guess, ${survivorText(nearest)}, is off by up to ${nearest.residual.toExponential(1)}.`;
  return {
    ...nothing(`None fits: no normalization that is known here makes this y from this x.${guess}`),
    nearest: nearest ?? null,
    tried,
  };
}
