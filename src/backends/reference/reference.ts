import type { Plan } from "../../plan/plan.ts";
import { storeFloat64, toFloat64 } from "../../tensor/cast.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { SteppedBackend } from "../backend.ts";

/**
 * Plain float64 loops: the definition of correct.
 *
 * Inputs of every dtype are widened to float64 (exactly), and results are rounded once, at the end.
 */
export const reference: SteppedBackend = {
  name: "reference",

  moments(plan, x) {
    const values = float64(x);
    const mean = new Float64Array(plan.statistics);
    const m2 = new Float64Array(plan.statistics);
    if (plan.centered) {
      forEachRun(plan, (statistic, _, start, end) => {
        for (let i = start; i < end; i++) mean[statistic] += values[i];
      });
      for (let s = 0; s < mean.length; s++) mean[s] /= plan.count;
      // The mean of the deviations is what rounding left in the first sum; a constant row ends at exactly its value.
      const residue = new Float64Array(plan.statistics);
      forEachRun(plan, (statistic, _, start, end) => {
        for (let i = start; i < end; i++) residue[statistic] += values[i] - mean[statistic];
      });
      for (let s = 0; s < mean.length; s++) if (Number.isFinite(mean[s])) mean[s] += residue[s] / plan.count;
    }
    // Two passes: E[x^2] - E[x]^2 loses every digit when |mean| >> std.
    forEachRun(plan, (statistic, _, start, end) => {
      for (let i = start; i < end; i++) m2[statistic] += (values[i] - mean[statistic]) ** 2;
    });
    return { count: plan.count, mean, m2 };
  },

  normalize(plan, x, { mean, rstd }, { weight, bias }, out) {
    const values = float64(x);
    const scale = weight && float64(weight);
    const shift = bias && float64(bias);
    const y = new Float64Array(plan.size);
    forEachRun(plan, (statistic, parameter, start, end) => {
      const w = scale ? scale[parameter] : 1;
      const b = shift ? shift[parameter] : 0;
      for (let i = start; i < end; i++) y[i] = (values[i] - mean[statistic]) * rstd[statistic] * w + b;
    });
    storeFloat64(y, out.data, out.dtype);
  },

  backward(plan, x, dy, statistics, weight, { fixed, parameters }, out) {
    const sums = fixed && !parameters ? null : reference.gradSums(plan, x, dy, statistics, weight);
    reference.gradInput(plan, x, dy, statistics, weight, fixed ? null : sums, out);
    return sums;
  },

  gradSums(plan, x, dy, { mean, rstd }, weight) {
    const values = float64(x);
    const upstream = float64(dy);
    const scale = weight && float64(weight);
    const g = new Float64Array(plan.statistics);
    const gXhat = new Float64Array(plan.statistics);
    const dWeight = new Float64Array(plan.parameters);
    const dBias = new Float64Array(plan.parameters);
    forEachRun(plan, (statistic, parameter, start, end) => {
      let sum = 0;
      let sumXhat = 0;
      for (let i = start; i < end; i++) {
        sum += upstream[i];
        sumXhat += upstream[i] * ((values[i] - mean[statistic]) * rstd[statistic]);
      }
      const w = scale ? scale[parameter] : 1;
      g[statistic] += w * sum;
      gXhat[statistic] += w * sumXhat;
      dWeight[parameter] += sumXhat;
      dBias[parameter] += sum;
    });
    return { g, gXhat, dWeight, dBias };
  },

  gradInput(plan, x, dy, { mean, rstd }, weight, sums, out) {
    const values = float64(x);
    const upstream = float64(dy);
    const scale = weight && float64(weight);
    const dx = new Float64Array(plan.size);
    forEachRun(plan, (statistic, parameter, start, end) => {
      const w = scale ? scale[parameter] : 1;
      const meanG = sums && plan.centered ? sums.g[statistic] / plan.count : 0;
      const meanGXhat = sums ? sums.gXhat[statistic] / plan.count : 0;
      for (let i = start; i < end; i++) {
        const g = upstream[i] * w;
        if (sums === null) dx[i] = g * rstd[statistic];
        else {
          const xhat = (values[i] - mean[statistic]) * rstd[statistic];
          dx[i] = rstd[statistic] * (g - meanG - xhat * meanGXhat);
        }
      }
    });
    storeFloat64(dx, out.data, out.dtype);
  },
};

function float64(tensor: Tensor): Float64Array {
  return toFloat64(tensor.data, tensor.dtype);
}

/** Visits the runs of `inner` elements that share a statistic and a parameter, in the order of memory. */
function forEachRun(
  { batch, pool, group, channel, inner }: Plan,
  visit: (statistic: number, parameter: number, start: number, end: number) => void,
): void {
  let start = 0;
  for (let b = 0; b < batch; b++) {
    for (let p = 0; p < pool; p++) {
      for (let g = 0; g < group; g++) {
        for (let c = 0; c < channel; c++) {
          visit(b * group + g, g * channel + c, start, start + inner);
          start += inner;
        }
      }
    }
  }
}
