import type { Moments } from "../plan/moments.ts";
import type { Plan } from "../plan/plan.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What normalizes: `xhat = (x - mean) * rstd`, one pair for each of the plan's statistics. */
export interface Statistics {
  /** Means; zeros for a plan that is not centered. */
  readonly mean: Float64Array;
  /** 1 / sqrt(variance + eps). */
  readonly rstd: Float64Array;
}

/** Scale and shift, each of the plan's `parameters` elements or absent. */
export interface Affine {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
}

/** Gradients of weight and bias. */
export interface ParameterGrads {
  /** Per parameter: sum of dy * xhat. */
  readonly dWeight: Float64Array;
  /** Per parameter: sum of dy. */
  readonly dBias: Float64Array;
}

/** Sums that backward needs; g = dy * weight. */
export interface GradSums extends ParameterGrads {
  /** Per statistic: sum of g. */
  readonly g: Float64Array;
  /** Per statistic: sum of g * xhat. */
  readonly gXhat: Float64Array;
}

/** What a fused backward is asked for. */
export interface GradNeeds {
  /** Whether the statistics were given, and so do not depend on x. */
  readonly fixed: boolean;
  /** Whether the gradients of weight and bias are wanted. */
  readonly parameters: boolean;
}

/** The result of a training forward: what normalized, and the moments behind it. */
export interface Normalized {
  readonly moments: Moments;
  readonly statistics: Statistics;
}

/**
 * The loops over elements. A backend knows plans, never which norm it serves; every argument has been
 * checked by its caller, and `out` has the input's dtype and size.
 */
export interface Backend {
  readonly name: string;
  /** Count, mean and M2 of each statistic; the mean is 0 where the plan is not centered. */
  moments(plan: Plan, x: Tensor): Moments;
  /** out = (x - mean) * rstd * weight + bias. */
  normalize(plan: Plan, x: Tensor, statistics: Statistics, affine: Affine, out: Tensor): void;
  /** `moments`, `statisticsOf` and `normalize` in one, so that x is read while it is in cache. */
  forward?(plan: Plan, x: Tensor, eps: number, affine: Affine, out: Tensor): Normalized;
  /**
   * out = rstd * (g - mean(g) - xhat * mean(g * xhat)), without the mean terms where the statistics were fixed; and the
   * gradients of weight and bias, null where they are not needed.
   */
  backward(
    plan: Plan,
    x: Tensor,
    dy: Tensor,
    statistics: Statistics,
    weight: Tensor | null,
    needs: GradNeeds,
    out: Tensor,
  ): ParameterGrads | null;
}

/** A backend whose backward can be taken in two steps, so that the sums of several ranks are merged between them. */
export interface SteppedBackend extends Backend {
  /** The sums over dy and dy * xhat. */
  gradSums(plan: Plan, x: Tensor, dy: Tensor, statistics: Statistics, weight: Tensor | null): GradSums;
  /**
   * out = rstd * (g - mean(g) - xhat * mean(g * xhat)); without the mean terms where `sums` is null
   * (the statistics were fixed), without the first of them where the plan is not centered.
   */
  gradInput(
    plan: Plan,
    x: Tensor,
    dy: Tensor,
    statistics: Statistics,
    weight: Tensor | null,
    sums: GradSums | null,
    out: Tensor,
  ): void;
}

/**
 * Statistics that normalize by these moments: rstd = 1 / sqrt(m2 / count + eps).
 *
 * Source: Ioffe and Szegedy 2015, algorithm 1: eps is inside the root, the variance is the biased one.
 */
export function statisticsOf(moments: Moments, eps: number): Statistics {
  return {
    mean: moments.mean,
    rstd: moments.m2.map((m2) => 1 / Math.sqrt(m2 / moments.count + eps)),
  };
}
