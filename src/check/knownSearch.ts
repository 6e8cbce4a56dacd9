import { fitAffine } from "./affineFit.ts";
import type { Candidate } from "./candidate.ts";
import type { Block } from "./elements.ts";
import { deviations, plainEps } from "./epsForms.ts";
import { factorsAt } from "./epsSearch.ts";
import { enoughEvidence, evidenceOf } from "./evidence.ts";
import type { Partition } from "./partitions.ts";
import type { Noise } from "./precision.ts";
import {
  affineAxesOf,
  canIndex,
  distinctAxes,
  elementsOf,
  type Problem,
  sampledBlock,
  spreadOf,
} from "./problem.ts";
import {
  areFactorsFound,
  epsOfFactors,
  factorsOf,
  inputBound,
  type Kind,
  type Parameters,
  roundingBound,
  type Spread,
  summingRoundings,
} from "./scaleFit.ts";

const nothingSolved = { weight: false, bias: false };

/** Weight and bias as far as they are given, and the axes that they index. */
export interface KnownAffine extends Parameters {
  readonly axes: readonly number[];
  readonly hasAffine: boolean;
}

/** The ways that the given weight and bias fit the shape; none at all where none are given. */
export function knownAffines(problem: Problem, reduced: readonly (readonly number[])[]): KnownAffine[] {
  const { shape, weight, bias } = problem;
  if (weight === null && bias === null) {
    return [{ weight: null, bias: null, weightRounding: 0, biasRounding: 0, axes: [], hasAffine: false }];
  }
  return affineAxesOf(shape, reduced)
    .filter((axes) => [weight, bias].every((given) => given === null || canIndex(given, shape, axes)))
    .map((axes) => ({
      weight: weight?.values ?? null,
      bias: bias?.values ?? null,
      weightRounding: weight?.rounding ?? 0,
      biasRounding: bias?.rounding ?? 0,
      axes,
      hasAffine: true,
    }));
}

/**
 * Every normalization by x's own statistics, with no weight and bias or the given ones, that explains the sample.
 *
 * @param most elements that may be left unexplained
 */
export function knownCandidates(
  problem: Problem,
  partition: Partition,
  noise: Noise,
  isExact: boolean,
  most = 0,
): Candidate[] {
  const reduced = partition.descriptors.map(({ reducedAxes }) => reducedAxes);
  const kinds: Kind[] = ["centered", "rms", "l2"];
  const { moments } = problem.seenBy(partition);
  return kinds.flatMap((kind) => {
    const spread = spreadOf(moments, partition.count, kind);
    return knownAffines(problem, reduced).flatMap((affine) =>
      fitted(problem, { partition, spread, affine, noise, isExact, statistics: "batch" }, most),
    );
  });
}

/** Eval: the given running statistics, with no weight and bias or the given ones. */
export function givenStatisticsCandidates(problem: Problem, noise: Noise, isExact: boolean): Candidate[] {
  const { before, shape } = problem;
  if (before === null) return [];
  const channels = before.mean.length;
  const axes = distinctAxes(shape, [[1], [shape.length - 1]]).filter(([axis]) => shape[axis] === channels);
  return axes.flatMap(([axis]) => {
    const partition = problem.partitions.find(
      ({ descriptors: [{ reducedAxes, groups }] }) =>
        groups === 1 &&
        shape.every((extent, other) => extent === 1 || reducedAxes.includes(other) === (other !== axis)),
    );
    if (partition === undefined) return [];
    const channelOf = problem.sample.along[axis];
    const seen: number[] = [];
    // In the order in which the sample's statistics are numbered.
    problem.seenBy(partition).sets.forEach((set, j) => {
      seen[set] = channelOf[j];
    });
    const mean = Float64Array.from(seen, (c) => before.mean[c]);
    const power = Float64Array.from(seen, (c) => before.var[c]);
    const rms = power.map((value, place) => Math.sqrt(value + mean[place] ** 2));
    const spread: Spread = { kind: "centered", count: 2, mean, power, rms };
    return knownAffines(problem, [[axis]]).flatMap((affine) =>
      fitted(problem, { partition, spread, affine, noise, isExact, statistics: "fixed" }, 0)
        .filter(({ deviation }) => deviation.ddof === 0)
        .map((candidate) => ({ ...candidate, usesGivenStatistics: true })),
    );
  });
}

interface Hypothesis {
  readonly partition: Partition;
  readonly spread: Spread;
  readonly affine: KnownAffine;
  readonly noise: Noise;
  readonly isExact: boolean;
  readonly statistics: "batch" | "fixed";
}

