import { type AffineProblem, fitAffine, fitAllBut, type Solved } from "./affineFit.ts";
import type { Candidate } from "./candidate.ts";
import type { Block } from "./elements.ts";
import { type Deviation, deviations, plainEps } from "./epsForms.ts";
import { type EpsFit, factorsAt, searchEps } from "./epsSearch.ts";
import { enoughEvidence, evidenceOf } from "./evidence.ts";
import type { Partition } from "./partitions.ts";
import type { Noise } from "./precision.ts";
import {
  affineAxesOf,
  canIndex,
  chosenFrom,
  compacted,
  distinctAxes,
  elementsOf,
  type Problem,
  parameterCount,
  sampledBlock,
  spreadOf,
} from "./problem.ts";
import type { Kind, Spread } from "./scaleFit.ts";

/** Parameters, and elements of each, that a hypothesis must explain before all of the sample is looked at. */
const screenedParameters = 4;
const screenedElements = 12;

const onlyForm: Deviation = { ddof: 0, epsForm: "none" };

/** Statistics that change nothing: y = weight * x + bias. */
export const noSpread: Spread = {
  kind: "rms",
  count: 1,
  mean: new Float64Array(1),
  power: new Float64Array(1).fill(1),
  rms: new Float64Array(1),
};

/** Which of weight and bias are solved for: what is not given, and where both are, first the bias, then both. */
function solvedOf({ weight, bias }: Problem, kind: Kind): Solved[] {
  if (weight !== null && bias === null) return [{ weight: false, bias: true }];
  if (weight === null && bias !== null) return [{ weight: true, bias: false }];
  const alone = { weight: true, bias: false };
  return kind === "centered" ? [{ weight: true, bias: true }, alone] : [alone, { weight: true, bias: true }];
}

/** A normalization to try, with weight or bias solved for. */
export interface SolvedHypothesis {
  /** Which elements share statistics; null: fixed statistics, or none. */
  readonly partition: Partition | null;
  readonly kind: Kind;
  /** Axes that weight and bias index. */
  readonly axes: readonly number[];
  readonly solved: Solved;
  /** How many numbers are solved for. */
  readonly freedom: number;
}

/** Every hypothesis that solves for weight or bias, those that solve for the fewest numbers first. */
export function solvedHypotheses(problem: Problem): SolvedHypothesis[] {
  const { shape, partitions } = problem;
  const kinds: Kind[] = ["centered", "rms"];
  const batch = partitions.flatMap((partition) =>
    affineAxesOf(
      shape,
      partition.descriptors.map(({ reducedAxes }) => reducedAxes),
    ).flatMap((axes) =>
      kinds.flatMap((kind) => solvedOf(problem, kind).map((solved) => ({ partition, kind, axes, solved }))),
    ),
  );
  const subsets = Array.from({ length: 2 ** shape.length }, (_, mask) =>
    shape.map((_, axis) => axis).filter((axis) => mask & (1 << axis)),
  );
  const fixed = distinctAxes(shape, subsets).flatMap((axes) =>
    [false, true].map((bias) => ({
      partition: null,
      kind: "rms" as const,
      axes,
      solved: { weight: true, bias },
    })),
  );
  return [...fixed, ...batch]
    .map((each) => {
      const solvedEach = Number(each.solved.weight) + Number(each.solved.bias);
      return { ...each, freedom: solvedEach * parameterCount(shape, each.axes) };
    })
    .sort((a, b) => a.freedom - b.freedom);
}

/** y = x. */
export function identityHypothesis(): SolvedHypothesis {
  return { partition: null, kind: "rms", axes: [], solved: { weight: false, bias: false }, freedom: 0 };
}

/** What a search is told besides its hypothesis. */
export interface Trial {
  readonly noise: Noise;
  readonly isExact: boolean;
  /** Elements that may be left unexplained. */
  readonly most: number;
  /** Whether the interval of eps is wanted, which costs more than the best eps. */
  readonly wantsInterval: boolean;
}

