import { localResponseNorm } from "../functional/localResponseNorm.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type AffineFit, fitAffine, fitAllBut } from "./affineFit.ts";
import type { Candidate } from "./candidate.ts";
import { wholeElements } from "./elements.ts";
import { plainEps } from "./epsForms.ts";
import { factorsAt } from "./epsSearch.ts";
import { type Problem, parameterCount, spreadOf } from "./problem.ts";
import { noSpread } from "./solvedSearch.ts";

/** eps is known within rounding, and so is every factor: both count. */
const confirmSlack = 2;

/** Elements of the whole array that may be left unexplained while the rest is still called a fit but for them. */
const fewStrays = 32;

/** Candidates that explain the whole array, or all but a few elements of it, with what the whole array says of them. */
export function confirmed(problem: Problem, candidates: readonly Candidate[]): Candidate[] {
  const known = new Map<string, Candidate | null>();
  return candidates.flatMap((candidate) => {
    if (candidate.local !== undefined) return confirmedLocal(problem, candidate);
    const { partition, kind, affineAxes, solved, statistics } = candidate;
    const sets = partition === null ? "" : `${partition.view}|${partition.reduced}`;
    const key = [sets, kind, affineAxes, Object.values(solved), statistics].join("/");
    const before = known.get(key);
    const found = before === undefined ? confirmedNorm(problem, candidate) : before;
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
  if (fit.strayCount > fewStrays * (solved.weight || solved.bias ? x.length : 1)) return null;
  const rest = fitAllBut(base, factor, fewStrays, skipped);
  return rest === null ? null : settle(rest.fit, [...rest.leftOut]);
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