function fitted(problem: Problem, hypothesis: Hypothesis, most: number): Candidate[] {
  const { partition, spread, affine, noise, isExact, statistics } = hypothesis;
  const block = sampledBlock(problem, partition, affine.axes);
  const constraints = block.count - new Set(block.sets).size;
  const evidence = evidenceOf(problem.scales, noise, constraints);
  if (evidence < enoughEvidence) return [];
  const left = most > 0 ? straysOf(block, spread, affine, noise, most, problem.skipped) : problem.skipped;
  if (left === null && most > 0) return [];
  const elements = elementsOf(block);
  const factors = factorsOf(elements, spread, affine, noise, left);
  if (!areFactorsFound(factors)) return [];
  const strays = most > 0 ? [...(left ?? [])] : [];
  return deviations.flatMap((deviation) => {
    if (spread.kind === "l2" && deviation.ddof === 1) return [];
    const eps = epsOfFactors(factors, spread, deviation, noise);
    if (eps === null) return [];
    const fit = fitAffine(
      {
        elements,
        spread,
        parameters: parameterTotal(block),
        solved: nothingSolved,
        ...affine,
        noise,
        scale: problem.scales.yDeviation,
      },
      factorsAt(spread, deviation, plainEps(eps)),
      left,
    );
    const shown = Math.min(evidence, (fit.bits * constraints) / block.count);
    if (shown < enoughEvidence) return [];
    return {
      partition,
      kind: spread.kind,
      statistics,
      deviation,
      eps,
      affineAxes: affine.axes,
      hasAffine: affine.hasAffine,
      solved: nothingSolved,
      freedom: 0,
      evidence: shown,
      weight: affine.weight,
      bias: affine.bias,
      residual: fit.residual,
      noise,
      isExact,
      strays,
      strayCount: strays.length,
    };
  });
}

function parameterTotal({ parameters }: Block): number {
  return parameters.reduce((most, p) => Math.max(most, p), 0) + 1;
}

/**
 * Elements that a factor common to the rest of their set does not explain: the factor is the median of
 * (y - bias) / (weight * (x - mean)).
 *
 * @returns null if there are more than `most`
 */
function straysOf(
  block: Block,
  spread: Spread,
  { weight, bias }: Parameters,
  noise: Noise,
  most: number,
  skipped: ReadonlySet<number> | null,
): ReadonlySet<number> | null {
  const ratios = new Map<number, number[]>();
  const slopeOf = (j: number): number => {
    const w = weight === null ? 1 : weight[block.parameters[j]];
    return w * (block.x[j] - spread.mean[block.sets[j]]);
  };
  const targetOf = (j: number): number => block.y[j] - (bias === null ? 0 : bias[block.parameters[j]]);
  for (let j = 0; j < block.count; j++) {
    const slope = slopeOf(j);
    // Near the mean the ratio is all rounding.
    if (slope === 0 || skipped?.has(block.flat[j])) continue;
    if (
      Math.abs(slope) <
      0.2 * spread.rms[block.sets[j]] * Math.abs(slope / (block.x[j] - spread.mean[block.sets[j]]))
    ) {
      if (spread.kind !== "centered") continue;
    }
    const known = ratios.get(block.sets[j]);
    if (known) known.push(targetOf(j) / slope);
    else ratios.set(block.sets[j], [targetOf(j) / slope]);
  }
  const median = new Map([...ratios].map(([set, all]) => [set, all.sort((a, b) => a - b)[all.length >> 1]]));
  const strays = new Set<number>(skipped);
  for (let j = 0; j < block.count; j++) {
    if (strays.has(block.flat[j])) continue;
    const set = block.sets[j];
    const factor = median.get(set) ?? 0;
    const gain = Math.abs((weight === null ? 1 : weight[block.parameters[j]]) * factor);
    const deviation = Math.abs(block.x[j] - spread.mean[set]);
    const b = bias === null ? 0 : bias[block.parameters[j]];
    const bound =
      roundingBound(noise, block.y[j], gain, deviation, summingRoundings(spread.count) * spread.rms[set], b) +
      gain * (inputBound(noise, block.x[j]) + inputBound(noise, spread.rms[set]));
    // The median's own rounding, at most that of an element nearer the mean, is let through by the factor.
    const allowed = 8 * bound + 1e-3 * noise.output.absolute;
    if (Math.abs(targetOf(j) - slopeOf(j) * factor) > allowed) {
      if (strays.size >= most) return null;
      strays.add(block.flat[j]);
    }
  }
  return strays;
}