/** The candidates that a hypothesis gives: none if it does not explain the sample, else one for each deviation. */
export function fitHypothesis(problem: Problem, hypothesis: SolvedHypothesis, trial: Trial): Candidate[] {
  const { partition, kind, axes, solved } = hypothesis;
  const { noise, isExact, most } = trial;
  const { shape, weight, bias, scales, skipped } = problem;
  const spread =
    partition === null ? noSpread : spreadOf(problem.seenBy(partition).moments, partition.count, kind);
  const original = sampledBlock(problem, partition, axes);
  for (const [given, isSolved] of [
    [weight, solved.weight],
    [bias, solved.bias],
  ] as const) {
    if (given !== null && !isSolved && partition !== null && !canIndex(given, shape, axes)) return [];
  }
  const { block, original: numbers } = compacted(original);
  const parameters = numbers.length;
  const solvedEach = Number(solved.weight) + Number(solved.bias);
  const constraints = constraintsOf(block, parameters, solvedEach);
  const evidence = evidenceOf(scales, noise, constraints);
  if (evidence < enoughEvidence) return [];
  const taken = (given: Problem["weight"], isSolved: boolean): Float64Array | null =>
    given === null || isSolved || partition === null
      ? null
      : Float64Array.from(numbers, (p) => given.values[p]);
  const base: AffineProblem = {
    elements: elementsOf(block),
    spread,
    parameters,
    solved,
    weight: taken(weight, solved.weight),
    bias: taken(bias, solved.bias),
    noise,
  };
  const forms = partition === null ? [onlyForm] : formsOf(solved, partition.count);
  return forms.flatMap((deviation) => {
    const found =
      most > 0
        ? fittedAllBut(base, block, deviation, most, skipped)
        : fittedWhole(base, block, deviation, skipped, trial.wantsInterval);
    if (found === null) return [];
    const { search, strays } = found;
    // Where some bounds are wide, as in nearly constant sets, the fit says less than the arrays could.
    const measured = { ...base, scale: scales.yDeviation };
    const { bits } = fitAffine(measured, factorsAt(spread, deviation, search.best), skipped);
    const shown = Math.min(evidence, (bits * constraints) / block.count);
    if (shown < enoughEvidence) return [];
    const total = parameterCount(shape, axes);
    // What the sample does not solve is known only when the whole array is.
    const whole = (values: Float64Array, given: Problem["weight"], otherwise: number): Float64Array => {
      const spreadOut = given?.values.slice() ?? new Float64Array(total).fill(otherwise);
      numbers.forEach((p, place) => {
        spreadOut[p] = values[place];
      });
      return spreadOut;
    };
    const candidate: Candidate = {
      partition,
      kind: spread.kind,
      statistics: partition === null ? "fixed" : "batch",
      deviation,
      eps: partition === null ? [0, Number.POSITIVE_INFINITY] : search.eps,
      affineAxes: axes,
      hasAffine: solvedEach > 0,
      solved,
      freedom: hypothesis.freedom,
      evidence: shown,
      weight:
        solvedEach > 0
          ? whole(search.fit.weight, solved.weight ? null : weight, solved.weight ? Number.NaN : 1)
          : null,
      bias:
        solvedEach > 0
          ? whole(search.fit.bias, solved.bias ? null : bias, solved.bias ? Number.NaN : 0)
          : null,
      residual: search.fit.residual,
      noise,
      isExact,
      strays,
      strayCount: strays.length,
    };
    return partition === null ? [candidate] : withAbsorbedDdof(candidate);
  });
}

/** Values of y beyond what is solved for. */
function constraintsOf({ parameters }: Block, total: number, solvedEach: number): number {
  const counts = new Float64Array(total);
  for (const p of parameters) counts[p]++;
  // One more for eps.
  return counts.reduce((sum, count) => sum + Math.max(0, count - solvedEach), 0) - 1;
}

