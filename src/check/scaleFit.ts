import type { Block, Elements } from "./elements.ts";
import { type Deviation, epsInterval, type Interval, type Observed, unbias } from "./epsForms.ts";
import type { Noise } from "./precision.ts";

/** What is divided by: the deviation from the mean, the root mean square, or the root of the sum of squares. */
export type Kind = "centered" | "rms" | "l2";

/** The statistics of a hypothesis: y = (x - mean) / sqrt(power ...) for each set. */
export interface Spread {
  readonly kind: Kind;
  /** Values behind each statistic. */
  readonly count: number;
  /** Zeros where not centered. */
  readonly mean: Float64Array;
  /** Biased variance, mean square, or sum of squares. */
  readonly power: Float64Array;
  /** Root mean square of x, for the rounding of x. */
  readonly rms: Float64Array;
}

/** A parameter for each index, or null where it is absent: 1 for weight, 0 for bias. */
export interface Parameters {
  readonly weight: Float64Array | null;
  readonly bias: Float64Array | null;
  /** What printed digits leave open of each. */
  readonly weightRounding: number;
  readonly biasRounding: number;
}

/**
 * Rounded float32 operations behind one result: the mean, the difference, the root, the quotient, the product, the sum,
 * some of them of more than one step.
 */
const roundings = 8;

/** Roundings of a sum of n values relative to their root mean square: a random walk of n steps, cut where libraries add in blocks. */
export function summingRoundings(count: number): number {
  return roundings + Math.min(Math.sqrt(count) / 4, 64);
}

/**
 * Bound on |y - yComputed| from rounding alone, to first order.
 *
 * @param slope |weight| * factor, what multiplies x - mean
 * @param deviation |x - mean|
 * @param shift rounding of the mean, in units, which shifts every deviation
 */
export function roundingBound(
  noise: Noise,
  y: number,
  slope: number,
  deviation: number,
  shift: number,
  bias: number,
): number {
  const { output, unit } = noise;
  const stored = output.absolute + output.relative * Math.abs(y);
  return stored + unit * (slope * (roundings * deviation + shift) + 4 * Math.abs(bias));
}

/** Bound on the rounding of a stored x, and of the mean that such x have. */
export function inputBound({ input }: Noise, x: number): number {
  return input.absolute + input.relative * Math.abs(x);
}

/** For each statistic, the factors of x - mean that all its elements allow. */
export interface Factors {
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Elements that no factor explains because x - mean is 0 and y is not. */
  readonly stray: number;
}

/**
 * The interval of factors for each statistic, weight and bias being known: every element allows
 * (y - bias -+ bound) / (weight * (x - mean)).
 *
 * @param skipped elements left out, by their index in the whole array
 */
export function factorsOf(
  elements: Elements,
  spread: Spread,
  { weight, bias, weightRounding, biasRounding }: Parameters,
  noise: Noise,
  skipped: ReadonlySet<number> | null = null,
): Factors {
  const { mean, rms, kind } = spread;
  const sets = mean.length;
  const inner = new Float64Array(sets);
  const squares = new Float64Array(sets);
  const each = (visit: (block: Block, j: number, slope: number, target: number) => void): void =>
    elements((block) => {
      for (let j = 0; j < block.count; j++) {
        if (skipped?.has(block.flat[j])) continue;
        const p = block.parameters[j];
        const slope = (weight === null ? 1 : weight[p]) * (block.x[j] - mean[block.sets[j]]);
        visit(block, j, slope, block.y[j] - (bias === null ? 0 : bias[p]));
      }
    });
  each(({ sets }, j, slope, target) => {
    inner[sets[j]] += slope * target;
    squares[sets[j]] += slope * slope;
  });
  const low = new Float64Array(sets);
  const high = new Float64Array(sets).fill(Number.POSITIVE_INFINITY);
  let stray = 0;
  const summing = kind === "centered" ? summingRoundings(spread.count) : 0;
  each((block, j, slope, target) => {
    const s = block.sets[j];
    const p = block.parameters[j];
    const guess = squares[s] > 0 ? Math.abs(inner[s] / squares[s]) : 0;
    const gain = Math.abs(weight === null ? 1 : weight[p]) * guess;
    const size = Math.abs(slope);
    const deviation = Math.abs(block.x[j] - mean[s]);
    const shift = summing * rms[s];
    let bound = roundingBound(noise, block.y[j], gain, deviation, shift, bias === null ? 0 : bias[p]);
    bound += gain * (inputBound(noise, block.x[j]) + (kind === "centered" ? inputBound(noise, rms[s]) : 0));
    bound += guess * deviation * weightRounding + biasRounding;
    const signed = slope < 0 ? -target : target;
    if (size === 0) {
      if (Math.abs(target) > bound) stray++;
      return;
    }
    low[s] = Math.max(low[s], (signed - bound) / size);
    high[s] = Math.min(high[s], (signed + bound) / size);
  });
  return { low, high, stray };
}

/** Whether every statistic has a factor. */
export function areFactorsFound({ low, high, stray }: Factors): boolean {
  if (stray > 0) return false;
  for (let s = 0; s < low.length; s++) if (!(low[s] <= high[s])) return false;
  return true;
}

/** The values of eps that explain the factors, or null; statistics that no element was seen of say nothing. */
export function epsOfFactors(
  { low, high }: Factors,
  spread: Spread,
  { ddof, epsForm }: Deviation,
  noise: Noise,
): Interval | null {
  const factor = unbias(spread.count, ddof);
  if (!Number.isFinite(factor)) return null;
  function* observed(): Generator<Observed> {
    for (let s = 0; s < low.length; s++) {
      if (low[s] === 0 && high[s] === Number.POSITIVE_INFINITY) continue;
      yield { factor: [low[s], high[s]], variance: varianceRange(spread, s, factor, noise) };
    }
  }
  return epsInterval(observed(), epsForm);
}

/** The variances that x can have had before it was rounded. */
function varianceRange(spread: Spread, s: number, factor: number, noise: Noise): Interval {
  const scale = spread.kind === "l2" ? Math.sqrt(spread.count) : 1;
  const deviation = Math.sqrt(spread.power[s]);
  const error =
    scale * inputBound(noise, spread.rms[s]) + deviation * summingRoundings(spread.count) * noise.unit;
  return [Math.max(0, deviation - error) ** 2 * factor, (deviation + error) ** 2 * factor];
}
