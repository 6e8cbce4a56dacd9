import { fitAffine } from "./affineFit.ts";
import type { Candidate } from "./candidate.ts";
import { factorsAt } from "./epsSearch.ts";
import { knownAffines } from "./knownSearch.ts";
import type { Noise } from "./precision.ts";
import { elementsOf, type Problem, sampledBlock, spreadOf } from "./problem.ts";
import type { Kind } from "./scaleFit.ts";

const usual = { ddof: 0, epsForm: "inside" } as const;
const usualEps = 1e-5;
const solved = { weight: false, bias: false };

/** The usual normalization whose result on the sample comes nearest to y, when none explains it. */
export function nearestCandidate(problem: Problem, noise: Noise): Candidate | null {
  let nearest: Candidate | null = null;
  for (const partition of problem.partitions) {
    const reduced = partition.descriptors.map(({ reducedAxes }) => reducedAxes);
    for (const kind of ["centered", "rms"] as Kind[]) {
      const spread = spreadOf(problem.seenBy(partition).moments, partition.count, kind);
      for (const affine of knownAffines(problem, reduced)) {
        const block = sampledBlock(problem, partition, affine.axes);
        const parameters = block.parameters.reduce((most, p) => Math.max(most, p), 0) + 1;
        const base = { elements: elementsOf(block), spread, parameters, solved, ...affine, noise };
        const { residual } = fitAffine(base, factorsAt(spread, usual, usualEps), problem.skipped);
        if (nearest !== null && !(residual < nearest.residual)) continue;
        nearest = {
          partition,
          kind,
          statistics: "batch",
          deviation: usual,
          eps: [usualEps, usualEps],
          affineAxes: affine.axes,
          hasAffine: affine.hasAffine,
          solved,
          freedom: 0,
          evidence: 0,
          weight: affine.weight,
          bias: affine.bias,
          residual,
          noise,
          isExact: true,
          strays: [],
          strayCount: 0,
        };
      }
    }
  }
  return nearest;
}
