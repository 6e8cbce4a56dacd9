import type { Plan } from "../../plan/plan.ts";
import { type Compute, elementBytes } from "./operands.ts";
import type { BackwardCall, GradInputCall, SumsAt } from "./request.ts";
import { flag } from "./request.ts";
import { parallel, view } from "./runtime.ts";
import { float64At, reserve } from "./workspace.ts";

/** Where a backward's pairs sum(dy), sum(dy * xhat) go: float64 [batch, group, channel, 2]. */
export function pairsFor(plan: Plan): number {
  return reserve(plan.batch * plan.parameters * 16);
}

/** dWeight and dBias: the pairs added over the batch. */
export function parameterSums(plan: Plan, pairs: number): SumsAt {
  const dWeight = reserve(plan.parameters * 16);
  const dBias = dWeight + plan.parameters * 8;
  parallel(
    "mergePairs",
    [pairs, dBias, dWeight, plan.batch, plan.parameters * 16],
    plan.parameters,
    plan.parameters * plan.batch,
  );
  return { parameters: dWeight, pairs };
}

/** Where the three coefficients of dx for every [batch, group, channel] go. */
export function gradientsFor(plan: Plan, compute: Compute): number {
  return reserve(plan.batch * plan.parameters * 3 * elementBytes(compute));
}

/** The three coefficients of dx for every [batch, group, channel], from the pairs. */
export function coefficientsOf(call: Omit<BackwardCall, "dy" | "dx">, pairs: number): number {
  const { plan, compute, weight, mean, rstd, fixed } = call;
  const coefficients = gradientsFor(plan, compute);
  parallel(
    `planesGradCoefficients${compute}`,
    [
      ...[weight, mean, rstd, pairs, coefficients, plan.group, plan.channel, plan.count],
      ...[flag(plan.centered), flag(fixed)],
    ],
    plan.statistics,
  );
  return coefficients;
}

/** The same coefficients, from the sums of g and g * xhat of each statistic. */
export function coefficientsBySums(call: GradInputCall): number {
  const { plan, compute, mean, rstd, sums } = call;
  const n = plan.batch * plan.parameters * 3;
  const pointer = reserve(n * elementBytes(compute));
  const dtype = compute === "F64" ? "float64" : "float32";
  const means = float64At(mean, plan.statistics);
  const rstds = float64At(rstd, plan.statistics);
  const g = sums && float64At(sums.g, plan.statistics);
  const gXhat = sums && float64At(sums.gXhat, plan.statistics);
  const coefficients = view(dtype, pointer, n);
  const weights = call.weight === 0 ? null : view(dtype, call.weight, plan.parameters);
  for (let s = 0, at = 0; s < plan.statistics; s++) {
    const r = rstds[s];
    const high = compute === "F64" ? means[s] : Math.fround(means[s]);
    const b = gXhat === null ? 0 : -r * r * (gXhat[s] / plan.count);
    const meanG = g === null || !plan.centered ? 0 : g[s] / plan.count;
    const c = g === null ? 0 : -r * meanG - b * (means[s] - high);
    const first = (s % plan.group) * plan.channel;
    for (let channel = 0; channel < plan.channel; channel++, at += 3) {
      coefficients[at] = weights === null ? r : r * weights[first + channel];
      coefficients[at + 1] = b;
      coefficients[at + 2] = c;
    }
  }
  return pointer;
}
