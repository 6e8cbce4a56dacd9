import type { Elements } from "./elements.ts";
import type { Noise } from "./precision.ts";
import { inputBound, roundingBound, type Spread, summingRoundings } from "./scaleFit.ts";

/** Which of weight and bias are solved for; the others are given, or 1 and 0. */
export interface Solved {
  readonly weight: boolean;
  readonly bias: boolean;
}

/** Weight and bias that fit best, and how well. */
export interface AffineFit {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  /** Largest |y - fit| over what rounding explains: at most 1 for a fit. */
  readonly misfit: number;
  /** Sum of the squares of the same. */
  readonly squares: number;
  /** Largest |y - fit|. */
  readonly residual: number;
  /** Elements beyond their bound, the worst first, by their index in the whole array; at most 64. */
  readonly strays: readonly { readonly flat: number; readonly excess: number; readonly parameter: number }[];
  /** How many are beyond their bound. */
  readonly strayCount: number;
  /** Sum of log2(scale / bound) over the elements, where the problem gives a scale: what the fit says, in bits. */
  readonly bits: number;
}

/** What is fitted: y = weight * (x - mean) * factor + bias, over these sets and parameters. */
export interface AffineProblem {
  readonly elements: Elements;
  readonly spread: Spread;
  /** Number of parameters. */
  readonly parameters: number;
  readonly solved: Solved;
  /** Given weight and bias, where they are not solved for. */
  readonly weight: Float64Array | null;
  readonly bias: Float64Array | null;
  readonly noise: Noise;
  /** What every bound is multiplied by, for a factor that is itself only known within rounding. Default 1. */
  readonly slack?: number;
  /** How far each statistic's factor may be off, where it follows from an eps that is an interval. */
  readonly factorWidth?: Float64Array;
  /** A misfit from which on nothing else is wanted of the fit. */
  readonly limit?: number;
  /** Deviation of y, where the evidence of the fit is wanted. */
  readonly scale?: number;
}

const strayLimit = 64;

/**
 * Least squares for each parameter, and every residual against the largest that rounding can make: its own, and what
 * the others' do to the line, by their leverage.
 *
 * @param factor 1 / deviation of each statistic
 * @param skipped elements left out of the fit and of the count, by their index in the whole array
 * @param collected where each residual over its bound is pushed, with its sign
 */
export function fitAffine(
  problem: AffineProblem,
  factor: Float64Array,
  skipped: ReadonlySet<number> | null = null,
  collected: number[] | null = null,
): AffineFit {
  const { elements, spread, parameters, solved, noise } = problem;
  const { slack = 1, limit = Number.POSITIVE_INFINITY, scale = 0, factorWidth } = problem;
  const { mean, rms, kind } = spread;
  const weight = problem.weight?.slice() ?? new Float64Array(parameters).fill(1);
  const bias = problem.bias?.slice() ?? new Float64Array(parameters);
  const line = solveLines(problem, factor, skipped, weight, bias);
  const { meanU, spreadU, count } = line;
  const summing = summingRoundings(spread.count);
  const ownMean = kind === "centered" ? 1 : 0;
  const boundOf = (u: number, y: number, p: number, s: number, x: number): number => {
    const gain = Math.abs(weight[p]) * factor[s];
    const bound = roundingBound(noise, y, gain, Math.abs(x - mean[s]), ownMean * summing * rms[s], bias[p]);
    const ofInput = inputBound(noise, x) + (ownMean + Math.abs(u)) * inputBound(noise, rms[s]);
    // A weight that is solved for takes up what the factor is off by.
    const ofFactor = solved.weight ? 0 : summing * noise.unit * gain;
    const ofEps = factorWidth === undefined ? 0 : Math.abs(weight[p]) * factorWidth[s];
    return bound + gain * ofInput + (ofFactor + ofEps) * Math.abs(x - mean[s]);
  };
  const meanBound = new Float64Array(parameters);
  const leverage = new Float64Array(parameters);
  if (solved.weight || solved.bias) {
    elements((block) => {
      for (let j = 0; j < block.count; j++) {
        if (skipped?.has(block.flat[j])) continue;
        const s = block.sets[j];
        const p = block.parameters[j];
        const u = (block.x[j] - mean[s]) * factor[s];
        const bound = boundOf(u, block.y[j], p, s, block.x[j]);
        if (solved.bias) meanBound[p] += bound / count[p];
        if (spreadU[p] > 0) leverage[p] += (Math.abs(u - meanU[p]) * bound) / spreadU[p];
      }
    });
  }
  let misfit = 0;
  let squares = 0;
  let residual = 0;
  let strayCount = 0;
  let bits = 0;
  let strays: { flat: number; excess: number; parameter: number }[] = [];
  elements((block) => {
    for (let j = 0; j < block.count; j++) {
      if (misfit > limit) return;
      if (skipped?.has(block.flat[j])) continue;
      const s = block.sets[j];
      const p = block.parameters[j];
      const u = (block.x[j] - mean[s]) * factor[s];
      const y = block.y[j];
      const difference = y - weight[p] * u - bias[p];
      const rest = Math.abs(difference);
      const lineBound = meanBound[p] + (solved.weight ? Math.abs(u - meanU[p]) * leverage[p] : 0);
      const bound = slack * (boundOf(u, y, p, s, block.x[j]) + lineBound);
      collected?.push(difference / bound);
      if (bound < scale) bits += Math.log2(scale / (bound + Number.MIN_VALUE));
      const excess = rest === 0 ? 0 : Number.isNaN(rest) ? Number.POSITIVE_INFINITY : rest / bound;
      squares += excess * excess;
      if (excess > misfit) misfit = excess;
      if (rest > residual) residual = rest;
      if (excess > 1) {
        strayCount++;
        if (strays.length < strayLimit || excess > 2 * strays[strays.length - 1].excess) {
          strays.push({ flat: block.flat[j], excess, parameter: p });
          if (strays.length > 4 * strayLimit) strays = worstFirst(strays);
        }
      }
    }
  });
  return { weight, bias, misfit, squares, residual, strays: worstFirst(strays), strayCount, bits };
}