/** A weight that is solved for absorbs n / (n - ddof); a given one does not. */
function formsOf(solved: Solved, count: number): Deviation[] {
  return deviations.filter(({ ddof }) => ddof === 0 || (!solved.weight && count > 1));
}

/** The same function with the sample variance: its weight and its eps are larger, by the factor of the variance. */
function withAbsorbedDdof(candidate: Candidate): Candidate[] {
  const count = candidate.partition?.count ?? 1;
  if (!candidate.solved.weight || count < 2) return [candidate];
  const ratio = count / (count - 1);
  const { eps, weight, deviation } = candidate;
  const scale = deviation.epsForm === "outside" ? Math.sqrt(ratio) : ratio;
  return [
    candidate,
    {
      ...candidate,
      deviation: { ...deviation, ddof: 1 },
      eps: [eps[0] * scale, eps[1] * scale],
      weight: weight?.map((value) => value * Math.sqrt(ratio)) ?? null,
    },
  ];
}

interface Found {
  readonly search: EpsFit;
  readonly strays: readonly number[];
}

function fittedWhole(
  base: AffineProblem,
  block: Block,
  deviation: Deviation,
  skipped: ReadonlySet<number> | null,
  wantsInterval: boolean,
): Found | null {
  let from: number | undefined;
  const screen = screened(base, block);
  if (screen !== null) {
    const found = searchEps(screen, deviation, { wantsInterval: false, skipped });
    if (found === null) return null;
    from = found.best;
  }
  const search = searchEps(base, deviation, {
    ...(from === undefined ? {} : { from }),
    wantsInterval,
    skipped,
  });
  if (search === null || !wantsInterval) return search && { search, strays: [] };
  const fit = fitAffine(base, factorsAt(base.spread, deviation, plainEps(search.eps)), skipped);
  return { search: fit.misfit <= 1 ? { ...search, fit } : search, strays: [] };
}

/** The problem of some elements of some parameters, or of one parameter; null where that is all of them. */
function screened(base: AffineProblem, block: Block, only?: number): AffineProblem | null {
  const places = Array.from({ length: base.parameters }, (): number[] => []);
  for (let j = 0; j < block.count; j++) places[block.parameters[j]].push(j);
  const step = Math.max(1, Math.floor(base.parameters / screenedParameters));
  const chosen = only === undefined ? places.filter((_, p) => p % step === 0) : [places[only]];
  const some = chosen.slice(0, screenedParameters).flatMap((all) => {
    const stride = Math.max(1, Math.floor(all.length / screenedElements));
    return all.filter((_, i) => i % stride === 0).slice(0, screenedElements);
  });
  if (some.length === block.count) return null;
  const { block: small, original } = compacted(chosenFrom(block, some));
  const taken = (values: Float64Array | null): Float64Array | null =>
    values && Float64Array.from(original, (p) => values[p]);
  return {
    ...base,
    elements: elementsOf(small),
    parameters: original.length,
    weight: taken(base.weight),
    bias: taken(base.bias),
  };
}

/** Parameters that are tried one by one when some elements are allowed not to fit. */
const triedAlone = 5;

function fittedAllBut(
  base: AffineProblem,
  block: Block,
  deviation: Deviation,
  most: number,
  skipped: ReadonlySet<number> | null,
): Found | null {
  const guesses = new Set<number>();
  for (let p = 0; p < Math.min(base.parameters, triedAlone); p++) {
    const alone = screened(base, block, p) ?? base;
    const found = searchEps(alone, deviation, { wantsInterval: false, skipped });
    if (found !== null) guesses.add(found.best);
  }
  // A single parameter holds the stray element itself.
  if (base.parameters === 1) guesses.add(0);
  for (const eps of guesses) {
    const found = fitAllBut(base, factorsAt(base.spread, deviation, eps), most, skipped);
    if (found === null || found.leftOut.size === 0) continue;
    const settled = searchEps(base, deviation, { from: eps, wantsInterval: true, skipped: found.leftOut });
    if (settled !== null) return { search: settled, strays: [...found.leftOut] };
  }
  return null;
}
