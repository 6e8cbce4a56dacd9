import type { Tensor } from "../tensor/tensor.ts";
import type { LocalResponse } from "./candidate.ts";
import type { EpsForm, Interval } from "./epsForms.ts";

/** What weight and bias index: nothing, the channel, the last axis, or every element of what is normalized. */
export type AffineKind = "none" | "channel" | "last" | "element";

/** A normalization that explains the arrays; one that is not known exactly is given as all values that fit. */
export interface Survivor {
  /** Its name: `BatchNorm2d`, `GroupNorm`, `RMSNorm`, `Standardization`, `L2Normalize`, `LocalResponseNorm`, `Affine`, `Identity`. */
  readonly op: string;
  /** Other names of the very same function. */
  readonly aliases: readonly string[];
  /** Axes that a statistic is taken over; where groups is more than 1, the channel axis within a group. */
  readonly reducedAxes: readonly number[];
  /** Groups that the channels are cut into; 1: none. */
  readonly groups: number;
  /** The axis that is cut, or null. */
  readonly groupAxis: number | null;
  /** Whether the mean is subtracted. */
  readonly centered: boolean;
  /** Divisor n - ddof of the variance. */
  readonly ddof: 0 | 1;
  readonly epsForm: EpsForm;
  /** Smallest and largest eps that fit; Infinity where nothing bounds it. */
  readonly eps: Interval;
  readonly affine: AffineKind;
  /** Whether weight and bias were solved for rather than given. */
  readonly solved: boolean;
  /** Weight and bias, given or solved; null where there are none. */
  readonly weight: Float64Array | null;
  readonly bias: Float64Array | null;
  /** Whether x's own statistics normalize, or fixed ones (eval). */
  readonly statistics: "batch" | "fixed";
  /** Values behind one statistic. */
  readonly count: number;
  /** Largest |y - what this reproduces|. */
  readonly residual: number;
  /** PyTorch, NumPy and evenkeel code that reproduces y. */
  readonly torch: string;
  readonly numpy: string;
  readonly layer: string;
  /** Window and constants of a local response normalization. */
  readonly localResponse?: LocalResponse & { readonly alpha: number; readonly alphaDivisor: number };
  /** Momentum of the running statistics, where they were given before and after. */
  readonly momentum?: Interval;
  /** Which value momentum weighs, for the smaller of the two readings (0.1 of the new is 0.9 of the old). */
  readonly momentumWeighs?: "new" | "old";
  /** ddof of the running variance; both where they cannot be told apart. */
  readonly runningVarianceDdof?: 0 | 1 | readonly [0, 1];
}

/** Survivors that these arrays cannot tell apart. */
export interface Tie {
  /** Why. */
  readonly reason: string;
  /** Their places in `survivors`. */
  readonly survivors: readonly number[];
}

/** What {@link identify} finds. */
export interface Identification {
  /** Whether any normalization explains every element. */
  readonly fits: boolean;
  /** Whether only one function does. */
  readonly certain: boolean;
  /** The normalizations that do, the plainest first. */
  readonly survivors: readonly Survivor[];
  readonly ties: readonly Tie[];
  /** The smallest input found that tells the survivors apart; null where there is one or none. */
  readonly probe: Tensor<"float64"> | null;
  /** What differs from the layer that was meant, in words. */
  readonly differences: readonly string[];
  /** Positions in the array of the elements that spoil an otherwise good fit. */
  readonly corrupted: readonly (readonly number[])[];
  /** Where nothing fits: the guess that comes nearest. */
  readonly nearest: Survivor | null;
  /** How many hypotheses were tried. */
  readonly tried: number;
  /** All of it for people. */
  readonly message: string;
}
