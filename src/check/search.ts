import type { Candidate } from "./candidate.ts";
import { amplEvidence } from "./evidence.ts";
import { givenStatisticsCandidates, knownCandidates } from "./knownSearch.ts";
import { localCandidates } from "./localSearch.ts";
import type { Noise } from "./precision.ts";
import type { Problem } from "./problem.ts";
import { fitHypothesis, identityHypothesis, solvedHypotheses, type Trial } from "./solvedSearch.ts";

/** Called after each partition that was tried. */
export type OnTried = (done: number, total: number) => void;

/**
 * Every hypothesis that explains the sample: first those that solve for nothing but eps, and only if none of them is
 * well supported those that solve for weight and bias.
 */
export function searchCandidates(
  problem: Problem,
  readings: readonly Noise[],
  isStored16: boolean,
  onTried: OnTried,
): Candidate[] {
  const { partitions } = problem;
  const hypotheses = solvedHypotheses(problem);
  const total = readings.length * (partitions.length + hypotheses.length);
  let tried = 0;
  const candidates: Candidate[] = [];
  const eachReading = (visit: (trial: Trial) => void): void =>
    readings.forEach((noise, place) => {
      // A 16-bit input is what the layer got; only if nothing explains it so was it rounded afterwards.
      if (place > 0 && isStored16 && candidates.length > 0) return;
      visit({ noise, isExact: place === 0, most: 0, wantsInterval: false });
    });
  eachReading((trial) => {
    const { noise, isExact } = trial;
    candidates.push(...givenStatisticsCandidates(problem, noise, isExact));
    candidates.push(...fitHypothesis(problem, identityHypothesis(), trial));
    for (const partition of partitions) {
      candidates.push(...knownCandidates(problem, partition, noise, isExact));
      onTried(++tried, total);
    }
  });
  if (isSettled(candidates)) return candidates;
  const solved: Candidate[] = [];
  eachReading((trial) => {
    const local = localCandidates(problem, trial.noise, trial.isExact);
    candidates.push(...local);
    let least = leastFreedom(candidates);
    for (const hypothesis of hypotheses) {
      onTried(++tried, total);
      if (hypothesis.freedom > least) continue;
      const found = fitHypothesis(problem, hypothesis, trial);
      if (found.length === 0) continue;
      solved.push(...fitHypothesis(problem, hypothesis, { ...trial, wantsInterval: true }));
      least = Math.min(least, leastFreedom(found));
    }
    candidates.push(...solved.splice(0));
  });
  const least = leastFreedom(candidates);
  const spared = candidates.filter(({ freedom }) => freedom <= least);
  if (spared.length > 0 || (problem.weight === null && problem.bias === null)) return spared;
  // The given weight and bias may not be the ones that were used.
  return searchCandidates({ ...problem, weight: null, bias: null }, readings, isStored16, onTried);
}

/** Numbers solved for by the plainest hypothesis that is well supported. */
function leastFreedom(candidates: readonly Candidate[]): number {
  return Math.min(
    ...candidates.filter(({ evidence }) => evidence >= amplEvidence).map(({ freedom }) => freedom),
  );
}

function isSettled(candidates: readonly Candidate[]): boolean {
  return candidates.some(({ evidence }) => evidence >= amplEvidence);
}

/** Hypotheses that explain all but at most `most` elements of the sample, each with the elements it does not. */
export function searchWithStrays(problem: Problem, readings: readonly Noise[], most: number): Candidate[] {
  const noise = readings[readings.length - 1];
  const isExact = readings.length === 1;
  const known = problem.partitions.flatMap((partition) =>
    knownCandidates(problem, partition, noise, isExact, most),
  );
  if (known.length > 0) return known;
  const trial = { noise, isExact, most, wantsInterval: true };
  const found: Candidate[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const hypothesis of solvedHypotheses(problem)) {
    if (hypothesis.freedom > least) break;
    found.push(...fitHypothesis(problem, hypothesis, trial));
    least = leastFreedom(found);
  }
  return found;
}
