import type { Plan } from "../../plan/plan.ts";
import { toFloat64 } from "../../tensor/cast.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Affine, Backend, GradSums, Normalized, ParameterGrads, Statistics } from "../backend.ts";
import type { Choice } from "./choice.ts";
import { computeOf, doubles, parameter } from "./operands.ts";
import type { StatisticsAt, SumsAt } from "./request.ts";
import { provide } from "./runtime.ts";
import * as staged from "./staged.ts";
import { copyOf, float64At, releaseAll, reserve } from "./workspace.ts";

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

    gradSums(plan, x, dy, statistics, weight) {
      return inCall(() => {
        const compute = computeOf(x);
        const needs = { fixed: false, parameters: true };
        const call = {
          ...{ plan, compute, weight: parameter(weight, compute) },
          ...{ ...statisticsAt(statistics), ...needs },
        };
        const sums = staged.backward(shapeOf(plan, compute), call, x, dy, null);
        return { ...parameterGrads(plan, sums), ...statisticSums(plan, sums, weight) };
      });
    },

    gradInput(plan, x, dy, statistics, weight, sums, out) {
      if (isSingle(plan) && sums !== null) {
        out.data.fill(0);
        return;
      }
      inCall(() => {
        const compute = computeOf(x);
        const call = {
          ...{ plan, compute, weight: parameter(weight, compute), ...statisticsAt(statistics) },
          sums: sums && { g: doubles(sums.g), gXhat: doubles(sums.gXhat) },
        };
        staged.gradInput(shapeOf(plan, compute), call, x, dy, out);
      });
    },

    forward(plan, x, eps, affine, out) {
      return inCall(() => forward(shapeOf, plan, x, eps, affine, out));
    },

    backward(plan, x, dy, statistics, weight, needs, out) {
      // A value that is its own mean has no gradient; rounding would leave a rest of it, rstd being large.
      if (isSingle(plan) && !needs.fixed) {
        out.data.fill(0);
        return needs.parameters ? this.gradSums(plan, x, dy, statistics, weight) : null;
      }
      return inCall(() => {
        const compute = computeOf(x);
        const { mean, rstd } = statisticsAt(statistics);
        const { fixed, parameters } = needs;
        const call = { plan, compute, weight: parameter(weight, compute), mean, rstd, fixed, parameters };
        const sums = staged.backward(shapeOf(plan, compute), call, x, dy, out);
        return needs.parameters ? parameterGrads(plan, sums) : null;
      });
    },
  };
}

/** Whether each statistic is of one value, which it then equals. */
function isSingle(plan: Plan): boolean {
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
  const means = copyOf(mean, n);
  return {
    moments: { count: plan.count, mean: means, m2: copyOf(m2, n) },
    statistics: { mean: means, rstd: copyOf(rstd, n) },
  };
}

/** Runs one call; what it reserved ends with it, also when it throws. */
function inCall<R>(run: () => R): R {
  try {
    return run();
  } finally {
    releaseAll();
  }
}

function statisticsAt({ mean, rstd }: Statistics): StatisticsAt {
  return { mean: doubles(mean), rstd: doubles(rstd) };
}

function parameterGrads({ parameters }: Plan, { dWeight, dBias }: SumsAt): ParameterGrads {
  return { dWeight: copyOf(dWeight, parameters), dBias: copyOf(dBias, parameters) };
}

/** Sums of g and g * xhat of each statistic: those of its channels, weighted. */
function statisticSums(
  plan: Plan,
  { pairs, g, gXhat }: SumsAt,
  weight: Tensor | null,
): Pick<GradSums, "g" | "gXhat"> {
  const n = plan.statistics;
  if (pairs === undefined) return { g: copyOf(g ?? 0, n), gXhat: copyOf(gXhat ?? 0, n) };
  const sums = { g: new Float64Array(n), gXhat: new Float64Array(n) };
  const weights = weight && toFloat64(weight.data, weight.dtype);
  const perChannel = float64At(pairs, plan.batch * plan.parameters * 2);
  for (let s = 0, at = 0; s < n; s++) {
    for (let c = 0; c < plan.channel; c++, at += 2) {
      const w = weights === null ? 1 : weights[(s % plan.group) * plan.channel + c];
      sums.g[s] += w * perChannel[at];
      sums.gXhat[s] += w * perChannel[at + 1];
    }
  }
  return sums;
}
