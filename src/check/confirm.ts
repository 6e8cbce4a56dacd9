import { localResponseNorm } from "../functional/localResponseNorm.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type AffineFit, fitAffine, fitAllBut } from "./affineFit.ts";
import type { Candidate } from "./candidate.ts";
import { wholeElements } from "./elements.ts";
import { plainEps } from "./epsForms.ts";
import { factorsAt } from "./epsSearch.ts";
import { type Partition, parameterStrides, setStrides } from "./partitions.ts";
import { type Problem, parameterCount, spreadOf } from "./problem.ts";
import type { Spread } from "./scaleFit.ts";
import { noSpread } from "./solvedSearch.ts";

/** eps is known within rounding, and so is every factor: both count. */
const confirmSlack = 2;

/** Elements of the whole array that may be left unexplained while the rest is still called a fit but for them. */
const fewStrays = 32;

/** Rounds of leaving out the worst element of each parameter. */
const strayRounds = 4;

/** Different fits that are held against the whole array, at most: each costs some passes over it. */
const mostConfirmed = 12;

/** Candidates that explain the whole array, or all but a few elements of it, with what the whole array says of them. */
export function confirmed(
  problem: Problem,
  candidates: readonly Candidate[],
): { readonly candidates: Candidate[]; readonly isComplete: boolean } {
  const known = new Map<string, Candidate | null>();
  const lines = new Map<string, Candidate>();
  let isComplete = true;
  // Fixed lines first: whatever is one line for each parameter is confirmed with them.
  const ordered = [...candidates].sort((a, b) => turnOf(a) - turnOf(b));
  const kept = ordered.flatMap((candidate) => {
    if (candidate.local !== undefined) return confirmedLocal(problem, candidate);
    const { partition, kind, affineAxes, solved, statistics } = candidate;
    const sets = partition === null ? "" : `${partition.view}|${partition.reduced}`;
    const key = [sets, kind, affineAxes, Object.values(solved), statistics].join("/");
    const before = known.get(key);
    if (before === undefined && known.size >= mostConfirmed && !isAbsorbed(candidate)) {
      isComplete = false;
      return [];
    }
    const line = lines.get(affineAxes.join());
    const found =
      before !== undefined
        ? before
        : line !== undefined && isAbsorbed(candidate)
          ? onLine(problem, candidate, line)
          : confirmedNorm(problem, candidate);
    if (partition === null && found !== null && solved.bias) lines.set(affineAxes.join(), found);
    known.set(key, found);
    if (found === null) return [];
    const { weight, bias, residual, strays, strayCount } = found;
    const ddof = solved.weight && candidate.deviation.ddof !== found.deviation.ddof;
    if (!ddof) return [{ ...candidate, weight, bias, residual, strays, strayCount }];
    const count = partition?.count ?? 1;
    const ratio = Math.sqrt(count / (count - 1)) ** (candidate.deviation.ddof - found.deviation.ddof);
    return [
      { ...candidate, weight: weight?.map((w) => w * ratio) ?? null, bias, residual, strays, strayCount },
    ];
  });
  return { candidates: kept, isComplete };
}

/** The order of confirmation: lines, what is absorbed by them, what has statistics of its own, what huge eps make constant. */
function turnOf(candidate: Candidate): number {
  if (candidate.partition === null) return 0;
  if (isAbsorbed(candidate)) return 1;
  if (candidate.eps[0] > 0 && candidate.eps[1] === Number.POSITIVE_INFINITY) return 4;
  return candidate.kind === "centered" ? 2 : 3;
}

/** Whether weight and bias make up for any statistics: each parameter sees one set, so that any eps fits. */
function isAbsorbed({ partition, eps, solved, kind }: Candidate): boolean {
  return partition !== null && kind === "centered" && solved.bias && eps[0] === 0 && eps[1] === Infinity;
}

/** A candidate that is the line y = slope * x + intercept of each parameter: its weight is slope / factor. */
function onLine(problem: Problem, candidate: Candidate, line: Candidate): Candidate {
  const { partition, affineAxes, deviation, eps, kind } = candidate;
  if (partition === null || line.weight === null || line.bias === null) return candidate;
  const spread = spreadOf(problem.momentsOf(partition), partition.count, kind);
  const factor = factorsAt(spread, deviation, plainEps(eps));
  const sets = setOfParameters(problem.shape, partition, affineAxes);
  const { weight: slope, bias: intercept, residual, strays, strayCount } = line;
  const weight = slope.map((value, p) => (factor[sets[p]] > 0 ? value / factor[sets[p]] : 0));
  const bias = intercept.map((value, p) => value + slope[p] * spread.mean[sets[p]]);
  return { ...candidate, weight, bias, residual, strays, strayCount };
}

