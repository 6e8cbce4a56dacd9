import type { Plan } from "../../plan/plan.ts";
import * as binary from "./binary/kernels.ts";
import { type Compute, constant, elementBytes, kernelPair } from "./operands.ts";
import { flag, type LoopShape } from "./request.ts";
import { parallel } from "./runtime.ts";
import { reserve } from "./workspace.ts";

/** Batch indices whose dy * xhat are added in the compute type before they go on in float64; as in kernels/rowsBackward.ts. */
const chainRows = 32;

/** Most items of a backward: each has sums of its own for every parameter. */
const mostItems = 32;

/** Up to this many elements x and y, of 8 MB, are taken to be in cache. */
const nearElements = 1 << 20;

const kernels = {
  forward: kernelPair("rowsForward"),
  normalize: kernelPair("rowsNormalize"),
  backward: kernelPair("rowsBackward"),
};

/** Each statistic is one contiguous row, each of whose elements has its own weight and bias (pool = inner = 1). */
export const rows: LoopShape = {
  kernels: binary.rows,
  areParametersCutByPlan: true,

  forward({ plan, compute, x, y, weight, bias, mean, m2, rstd, eps }) {
    const parameters = expanded(plan, compute, weight, bias);
    parallel(
      kernels.forward[compute],
      [
        x,
        y,
        parameters.weight,
        parameters.bias,
        mean,
        m2,
        rstd,
        plan.group,
        rowOf(plan),
        flag(plan.centered),
        nearFlag(plan),
        eps,
      ],
      plan.statistics,
      plan.size,
    );
  },

  normalize({ plan, compute, x, y, weight, bias, mean, rstd }) {
    const parameters = expanded(plan, compute, weight, bias);
    parallel(
      kernels.normalize[compute],
      [x, y, parameters.weight, parameters.bias, mean, rstd, plan.group, rowOf(plan), nearFlag(plan)],
      plan.statistics,
      plan.size,
    );
  },

  backward(call) {
    const { plan, compute, x, dy, dx, weight, mean, rstd, fixed, parameters } = call;
    const block = blockOf(plan);
    const items = Math.ceil(plan.batch / block);
    const itemBytes = plan.parameters * (16 + 2 * plan.inner * elementBytes(compute));
    const sums = parameters ? reserve(items * itemBytes) : 0;
    parallel(
      kernels.backward[compute],
      [
        ...[x, dy, dx, weightOf(plan, compute, weight), mean, rstd, sums],
        ...[plan.batch, plan.group, plan.channel, plan.inner, block],
        ...[flag(plan.centered), nearFlag(plan), flag(fixed)],
      ],
      items,
      plan.size,
    );
    if (!parameters) return { parameters: 0 };
    const merged = reserve(plan.parameters * 16);
    parallel("mergeSums", [sums, merged, items, itemBytes], plan.parameters * 2);
    return { parameters: merged };
  },
};

/** 1 where x and y stay in a cache between calls. It does not change results. */
function nearFlag({ size }: Plan): number {
  return flag(size <= nearElements);
}

/** Elements of a row. */
function rowOf({ channel, inner }: Plan): number {
  return channel * inner;
}

/** Weight and bias with one for each element of the rows, where there is either; a weight alone will do about a mean of 0. */
function expanded(
  plan: Plan,
  compute: Compute,
  weight: number,
  bias: number,
): { readonly weight: number; readonly bias: number } {
  if (weight === 0 && bias === 0) return { weight, bias };
  const isZero = bias === 0 && plan.centered;
  return {
    weight: weightOf(plan, compute, weight),
    bias: isZero ? constant(0, plan.parameters * plan.inner, compute) : expand(plan, compute, bias),
  };
}

/** The weight of each element of a row: 1 where there is none. */
function weightOf(plan: Plan, compute: Compute, weight: number): number {
  return weight === 0 ? constant(1, plan.parameters * plan.inner, compute) : expand(plan, compute, weight);
}

function expand({ parameters, inner }: Plan, compute: Compute, from: number): number {
  if (from === 0 || inner === 1) return from;
  const to = reserve(parameters * inner * elementBytes(compute));
  parallel(`expandParameters${compute}`, [from, to, inner], parameters);
  return to;
}

/** Batch indices of one item: a multiple of the chain, the same for any number of threads. */
function blockOf(plan: Plan): number {
  return Math.max(1, Math.ceil(plan.batch / mostItems / chainRows)) * chainRows;
}
