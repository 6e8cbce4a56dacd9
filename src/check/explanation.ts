import type { Tensor } from "../tensor/tensor.ts";

/** A normalization step by step, with its numbers. */
export interface Explanation {
  /** The layer as it prints. */
  readonly layer: string;
  readonly shape: readonly number[];
  readonly training: boolean;
  /** Axes that are reduced; with groups the channel axis within a group. */
  readonly reducedAxes: readonly number[];
  readonly groups: number;
  /** Values behind each statistic, and how many statistics there are. */
  readonly count: number;
  readonly sets: number;
  readonly centered: boolean;
  /** Whether x's own statistics normalize, or the running ones. */
  readonly statistics: "batch" | "running";
  readonly eps: number;
  /** The statistics, in the order of the axes that are not reduced; zero means where not centered. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly rstd: Float64Array;
  /** One element followed through the formula. */
  readonly element: {
    readonly position: readonly number[];
    readonly x: number;
    readonly set: number;
    readonly mean: number;
    readonly variance: number;
    readonly rstd: number;
    readonly xhat: number;
    readonly weight: number;
    readonly bias: number;
    readonly y: number;
  };
  /** Running statistics before the call and after it; null where there are none. */
  readonly running: {
    readonly momentum: number | null;
    readonly unbiasedBy: number;
    readonly meanBefore: Float64Array;
    readonly varBefore: Float64Array;
    readonly meanAfter: Float64Array;
    readonly varAfter: Float64Array;
  } | null;
  readonly y: Tensor;
  /** All of it as Markdown. */
  readonly markdown: string;
  /** All of it for a terminal; with colours if `colours` is true. */
  text(colours?: boolean): string;
}