interface Lines {
  readonly count: Float64Array;
  /** Mean of u for each parameter, 0 where the line goes through the origin, and sum of (u - mean)^2. */
  readonly meanU: Float64Array;
  readonly spreadU: Float64Array;
}

/** Least squares of y over u = (x - mean) * factor for each parameter; writes what is solved into weight and bias. */
function solveLines(
  { elements, spread: { mean }, parameters, solved }: AffineProblem,
  factor: Float64Array,
  skipped: ReadonlySet<number> | null,
  weight: Float64Array,
  bias: Float64Array,
): Lines {
  const count = new Float64Array(parameters);
  const meanU = new Float64Array(parameters);
  const meanY = new Float64Array(parameters);
  const spreadU = new Float64Array(parameters);
  if (!solved.weight && !solved.bias) return { count, meanU, spreadU };
  elements(({ count: length, x, y, sets, parameters: indices, flat }) => {
    for (let j = 0; j < length; j++) {
      if (skipped?.has(flat[j])) continue;
      const p = indices[j];
      const u = (x[j] - mean[sets[j]]) * factor[sets[j]];
      count[p]++;
      // A running mean, so that large values lose no digits.
      meanU[p] += (u - meanU[p]) / count[p];
      meanY[p] += (y[j] - meanY[p]) / count[p];
    }
  });
  if (solved.weight) {
    if (!solved.bias) meanU.fill(0);
    const inner = new Float64Array(parameters);
    elements(({ count: length, x, y, sets, parameters: indices, flat }) => {
      for (let j = 0; j < length; j++) {
        if (skipped?.has(flat[j])) continue;
        const p = indices[j];
        const centered = (x[j] - mean[sets[j]]) * factor[sets[j]] - meanU[p];
        spreadU[p] += centered * centered;
        inner[p] += centered * (y[j] - (solved.bias ? meanY[p] : bias[p]));
      }
    });
    for (let p = 0; p < parameters; p++) weight[p] = spreadU[p] > 0 ? inner[p] / spreadU[p] : 0;
  }
  if (solved.bias) for (let p = 0; p < parameters; p++) bias[p] = meanY[p] - weight[p] * meanU[p];
  return { count, meanU, spreadU };
}

function worstFirst<Stray extends { readonly excess: number }>(strays: Stray[]): Stray[] {
  return strays.sort((a, b) => b.excess - a.excess).slice(0, strayLimit);
}

/**
 * As {@link fitAffine}, leaving out up to `most` elements that spoil the fit: of each parameter the worst, again and
 * again, until the rest fits.
 *
 * @returns the fit of the rest, and what was left out; null if more had to be left out
 */
export function fitAllBut(
  problem: AffineProblem,
  factor: Float64Array,
  most: number,
  skipped: ReadonlySet<number> | null = null,
  rounds: number = most + 1,
): { readonly fit: AffineFit; readonly leftOut: ReadonlySet<number> } | null {
  const leftOut = new Set<number>(skipped);
  for (let round = 0; round < rounds; round++) {
    const fit = fitAffine(problem, factor, leftOut);
    if (fit.strayCount === 0) return { fit, leftOut };
    const worst = new Map<number, number>();
    for (const { parameter, flat } of fit.strays) if (!worst.has(parameter)) worst.set(parameter, flat);
    if (leftOut.size + worst.size > most) return null;
    for (const flat of worst.values()) leftOut.add(flat);
  }
  return null;
}
