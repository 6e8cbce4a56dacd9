import type { Plan } from "../../plan/plan.ts";
import * as binary from "./binary/kernels.ts";
import { coefficientsBySums, coefficientsOf, gradientsFor, pairsFor, parameterSums } from "./coefficients.ts";
import { type Compute, elementBytes } from "./operands.ts";
import { type Call, flag, type GradInputCall, type LoopShape, type StatisticsAt } from "./request.ts";
import { parallel, threadCount } from "./runtime.ts";
import { reserve } from "./workspace.ts";

/** Rows are folded until they have this many elements. */
const leastColumns = 32;

/** Blocks of rows over the whole batch: enough to share among threads. */
const blocksWanted = 32;

/** Least bytes of a block: its sums are 4 times as wide as a row, and must be little beside it. */
const leastBlockBytes = 1 << 15;

/** Statistics whose shifts are one item; as in kernels/columnsForward.ts. */
const shiftStatistics = 64;

/** Samples of at most this are read from the cache. */
const mostCachedBytes = 1 << 21;

/** How a plan is cut: S columns, `fold` rows of the plan in each; blocks of `blockRows` such rows. */
interface Cut {
  readonly width: number;
  readonly fold: number;
  readonly S: number;
  readonly blockRows: number;
  readonly blocks: number;
  readonly frames: number;
  /**
   * Rows that are normalized together; it does not change results. Beyond the cache eight take, from one moment to the next, as long as
   * four or twice as long; and after eight at equal distances a processor fetches a ninth, which is another thread's: two threads would
   * take longer than one.
   */
  readonly together: number;
}

/** Every column has its statistic and its parameter (pool > 1, little or nothing after the affine axes). */
export const columns: LoopShape = {
  kernels: binary.columns,
  isCutByPlan: true,
  areParametersCutByPlan: true,

  forward(call) {
    const { plan, compute, x, y, mean, m2, rstd, eps, weight, bias } = call;
    const { batch, pool, group, channel, inner } = plan;
    const cut = cutOf(plan, compute);
    const { width, fold, blockRows, blocks, frames } = cut;
    const centered = flag(plan.centered);
    parallel(
      `columnsShift${compute}`,
      [x, frames, pool, group, width / group, fold, blockRows, centered],
      batch * Math.ceil(group / shiftStatistics),
      batch * width * shiftWork,
    );
    parallel(`columnsSums${compute}`, [x, frames, pool, width, fold, blockRows], batch * blocks, plan.size);
    parallel(
      `columnsMoments${compute}`,
      [
        ...[x, frames, mean, m2, rstd, weight, bias, pool, group, channel, inner, fold, blocks],
        ...[centered, flag(y !== 0), eps],
      ],
      plan.statistics,
      mergeWork(plan, cut),
    );
    if (y !== 0) normalizeBy(cut, call);
  },

  normalize(call) {
    const { plan, compute, weight, bias, mean, rstd } = call;
    const { group, channel, inner } = plan;
    const cut = cutOf(plan, compute);
    const { fold, blocks, frames } = cut;
    parallel(
      `columnsCoefficients${compute}`,
      [frames, weight, bias, mean, rstd, group, channel, inner, fold, blocks],
      plan.statistics,
      plan.statistics * statisticWork,
    );
    normalizeBy(cut, call);
  },

  backward(call) {
    const { plan, compute, x, dy, dx, weight, mean, rstd, fixed, parameters } = call;
    const { batch, pool, group, channel, inner } = plan;
    const cut = cutOf(plan, compute);
    const { width, fold, blockRows, blocks, frames } = cut;
    const pairs = pairsFor(plan);
    setMeans(cut, call);
    if (!fixed || parameters) {
      const gradients = dx === 0 ? 0 : gradientsFor(plan, compute);
      parallel(
        `columnsGradSums${compute}`,
        [x, dy, frames, pool, width, fold, blockRows],
        batch * blocks,
        plan.size,
      );
      parallel(
        `columnsGradMerge${compute}`,
        [
          ...[frames, weight, mean, rstd, pairs, gradients, plan.count, group, channel, inner, fold, blocks],
          ...[flag(plan.centered), flag(fixed)],
        ],
        plan.statistics,
        mergeWork(plan, cut),
      );
    } else if (dx !== 0) setGradients(cut, call, coefficientsOf(call, pairs));
    if (dx !== 0) gradInputBy(cut, call, fixed);
    return parameters ? parameterSums(plan, pairs) : { parameters: 0 };
  },
};

/** dx by sums that are known. */
export function columnsGradInput(call: GradInputCall): void {
  const cut = cutOf(call.plan, call.compute);
  setMeans(cut, call);
  setGradients(cut, call, coefficientsBySums(call));
  gradInputBy(cut, call, call.sums === null);
}

/** What the steps that are not over elements take, in elements: for each statistic, and for each column's samples. */
const statisticWork = 16;
const shiftWork = 16;

function mergeWork(plan: Plan, { S, blocks }: Cut): number {
  return plan.batch * S * 2 * blocks + plan.statistics * statisticWork;
}

function normalizeBy(cut: Cut, { plan, compute, x, y }: Parameters<LoopShape["normalize"]>[0]): void {
  const { width, fold, blockRows, blocks, frames, together } = cut;
  parallel(
    `columnsNormalize${compute}`,
    [x, y, frames, plan.pool, width, fold, blockRows, together],
    plan.batch * blocks,
    plan.size,
  );
}

function setMeans({ width, fold, blocks, frames }: Cut, { plan, compute, mean }: Call & StatisticsAt): void {
  parallel(
    `columnsMeans${compute}`,
    [frames, mean, plan.group, width / plan.group, fold, blocks],
    plan.statistics,
  );
}

function setGradients({ fold, blocks, frames }: Cut, { plan, compute }: Call, gradients: number): void {
  const { group, channel, inner } = plan;
  parallel(
    `columnsGradCoefficients${compute}`,
    [frames, gradients, group, channel, inner, fold, blocks],
    plan.statistics,
  );
}

function gradInputBy(cut: Cut, call: Call & { dy: number; dx: number }, fixed: boolean): void {
  const { plan, compute, x, dy, dx } = call;
  const { width, fold, blockRows, blocks, frames } = cut;
  parallel(
    `columnsGradInput${compute}`,
    [x, dy, dx, frames, plan.pool, width, fold, blockRows, flag(fixed)],
    plan.batch * blocks,
    plan.size,
  );
}

/** All but `together` follows from the plan alone: the bits of the sums depend on it. */
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
  const isStreamed = plan.pool * width * bytes > mostCachedBytes;
  const together = threadCount() > 1 || isStreamed ? 4 : 8;
  return { width, fold, S, blockRows, blocks, frames, together };
}
