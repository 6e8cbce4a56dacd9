import type { Plan } from "../../plan/plan.ts";
import { toFloat64 } from "../../tensor/cast.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { GradSums, SteppedBackend } from "../backend.ts";
import { pooledChoice } from "./choice.ts";
import { columnsGradInput } from "./columns.ts";
import { computeOf, doubles, parameter } from "./operands.ts";
import { planes, planesGradInput } from "./planes.ts";
import type { SumsAt } from "./request.ts";
import * as staged from "./staged.ts";
import { inCall, isSingle, parameterGrads, statisticsAt, wasmFor } from "./wasm.ts";
import { float64At } from "./workspace.ts";

/**
 * The kernels of {@link wasmFor} for plans whose statistics are shared by all samples, with a backward in two steps; apart from it,
 * since no norm on one machine calls them.
 */
// @__NO_SIDE_EFFECTS__
export function wasmSteps(): SteppedBackend {
  return {
    ...wasmFor(pooledChoice),

    gradSums(plan, x, dy, statistics, weight) {
      return inCall(() => {
        const compute = computeOf(x);
        const needs = { fixed: false, parameters: true };
        const call = {
          ...{ plan, compute, weight: parameter(weight, compute) },
          ...{ ...statisticsAt(statistics), ...needs },
        };
        const sums = staged.backward(pooledChoice.shapeOf(plan, compute), call, x, dy, null);
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
        const isPlanes = pooledChoice.shapeOf(plan, compute) === planes;
        staged.gradInput(isPlanes ? planesGradInput : columnsGradInput, call, x, dy, out);
      });
    },
  };
}

/** Sums of g and g * xhat of each statistic: those of its channels, weighted. */
function statisticSums(
  plan: Plan,
  { pairs = 0 }: SumsAt,
  weight: Tensor | null,
): Pick<GradSums, "g" | "gXhat"> {
  const n = plan.statistics;
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
