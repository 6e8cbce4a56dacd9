import type { Plan } from "../../plan/plan.ts";
import type { KernelPart } from "./link.ts";
import type { Compute } from "./operands.ts";

/** A plan's operands as addresses, in the compute type; 0 where there is none. */
export interface Call {
  readonly plan: Plan;
  readonly compute: Compute;
  readonly x: number;
}

/** Addresses of float64 [batch, group]. */
export interface StatisticsAt {
  readonly mean: number;
  readonly rstd: number;
}

/** A forward: where everything is, y = 0 if only the moments are wanted. */
export interface ForwardCall extends Call, StatisticsAt {
  readonly y: number;
  readonly weight: number;
  readonly bias: number;
  /** Sums of squared deviations, float64 [batch, group]. */
  readonly m2: number;
  readonly eps: number;
}

/** A normalization by given statistics. */
export interface NormalizeCall extends Call, StatisticsAt {
  readonly y: number;
  readonly weight: number;
  readonly bias: number;
}

/** A backward: where everything is, dx = 0 if only the sums are wanted. */
export interface BackwardCall extends Call, StatisticsAt {
  readonly dy: number;
  readonly dx: number;
  readonly weight: number;
  readonly fixed: boolean;
  readonly parameters: boolean;
}

/** Addresses of a backward's float64 sums; 0 where they were not asked for. */
export interface SumsAt {
  /** [2, group, channel]: sum of dy * xhat, sum of dy. */
  readonly parameters: number;
  /** [batch, group, channel, 2]: sum of dy and of dy * xhat. Rows do not work them out. */
  readonly pairs?: number;
}

/** dx by sums that are known. */
export interface GradInputCall extends Call, StatisticsAt {
  readonly dy: number;
  readonly dx: number;
  readonly weight: number;
  /** Sums of g and g * xhat, float64 [batch, group]; null for fixed statistics. */
  readonly sums: { readonly g: number; readonly gXhat: number } | null;
}

/** One loop shape: the same steps for the plans that it suits. */
export interface LoopShape {
  /** The kernels that it calls. */
  readonly kernels: readonly KernelPart[];
  /** Whether the statistics are summed in parts cut by the size of the whole plan, so that slices of it have other bits. */
  readonly isCutByPlan?: boolean;
  /** The same of the sums for weight and bias alone. */
  readonly areParametersCutByPlan?: boolean;
  forward(call: ForwardCall): void;
  normalize(call: NormalizeCall): void;
  backward(call: BackwardCall): SumsAt;
  /** Neighbouring groups that are summed together; a call on fewer has other bits. 1 by default. */
  groupsTogether?(plan: Plan, compute: Compute): number;
}

/** 1 or 0, as kernels take it. */
export function flag(value: boolean): number {
  return value ? 1 : 0;
}
