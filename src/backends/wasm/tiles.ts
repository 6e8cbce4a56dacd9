import type { Plan } from "../../plan/plan.ts";
import * as binary from "./binary/kernels.ts";
import { pairsFor, parameterSums } from "./coefficients.ts";
import { columns } from "./columns.ts";
import { type Compute, elementBytes } from "./operands.ts";
import { flag, type LoopShape } from "./request.ts";
import { parallel, scratchBytes } from "./runtime.ts";

/** A sample is at most this, to stay in the third-level cache. */
const mostTileBytes = 1 << 22;

/** Longer runs are planes. */
const leastPlane = 16;

/** Samples below which columns, which split the rows of one, have more to share among threads. */
const leastBatch = 8;

/** All columns of a sample over all of pool, from reading to writing while they are in cache. */
export const tiles: LoopShape = {
  kernels: binary.tiles,

  forward({ plan, compute, x, y, weight, bias, mean, m2, rstd, eps }) {
    const { pool, group, channel, inner } = plan;
    parallel(
      `tilesForward${compute}`,
      [x, y, weight, bias, mean, m2, rstd, pool, group, channel, inner, group, flag(plan.centered), eps],
      plan.batch,
      plan.size,
    );
  },

  normalize(call) {
    columns.normalize(call);
  },

  backward({ plan, compute, x, dy, dx, weight, mean, rstd, fixed, parameters }) {
    const { pool, group, channel, inner } = plan;
    const pairs = pairsFor(plan);
    parallel(
      `tilesBackward${compute}`,
      [
        ...[x, dy, dx, weight, mean, rstd, pairs, pool, group, channel, inner, group],
        ...[flag(plan.centered), flag(fixed)],
      ],
      plan.batch,
      plan.size,
    );
    return parameters ? parameterSums(plan, pairs) : { parameters: 0, pairs };
  },

  groupsTogether: ({ group }) => group,
};

/** Whether tiles suit a plan; it follows from the plan alone, since the bits of the sums depend on it. */
export function suitsTiles(plan: Plan, compute: Compute): boolean {
  const { batch, pool, group, channel, inner } = plan;
  // Parts of rows a power of two apart fall on the same lines of the cache: only whole rows are taken.
  const rowBytes = group * channel * inner * elementBytes(compute);
  return (
    pool > 1 &&
    inner < leastPlane &&
    batch >= leastBatch &&
    pool * rowBytes <= mostTileBytes &&
    scratchOf(plan, compute) <= scratchBytes
  );
}

/** Bytes for the coefficients and sums of the columns. */
function scratchOf({ group, channel, inner }: Plan, compute: Compute): number {
  const bytes = elementBytes(compute);
  return 64 + 3 * bytes * channel + group * channel * inner * (4 * bytes + 16);
}
