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

/** Sums that backward needs; g = dy * weight. */
export interface GradSums {
  /** Per statistic: sum of g. */
  readonly g: Float64Array;
  /** Per statistic: sum of g * xhat. */
  readonly gXhat: Float64Array;
  /** Per parameter: sum of dy * xhat. */
  readonly dWeight: Float64Array;
  /** Per parameter: sum of dy. */
  readonly dBias: Float64Array;
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
