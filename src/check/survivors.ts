import type { Candidate } from "./candidate.ts";
import { codeOf } from "./code.ts";
import { deviations } from "./epsForms.ts";
import { differencesFrom, type Meant } from "./meant.ts";
import { type Named, namesOf } from "./naming.ts";
import type { Applicable } from "./probe.ts";
import type { Problem } from "./problem.ts";
import type { Survivor } from "./result.ts";
import { movementOf } from "./running.ts";
import type { Ranked } from "./ties.ts";

/** A survivor, the function it is, and what it is ranked by. */
export interface Listed extends Ranked, Applicable {
  readonly named: Named;
}

const usualEps = [1e-5, 1e-3, 1e-6, 1e-12, 1e-8, 1e-7, 1e-4, 1e-10, 1e-2, 0.1];

/** Survivors of the candidates under all their names, the plainest first; what was meant before its equals. */
export function listed(problem: Problem, candidates: readonly Candidate[], meant: Meant | null): Listed[] {
  const { shape } = problem;
  const all = candidates.flatMap((candidate) =>
    namesOf(candidate, shape).flatMap((named) => {
      const survivors = survivorsOf(problem, candidate, named);
      return survivors.map((survivor, place) => ({
        survivor,
        named,
        candidate,
        descriptor: named.descriptor,
        functionKey: functionKeyOf(candidate, named, shape) + (place > 0 ? `#${place}` : ""),
      }));
    }),
  );
  const distance = new Map(
    all.map((each) => [each, meant === null ? 0 : differencesFrom(meant, each.survivor, shape).length]),
  );
  const orderOf = (each: Listed): number[] => [
    each.named.op === "Identity" ? 0 : 1,
    each.candidate.isExact ? 0 : 1,
    each.candidate.statistics === "batch" || each.candidate.usesGivenStatistics ? 0 : 1,
    distance.get(each) ?? 0,
    epsOrder(each.candidate),
    each.named.order,
    deviations.findIndex(
      ({ ddof, epsForm }) => ddof === each.survivor.ddof && epsForm === each.survivor.epsForm,
    ),
  ];
  return withoutRepeats(all).sort((a, b) => {
    const [left, right] = [orderOf(a), orderOf(b)];
    const place = left.findIndex((value, i) => value !== right[i]);
    return place < 0 ? 0 : left[place] - right[place];
  });
}

/** A usual eps, or none at all, is likelier than one that nobody writes. */
function epsOrder({ eps: [low, high], deviation }: Candidate): number {
  if (deviation.epsForm === "none") return 0;
  return usualEps.some((eps) => low <= eps && eps <= high) || low === 0 ? 0 : 1;
}

/** The same function found under two readings of the data is listed once, with the wider eps. */
function withoutRepeats(all: readonly Listed[]): Listed[] {
  const byName = new Map<string, Listed>();
  for (const each of all) {
    const { survivor, named } = each;
    const key = [
      each.functionKey,
      named.op,
      named.affine,
      named.descriptor.reducedAxes,
      named.descriptor.groups,
    ].join("/");
    const known = byName.get(key);
    if (known === undefined) byName.set(key, each);
    else {
      const eps = [
        Math.min(known.survivor.eps[0], survivor.eps[0]),
        Math.max(known.survivor.eps[1], survivor.eps[1]),
      ] as const;
      byName.set(key, { ...known, survivor: { ...known.survivor, eps } });
    }
  }
  return [...byName.values()];
}

function survivorsOf(problem: Problem, candidate: Candidate, named: Named): Survivor[] {
  const { shape } = problem;
  const { deviation, eps, kind, solved, weight, bias, residual, statistics, local, partition } = candidate;
  const { descriptor, affine, op, aliases } = named;
  const base: Survivor = {
    op,
    aliases,
    reducedAxes: descriptor.reducedAxes,
    groups: descriptor.groups,
    groupAxis: descriptor.groupAxis,
    centered: kind === "centered" || statistics === "fixed",
    ddof: deviation.ddof,
    epsForm: candidate.statistics === "fixed" && partition === null ? "inside" : deviation.epsForm,
    eps,
    affine,
    solved: solved.weight || solved.bias,
    weight: affine === "none" ? null : weight,
    bias: affine === "none" ? null : bias,
    statistics,
    count: partition?.count ?? 1,
    residual,
    ...codeOf(candidate, named, shape),
  };
  if (local !== undefined) {
    // The arrays show alpha / divisor alone; frameworks differ in the divisor.
    return [local.size, 1].map((alphaDivisor) => ({
      ...base,
      localResponse: { ...local, alpha: Number((local.scale * alphaDivisor).toPrecision(12)), alphaDivisor },
    }));
  }
  const movement = movementOf(problem, candidate);
  return [movement === null ? base : { ...base, ...movement }];
}

function functionKeyOf(
  candidate: Candidate,
  { descriptor, affine }: Named,
  shape: readonly number[],
): string {
  const { reducedAxes, groups, groupAxis } = descriptor;
  const isEachAlone = groupAxis !== null && groups === shape[groupAxis];
  const axes = isEachAlone ? reducedAxes.filter((axis) => axis !== groupAxis) : reducedAxes;
  const cut = isEachAlone || groupAxis === null ? "1" : `${groups}@${groupAxis}`;
  const { kind, statistics, deviation, affineAxes, local, solved } = candidate;
  const window = local === undefined ? "" : [local.axis, local.before, local.after, local.beta].join();
  const isFixed = statistics === "fixed" && candidate.partition === null;
  return [
    isFixed ? "" : axes.join(),
    cut,
    kind,
    statistics,
    deviation.ddof,
    deviation.epsForm,
    affine === "none" && !isFixed ? "" : affineAxes.join(),
    solved.bias,
    window,
  ].join("/");
}
