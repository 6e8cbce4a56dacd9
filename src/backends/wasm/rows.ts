import type { Plan } from "../../plan/plan.ts";
import { constant, elementBytes } from "./operands.ts";
import { flag, type LoopShape } from "./request.ts";
import { parallel } from "./runtime.ts";
import { reserve } from "./workspace.ts";

/** Batch indices whose dy * xhat are added in the compute type before they go on in float64; as in kernels/rowsBackward.ts. */
const chainRows = 16;

/** Most items of a backward: each has sums of its own for every parameter. */
const mostItems = 32;

/** Each statistic is one contiguous row, each of whose elements has its own weight and bias (pool = inner = 1). */
export const rows: LoopShape = {
  forward({ plan, compute, x, y, weight, bias, mean, m2, rstd, eps }) {
    const scale = weight === 0 && bias !== 0 ? constant(1, plan.parameters, compute) : weight;
    parallel(
      `rowsForward${compute}`,
      [x, y, scale, bias, mean, m2, rstd, plan.group, plan.channel, flag(plan.centered), eps],
      plan.statistics,
    );
  },

  normalize({ plan, compute, x, y, weight, bias, mean, rstd }) {
    const scale = weight === 0 && bias !== 0 ? constant(1, plan.parameters, compute) : weight;
    parallel(
      `rowsNormalize${compute}`,
      [x, y, scale, bias, mean, rstd, plan.group, plan.channel],
      plan.statistics,
    );
  },

  backward(call) {
    const { plan, compute, x, dy, dx, weight, mean, rstd, fixed, parameters } = call;
    const g = reserve(plan.statistics * 8);
    const gXhat = reserve(plan.statistics * 8);
    const block = blockOf(plan);
    const items = Math.ceil(plan.batch / block);
    const itemBytes = plan.parameters * (16 + 2 * elementBytes(compute));
    const sums = parameters ? reserve(items * itemBytes) : 0;
    parallel(
      `rowsBackward${compute}`,
      [
        ...[x, dy, dx, weight, mean, rstd, g, gXhat, sums, plan.batch, plan.group, plan.channel, block],
        ...[flag(plan.centered), flag(fixed)],
      ],
      items,
    );
    if (!parameters) return { dWeight: 0, dBias: 0, g, gXhat };
    const dWeight = reserve(plan.parameters * 8);
    const dBias = reserve(plan.parameters * 8);
    parallel("mergeSums", [sums, dWeight, items, itemBytes, 8], plan.parameters);
    parallel("mergeSums", [sums + plan.parameters * 8, dBias, items, itemBytes, 8], plan.parameters);
    return { dWeight, dBias, g, gXhat };
  },

  gradInput({ plan, compute, x, dy, dx, weight, mean, rstd, sums }) {
    parallel(
      `rowsGradInput${compute}`,
      [
        ...[x, dy, dx, weight, mean, rstd, sums?.g ?? 0, sums?.gXhat ?? 0, plan.group, plan.channel],
        ...[flag(plan.centered), flag(sums === null)],
      ],
      plan.statistics,
    );
  },
};

/** Batch indices of one item: a multiple of the chain, the same for any number of threads. */
function blockOf(plan: Plan): number {
  return Math.max(1, Math.ceil(plan.batch / mostItems / chainRows)) * chainRows;
}