/** The statistic of each parameter's first element. */
function setOfParameters(
  shape: readonly number[],
  partition: Partition,
  affineAxes: readonly number[],
): Int32Array {
  const steps = setStrides(partition);
  const parameterSteps = parameterStrides(shape, affineAxes);
  return Int32Array.from({ length: parameterCount(shape, affineAxes) }, (_, p) =>
    partition.view.reduce((set, extent, place) => {
      const axis = partition.axisOf[place];
      if (!affineAxes.includes(axis)) return set;
      const index = Math.floor(p / parameterSteps[axis]) % shape[axis];
      const isGroup = partition.axisOf[place + 1] === axis;
      const own = isGroup ? Math.floor(index / partition.view[place + 1]) : index % extent;
      return set + own * steps[place];
    }, 0),
  );
}

function confirmedNorm(problem: Problem, candidate: Candidate): Candidate | null {
  const { x, y, shape, before, skipped } = problem;
  const { partition, affineAxes, solved, noise, weight, bias, kind, deviation } = candidate;
  const spread =
    partition === null
      ? noSpread
      : candidate.usesGivenStatistics && before !== null
        ? {
            kind,
            count: 2,
            mean: before.mean,
            power: before.var,
            rms: before.var.map((value, c) => Math.sqrt(value + before.mean[c] ** 2)),
          }
        : spreadOf(problem.momentsOf(partition), partition.count, kind);
  const base = {
    elements: wholeElements(x, y, shape, partition, affineAxes),
    spread,
    parameters: candidate.hasAffine ? parameterCount(shape, affineAxes) : 1,
    solved,
    weight: solved.weight ? null : weight,
    bias: solved.bias ? null : bias,
    noise,
    slack: confirmSlack,
    factorWidth: partition === null ? new Float64Array(1) : factorWidths(candidate, spread),
  };
  const factor =
    partition === null ? new Float64Array([1]) : factorsAt(spread, deviation, plainEps(candidate.eps));
  const settle = (fit: AffineFit, strays: readonly number[]): Candidate => ({
    ...candidate,
    weight: candidate.hasAffine ? fit.weight : null,
    bias: candidate.hasAffine ? fit.bias : null,
    residual: fit.residual,
    strays,
    strayCount: strays.length,
  });
  const fit = fitAffine(base, factor, skipped);
  if (fit.strayCount === 0) return settle(fit, [...(skipped ?? [])]);
  // A stray element bends its own parameter's line, and makes strays of that parameter's elements alone.
  const bent = solved.weight || solved.bias ? x.length / base.parameters : 1;
  if (fit.strayCount > fewStrays * bent || fit.strayCount > x.length / 2) return null;
  const rest = fitAllBut(base, factor, fewStrays, skipped, strayRounds);
  return rest === null ? null : settle(rest.fit, [...rest.leftOut]);
}

/** What the interval of eps leaves open of each factor; common to all it is no matter where the weight is solved for. */
function factorWidths({ deviation, eps, solved }: Candidate, spread: Spread): Float64Array {
  const low = factorsAt(spread, deviation, eps[0]);
  if (eps[1] === Number.POSITIVE_INFINITY) return new Float64Array(low.length);
  const high = factorsAt(spread, deviation, eps[1]);
  const ratios = low.map((factor, s) => (factor > 0 ? high[s] / factor : 1));
  const common = solved.weight ? ratios.reduce((sum, ratio) => sum + ratio / ratios.length, 0) : 1;
  return low.map((factor, s) => factor * Math.abs(ratios[s] - common));
}

/** Sample by sample, so that no more than one is held in float64. */
function confirmedLocal(problem: Problem, candidate: Candidate): Candidate[] {
  const { x, y, shape, skipped } = problem;
  const { local, noise } = candidate;
  if (local === undefined) return [];
  const inner = [1, ...shape.slice(1)];
  const size = sizeOf(inner);
  const strays = [...(skipped ?? [])];
  let residual = 0;
  for (let start = 0; start < x.length; start += size) {
    const part = new Tensor("float64", inner, Float64Array.from(x.subarray(start, start + size)));
    const expected = localResponseNorm(part, {
      size: local.size,
      alpha: local.scale,
      alphaDivisor: 1,
      beta: local.beta,
      k: local.k,
      channelsBefore: local.before,
      channelsAfter: local.after,
      axis: local.axis,
    });
    for (let i = 0; i < size; i++) {
      const rest = Math.abs(y[start + i] - expected.data[i]);
      const bound =
        noise.output.absolute + (noise.output.relative + 24 * noise.unit) * Math.abs(y[start + i]);
      const ofInput = 3 * (noise.input.absolute + noise.input.relative * Math.abs(x[start + i]));
      if (skipped?.has(start + i)) continue;
      residual = Math.max(residual, rest);
      if (!(rest <= confirmSlack * (bound + ofInput))) strays.push(start + i);
      if (strays.length > fewStrays) return [];
    }
  }
  return [{ ...candidate, residual, strays, strayCount: strays.length }];
}
