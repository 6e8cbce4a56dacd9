import type { Plan } from "../../plan/plan.ts";
import * as binary from "./binary/kernels.ts";
import { coefficientsBySums, coefficientsOf, pairsFor, parameterSums } from "./coefficients.ts";
import { type Compute, elementBytes } from "./operands.ts";
import { flag, type LoopShape } from "./request.ts";
import { parallel } from "./runtime.ts";
import { reserve } from "./workspace.ts";

/** Rows are folded until they have this many elements. */
const leastColumns = 32;

/** Blocks of rows over the whole batch: enough to share among threads. */
const blocksWanted = 32;

/** Least bytes of a block: its sums are 4 times as wide as a row, and must be little beside it. */
const leastBlockBytes = 1 << 15;

/** How a plan is cut: S columns, `fold` rows of the plan in each; blocks of `blockRows` such rows. */
interface Cut {
  readonly width: number;
  readonly fold: number;
  readonly S: number;
  readonly blockRows: number;
  readonly blocks: number;
  readonly frames: number;
}

/** Every column has its statistic and its parameter (pool > 1, little or nothing after the affine axes). */
export const columns: LoopShape = {
  kernels: binary.columns,
  isCutByPlan: true,
  areParametersCutByPlan: true,

  forward(call) {
    const { plan, compute, x, y, mean, m2, rstd, eps } = call;
    const { batch, pool, group } = plan;
    const cut = cutOf(plan, compute);
    const { width, fold, S, blockRows, blocks, frames } = cut;
    const chunk = width / group;
    const centered = flag(plan.centered);
    parallel(
      `columnsShift${compute}`,
      [x, frames, pool, group, chunk, fold, blockRows, centered],
      batch,
      plan.size,
    );
    parallel(`columnsSums${compute}`, [x, frames, pool, width, fold, blockRows], batch * blocks, plan.size);
    parallel(`columnsMerge${compute}`, [frames, S, blocks], batch);
    parallel(
      `columnsMoments${compute}`,
      [x, frames, mean, m2, rstd, pool, group, chunk, fold, blocks, centered, eps],
      batch,
    );
    if (y !== 0) normalizeIn(cut, call);
  },

  normalize(call) {
    normalizeIn(cutOf(call.plan, call.compute), call);
  },

  backward(call) {
    const { plan, compute, x, dy, dx, mean, rstd, fixed, parameters } = call;
    const { batch, pool, group, channel, inner } = plan;
    const cut = cutOf(plan, compute);
    const { width, fold, S, blockRows, blocks, frames } = cut;
    const pairs = pairsFor(plan);
    parallel(`columnsMeans${compute}`, [frames, mean, group, width / group, fold, blocks], batch);
    if (!fixed || parameters) {
      parallel(
        `columnsGradSums${compute}`,
        [x, dy, frames, pool, width, fold, blockRows],
        batch * blocks,
        plan.size,
      );
      parallel(`columnsMerge${compute}`, [frames, S, blocks], batch);
      parallel(
        `columnsGradMerge${compute}`,
        [frames, mean, rstd, pairs, group, channel, inner, fold, blocks],
        batch,
      );
    }
    if (dx !== 0) gradInputIn(cut, call, coefficientsOf(call, pairs), fixed);
    return parameters ? parameterSums(plan, pairs) : { dWeight: 0, dBias: 0 };
  },

  gradInput(call) {
    const { plan, compute, mean } = call;
    const cut = cutOf(plan, compute);
    const { width, fold, blocks, frames } = cut;
    parallel(
      `columnsMeans${compute}`,
      [frames, mean, plan.group, width / plan.group, fold, blocks],
      plan.batch,
    );
    gradInputIn(cut, call, coefficientsBySums(call), call.sums === null);
  },
};

function normalizeIn(cut: Cut, call: Parameters<LoopShape["normalize"]>[0]): void {
  const { plan, compute, x, y, weight, bias, mean, rstd } = call;
  const { batch, pool, group, channel, inner } = plan;
  const { width, fold, blockRows, blocks, frames } = cut;
  parallel(
    `columnsCoefficients${compute}`,
    [frames, weight, bias, mean, rstd, group, channel, inner, fold, blocks],
    batch,
  );
  parallel(
    `columnsNormalize${compute}`,
    [x, y, frames, pool, width, fold, blockRows],
    batch * blocks,
    plan.size,
  );
}

function gradInputIn(
  cut: Cut,
  call: { plan: Plan; compute: Compute; x: number; dy: number; dx: number },
  coefficients: number,
  fixed: boolean,
): void {
  const { plan, compute, x, dy, dx } = call;
  const { width, fold, blockRows, blocks, frames } = cut;
  parallel(
    `columnsGradCoefficients${compute}`,
    [frames, coefficients, plan.parameters, plan.inner, fold, blocks],
    plan.batch,
  );
  parallel(
    `columnsGradInput${compute}`,
    [x, dy, dx, frames, plan.pool, width, fold, blockRows, flag(fixed)],
    plan.batch * blocks,
    plan.size,
  );
}

/** The cut follows from the plan alone: the bits of the sums depend on it. */
function cutOf(plan: Plan, compute: Compute): Cut {
  const bytes = elementBytes(compute);
  const width = plan.parameters * plan.inner;
  const fold = Math.max(1, Math.min(Math.ceil(leastColumns / width), plan.pool));
  const S = fold * width;
  const rows = Math.ceil(plan.pool / fold);
  const wanted = Math.ceil((rows * plan.batch) / blocksWanted);
  const least = Math.max(64, Math.ceil(leastBlockBytes / (S * bytes)));
  const blockRows = Math.min(Math.ceil(Math.max(wanted, least) / 8) * 8, Math.ceil(rows / 8) * 8);
  const blocks = Math.ceil(rows / blockRows);
  const frames = reserve(plan.batch * S * (4 * bytes + 16 * (1 + blocks)));
  return { width, fold, S, blockRows, blocks, frames };
}
