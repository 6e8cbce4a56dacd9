import type { Finding } from "./health/finding.ts";
import type { ChannelTensor } from "./health/layerValues.ts";
import type { NormLayer } from "./normLayers.ts";
import type { Summary } from "./summary.ts";

/** What {@link LayerInspection.statistics} summarizes; `deviation` is sqrt(running variance). */
export type Quantity = ChannelTensor | "deviation" | "scale";

/** A normalization layer of a checkpoint: what it is, what its values are like, and what is wrong with it. */
export interface LayerInspection extends NormLayer {
  /** The eps that {@link LayerInspection.scale} was computed with; checkpoints do not hold it. */
  readonly eps: number;
  /** null if the checkpoint has none. */
  readonly numBatchesTracked: number | null;
  /** A summary for each tensor that is there and can be read. */
  readonly statistics: { readonly [Name in Quantity]?: Summary };
  /**
   * weight / sqrt(running variance + eps) for each channel; the weight if there are no running statistics. null if there
   * is neither, if they differ in size, or if the layers before have filled what is kept.
   */
  readonly scale: Float64Array | null;
  /** What is wrong with this layer, the worst first. */
  readonly findings: readonly Finding[];
}

/** What {@link inspect} says of a checkpoint. */
export interface Inspection {
  /** Every normalization layer, in the order of the file. */
  readonly layers: readonly LayerInspection[];
  /** The findings of all layers, the worst first. */
  readonly findings: readonly Finding[];
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
}
