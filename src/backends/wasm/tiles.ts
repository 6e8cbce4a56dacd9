import type { Plan } from "../../plan/plan.ts";
import { pairsFor, parameterSums } from "./coefficients.ts";
import { columns } from "./columns.ts";
import { type Compute, elementBytes } from "./operands.ts";
import { planes } from "./planes.ts";
import { flag, type LoopShape } from "./request.ts";
import { parallel, scratchBytes } from "./runtime.ts";

/** Contiguous bytes of a tile's row: shorter reads waste what the processor fetches ahead. */
const leastRowBytes = 1 << 10;

/** A tile over all of pool is at most this, to stay in a core's second-level cache. */
const cachedBytes = 1 << 18;

/** A tile may be larger where its rows would be too short; then it stays in the third-level cache. */
const mostTileBytes = 1 << 22;

/** Longer runs are planes. */
const leastPlane = 128;

/** The columns of some neighbouring groups over all of pool, from reading to writing while they are in cache. */
export const tiles: LoopShape = {
  forward({ plan, compute, x, y, weight, bias, mean, m2, rstd, eps }) {
    const { pool, group, channel, inner } = plan;
    const block = blockOf(plan, compute);
    parallel(
      `tilesForward${compute}`,
      [x, y, weight, bias, mean, m2, rstd, pool, group, channel, inner, block, flag(plan.centered), eps],
      plan.batch * Math.ceil(group / block),
      plan.size,
    );
  },

  normalize(call) {
    (call.plan.inner >= 16 ? planes : columns).normalize(call);
  },

  backward({ plan, compute, x, dy, dx, weight, mean, rstd, fixed, parameters }) {
    const { pool, group, channel, inner } = plan;
    const pairs = pairsFor(plan);
    const block = blockOf(plan, compute);
    parallel(
      `tilesBackward${compute}`,
      [
        ...[x, dy, dx, weight, mean, rstd, pairs, pool, group, channel, inner, block],
        ...[flag(plan.centered), flag(fixed)],
      ],
      plan.batch * Math.ceil(group / block),
      plan.size,
    );
    return parameters ? parameterSums(plan, pairs) : { dWeight: 0, dBias: 0, pairs };
  },

  gradInput(call) {
    (call.plan.inner >= 16 ? planes : columns).gradInput(call);
  },
};

/** Whether tiles suit a plan; it follows from the plan alone, since the bits of the sums depend on it. */
export function suitsTiles(plan: Plan, compute: Compute): boolean {
  const { batch, pool, group, channel, inner } = plan;
  const bytes = elementBytes(compute);
  const most = mostGroups(plan, compute);
  if (pool === 1 || inner >= leastPlane || most === 0) return false;
  const isWhole = most >= group;
  // Parts of rows a power of two apart fall on the same lines of the cache: short runs make odd rows.
  if (inner < 16 && !isWhole) return false;
  const least = Math.min(group, Math.ceil(leastRowBytes / (channel * inner * bytes)));
  const block = inner < 16 ? group : least;
  return (
    block <= most && pool * block * channel * inner * bytes <= mostTileBytes && batch * (group / block) >= 8
  );
}

/** Groups whose columns and coefficients fit the scratch block. */
function mostGroups({ channel, inner }: Plan, compute: Compute): number {
  const bytes = elementBytes(compute);
  return Math.floor((scratchBytes - 64 - 3 * bytes * channel) / (channel * inner * (4 * bytes + 16)));
}

function blockOf(plan: Plan, compute: Compute): number {
  const { pool, group, channel, inner } = plan;
  const most = Math.min(group, mostGroups(plan, compute));
  if (inner < 16) return most;
  const rowBytes = channel * inner * elementBytes(compute);
  const least = Math.ceil(leastRowBytes / rowBytes);
  const cached = Math.floor(cachedBytes / (pool * rowBytes));
  return Math.min(Math.max(least, cached), most);
}
