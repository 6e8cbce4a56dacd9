import type { Plan } from "../../plan/plan.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Affine, Backend, Normalized, ParameterGrads, Statistics } from "../backend.ts";
import type { Choice } from "./choice.ts";
import { computeOf, doubles, parameter } from "./operands.ts";
import type { StatisticsAt, SumsAt } from "./request.ts";
import { provide } from "./runtime.ts";
import * as staged from "./staged.ts";
import { copyRows, releaseAll, reserve } from "./workspace.ts";

/**
 * WebAssembly kernels for the plans of a choice, of at least one element: float32 with float64 sums; float64 throughout for float64.
 */
// @__NO_SIDE_EFFECTS__
export function wasmFor({ shapes, shapeOf }: Choice): Backend {
  for (const { kernels } of shapes) provide(kernels);
  return {
    name: "wasm",

    moments(plan, x) {
      return inCall(() => forward(shapeOf, plan, x, 0, { weight: null, bias: null }, null).moments);
    },

    normalize(plan, x, statistics, affine, out) {
      inCall(() => {
        const compute = computeOf(x);
        const weight = parameter(affine.weight, compute);
        const bias = parameter(affine.bias, compute);
        const { mean, rstd } = statisticsAt(statistics);
        const call = { plan, compute, weight, bias, mean, rstd };
        staged.normalize(shapeOf(plan, compute), call, x, out);
      });
    },

    forward(plan, x, eps, affine, out) {
      return inCall(() => forward(shapeOf, plan, x, eps, affine, out));
    },

    backward(plan, x, dy, statistics, weight, { fixed, parameters }, out) {
      // A value that is its own mean has no gradient; rounding would leave a rest of it, rstd being large.
      const isZero = isSingle(plan) && !fixed;
      if (isZero) out.data.fill(0);
      if (isZero && !parameters) return null;
      return inCall(() => {
        const compute = computeOf(x);
        const { mean, rstd } = statisticsAt(statistics);
        const call = { plan, compute, weight: parameter(weight, compute), mean, rstd, fixed, parameters };
        const sums = staged.backward(shapeOf(plan, compute), call, x, dy, isZero ? null : out);
        return parameters ? parameterGrads(plan, sums) : null;
      });
    },
  };
}

/** Whether each statistic is of one value, which it then equals. */
export function isSingle(plan: Plan): boolean {
  return plan.count === 1 && plan.centered;
}

function forward(
  shapeOf: Choice["shapeOf"],
  plan: Plan,
  x: Tensor,
  eps: number,
  affine: Affine,
  out: Tensor | null,
): Normalized {
  const compute = computeOf(x);
  const n = plan.statistics;
  const mean = reserve(n * 24);
  const m2 = mean + n * 8;
  const rstd = m2 + n * 8;
  const weight = parameter(affine.weight, compute);
  const bias = parameter(affine.bias, compute);
  const call = { plan, compute, weight, bias, mean, m2, rstd, eps };
  staged.forward(shapeOf(plan, compute), call, x, out);
  const copies = copyRows(mean, n, 3);
  return {
    moments: { count: plan.count, mean: copies[0], m2: copies[1] },
    statistics: { mean: copies[0], rstd: copies[2] },
  };
}

/** Runs one call; what it reserved ends with it, also when it throws. */
export function inCall<R>(run: () => R): R {
  try {
    return run();
  } finally {
    releaseAll();
  }
}

export function statisticsAt({ mean, rstd }: Statistics): StatisticsAt {
  return { mean: doubles(mean), rstd: doubles(rstd) };
}

export function parameterGrads(plan: Plan, { parameters }: SumsAt): ParameterGrads {
  const copies = copyRows(parameters, plan.parameters, 2);
  return { dWeight: copies[0], dBias: copies[1] };
}
