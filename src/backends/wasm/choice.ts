import type { Plan } from "../../plan/plan.ts";
import { columns } from "./columns.ts";
import type { Compute } from "./operands.ts";
import { planes } from "./planes.ts";
import type { LoopShape } from "./request.ts";
import { rows } from "./rows.ts";
import { suitsTiles, tiles } from "./tiles.ts";

/** Smaller plans are planes, which take one kernel, whatever their runs: calling several would take longer. */
const mostForOneKernel = 512;

/** Shorter runs are columns rather than planes. */
const leastInner = 16;

/** Shorter runs are parts of a row, with a weight and a bias for each element, if the rows are this many. */
const leastBatch = 8;

/**
 * The loop shape that suits each plan of a kind. A bundle holds the kernels of the kinds that its norms name, and no others.
 */
export interface Choice {
  /** Every loop shape that `shapeOf` may give. */
  readonly shapes: readonly LoopShape[];
  shapeOf(plan: Plan, compute: Compute): LoopShape;
}

/** For plans of rows: pool = inner = 1, as `trailingPlan` makes them. */
export const rowChoice: Choice = { shapes: [rows], shapeOf: () => rows };

/** For plans whose statistics are shared by all samples: batch = 1. Right for every plan. */
export const pooledChoice: Choice = {
  shapes: [planes, columns],
  shapeOf({ size, pool, inner }) {
    return pool === 1 || size <= mostForOneKernel || inner >= leastInner ? planes : columns;
  },
};

/** For every plan. */
export const anyChoice: Choice = {
  shapes: [planes, columns, rows, tiles],
  shapeOf(plan, compute) {
    const { batch, pool, channel, inner, size } = plan;
    // A row of one value is no row: planes give one sample of (N, C) the bits that it has among others.
    const isRow = inner === 1 ? channel > 1 : inner < leastInner && batch >= leastBatch;
    if (pool === 1) return isRow ? rows : planes;
    if (size > mostForOneKernel && suitsTiles(plan, compute)) return tiles;
    return pooledChoice.shapeOf(plan, compute);
  },
};
