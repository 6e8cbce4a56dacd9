import type { Solved } from "./affineFit.ts";
import type { Deviation, Interval } from "./epsForms.ts";
import type { Partition } from "./partitions.ts";
import type { Noise } from "./precision.ts";
import type { Kind } from "./scaleFit.ts";

/** The window of a local response normalization. */
export interface LocalResponse {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
  /** Channels in the window, away from the edges. */
  readonly size: number;
  /** What the sum of squares is multiplied by: alpha, or alpha / size. */
  readonly scale: number;
  readonly beta: number;
  readonly k: number;
}

/** A hypothesis that explains the arrays. */
export interface Candidate {
  /** Which elements share statistics; null where none are taken from x. */
  readonly partition: Partition | null;
  readonly kind: Kind;
  readonly statistics: "batch" | "fixed";
  readonly deviation: Deviation;
  readonly eps: Interval;
  /** Axes that weight and bias index. */
  readonly affineAxes: readonly number[];
  /** Whether there are weight and bias at all. */
  readonly hasAffine: boolean;
  readonly solved: Solved;
  /** Numbers solved for besides eps. */
  readonly freedom: number;
  /** How unlikely a fit by chance is, in bits. */
  readonly evidence: number;
  /** Weight and bias as given or solved; null where there are none. */
  readonly weight: Float64Array | null;
  readonly bias: Float64Array | null;
  /** Largest |y - reproduced|. */
  readonly residual: number;
  /** The reading of the data under which it fits. */
  readonly noise: Noise;
  /** Whether x was taken as exact. */
  readonly isExact: boolean;
  /** Elements that it does not explain. */
  readonly strays: readonly number[];
  readonly strayCount: number;
  readonly local?: LocalResponse;
  /** Whether running statistics, given before the call, were used. */
  readonly usesGivenStatistics?: boolean;
}
