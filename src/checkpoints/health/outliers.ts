import { quantile } from "../summary.ts";
import { channelsText, channelsWhere, type Finding, finding, numberText } from "./finding.ts";
import type { LayerValues } from "./layerValues.ts";
import { usualOf } from "./usual.ts";

/** MAD times this is the standard deviation of normally distributed values (1 / 0.6745; Iglewicz and Hoaglin 1993). */
const madToDeviation = 1.4826;

/**
 * Robust deviations from the median that make an outlier. Iglewicz and Hoaglin call 3.5 unusual in normal data; trained
 * weights have longer tails (a healthy layer norm of 512 elements reaches 11), and of exponential tails less than one
 * value in 10^11 lies beyond 25.
 */
const outlierDeviations = 25;

/** Values that are needed for a median and a MAD worth the name. */
const fewestValues = 8;

/** Single weights or biases far outside the others. */
export function outliers(layer: LayerValues): Finding[] {
  return (["weight", "bias"] as const).flatMap((role) => {
    const values = layer[role];
    if (values === null || values.length < fewestValues) return [];
    const { median, deviation } = robustSpread(values);
    if (deviation === 0) return [];
    // A dead weight is far from the others too, but that is another rule's.
    const deadLimit = role === "weight" ? usualOf(values).deadLimit : -1;
    const isOutlier = (value: number): boolean =>
      Number.isFinite(value) &&
      Math.abs(value) > deadLimit &&
      Math.abs(value - median) > outlierDeviations * deviation;
    const channels = channelsWhere(values.length, (channel) => isOutlier(values[channel]));
    if (channels.count === 0) return [];
    const farthest = channels.first
      .map((channel) => values[channel])
      .reduce((most, value) => (Math.abs(value - median) > Math.abs(most - median) ? value : most), median);
    return finding(layer.name, "outliers", "note", channels, {
      found: `${role} is up to ${numberText(farthest)} in ${channelsText(channels)}; the median is ${numberText(median)} and the robust deviation ${numberText(deviation)}`,
      why: "A few extreme channels set the range that quantization has to cover, and large language models put much of their work into such ones",
      fix: "Keep the layer in float32, or quantize by channel; if a channel is new since the last checkpoint, look at the steps between",
    });
  });
}

/** Median and 1.4826 * MAD of the finite values. */
function robustSpread(values: Float64Array): { readonly median: number; readonly deviation: number } {
  const finite = values.filter((value) => Number.isFinite(value)).sort();
  if (finite.length === 0) return { median: 0, deviation: 0 };
  const median = quantile(finite, 0.5);
  const distances = finite.map((value) => Math.abs(value - median)).sort();
  return { median, deviation: madToDeviation * quantile(distances, 0.5) };
}
