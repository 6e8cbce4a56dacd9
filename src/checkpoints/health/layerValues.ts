import type { NormLayer } from "../normLayers.ts";

/** A normalization layer with its values, as the rules of health see it; null for what the checkpoint does not have. */
export interface LayerValues {
  readonly name: string;
  readonly kind: NormLayer["kind"];
  readonly kindBy: NormLayer["kindBy"];
  readonly eps: number;
  readonly weight: Float64Array | null;
  readonly bias: Float64Array | null;
  readonly runningMean: Float64Array | null;
  readonly runningVar: Float64Array | null;
  readonly numBatchesTracked: number | null;
  /** {@link scaleOf} the layer. */
  readonly scale: Float64Array | null;
}

/** Names of a layer's tensors with one value for each channel. */
export const channelTensors = ["weight", "bias", "runningMean", "runningVar"] as const;

/** The name of a layer's tensor with one value for each channel. */
export type ChannelTensor = (typeof channelTensors)[number];

/** A channel tensor's name as state dicts have it. */
export const stateNames: Readonly<Record<ChannelTensor, string>> = {
  weight: "weight",
  bias: "bias",
  runningMean: "running_mean",
  runningVar: "running_var",
};

/**
 * What a layer multiplies each channel by: weight / sqrt(runningVar + eps), an absent weight being 1; of a layer without
 * running statistics its weight, by which the normalized value is multiplied. null if the layer has neither.
 */
export function scaleOf(
  weight: Float64Array | null,
  runningVar: Float64Array | null,
  eps: number,
): Float64Array | null {
  if (runningVar === null) return weight;
  if (weight !== null && weight.length !== runningVar.length) return null;
  return runningVar.map((variance, channel) => (weight?.[channel] ?? 1) / Math.sqrt(variance + eps));
}
