import { medianOf } from "../summary.ts";
import { channelsText, channelsWhere, type Finding, finding, numberText, wholeLayer } from "./finding.ts";
import type { LayerValues } from "./layerValues.ts";
import { usualOf } from "./usual.ts";
import { isBelowEps } from "./variance.ts";

/**
 * How many times the usual deviation, mean or scale is too much: three orders of magnitude. In trained networks channels
 * of one layer, and layers of one network, differ by one or two.
 */
const explodingFactor = 1e3;

/** float16's largest number: a mean or deviation above it is of activations that float16 cannot hold. */
const largestHalf = 65504;

/** Channels of a layer that are needed for a usual value. */
const fewestChannels = 4;

/** Layers that are needed for a usual layer. */
const fewestLayers = 3;

interface Quantity {
  readonly what: string;
  /** One value at least 0 for each channel. */
  readonly values: Float64Array;
  /** What the values are measured against; what is usual among them if absent. */
  readonly usual?: number;
}

/** Channels whose statistics or scale are orders of magnitude above those of the layer's other channels. */
export function exploding(layer: LayerValues): Finding[] {
  return quantitiesOf(layer).flatMap(({ what, values, usual }) => {
    if (values.length < fewestChannels) return [];
    const limit = explodingFactor * (usual ?? usualOf(values).median);
    if (limit === 0 || !Number.isFinite(limit)) return [];
    const channels = channelsWhere(values.length, (channel) => isAbove(values[channel], limit));
    if (channels.count === 0) return [];
    const most = channels.first.reduce((max, channel) => Math.max(max, values[channel]), 0);
    return finding(layer.name, "exploding", "warning", channels, {
      found: `The ${what} is up to ${numberText(most)} in ${channelsText(channels)}, more than 1000 times the layer's usual ${numberText(limit / explodingFactor)}`,
      why: "A channel this large hides the others' rounding, and float16 or quantized inference breaks on it first",
      fix: "See which weights before this layer make it, whether a few odd samples do, and whether training diverged; recompute the statistics with evenkeel calibrate to tell stale ones from real ones",
    });
  });
}

function quantitiesOf({ runningMean, runningVar, weight, scale, eps }: LayerValues): Quantity[] {
  const found: Quantity[] = [];
  const deviation = runningVar?.map((variance) => Math.sqrt(variance));
  if (deviation) found.push({ what: "running deviation", values: deviation });
  // A mean is far off where it is beyond what the channels vary by, not where others happen to be centered.
  if (runningMean && deviation) {
    const magnitude = runningMean.map(Math.abs);
    found.push({
      what: "|running mean|",
      values: magnitude,
      usual: Math.max(usualOf(deviation).median, usualOf(magnitude).median),
    });
  }
  // A scale that a variance near 0 makes large is another rule's.
  if (runningVar && scale) {
    found.push({
      what: "|scale|",
      values: scale.map((value, channel) => (isBelowEps(runningVar[channel], eps) ? 0 : Math.abs(value))),
    });
  } else if (weight) found.push({ what: "|weight|", values: weight.map(Math.abs) });
  return found;
}

/** Means or deviations that float16 cannot hold, in any layer. */
export function beyondHalf({ name, runningMean, runningVar }: LayerValues): Finding[] {
  const isBeyond = (channel: number): boolean =>
    isAbove(Math.abs(runningMean?.[channel] ?? 0), largestHalf) ||
    isAbove(runningVar?.[channel] ?? 0, largestHalf ** 2);
  const channels = channelsWhere((runningMean ?? runningVar)?.length ?? 0, isBeyond);
  if (channels.count === 0) return [];
  return [
    finding(name, "beyond-float16", "warning", channels, {
      found: `The running mean or deviation is above ${largestHalf} in ${channelsText(channels)}`,
      why: "Activations this large do not fit float16, and few networks mean to have them",
      fix: "Scale the input, or look for a layer before this one that diverged",
    }),
  ];
}

/** What a layer is like among the others of its network. */
export interface LayerLevel {
  readonly name: string;
  /** Median of sqrt(running variance) over the live channels; null if there is none. */
  readonly deviation: number | null;
  /** Median of |scale| over the live channels; null if there is none. */
  readonly scale: number | null;
}

/** The level of a layer that rules over the whole network compare. */
export function levelOf({ name, runningVar, scale }: LayerValues): LayerLevel {
  const level = (values: Float64Array | null): number | null => {
    const { median } = usualOf(values ?? new Float64Array());
    return median > 0 ? median : null;
  };
  return {
    name,
    deviation: level(runningVar?.map((variance) => Math.sqrt(variance)) ?? null),
    scale: level(runningVar === null ? null : (scale?.map(Math.abs) ?? null)),
  };
}

/** Layers whose usual deviation or scale is orders of magnitude above that of the network's other layers. */
export function explodingLayers(levels: readonly LayerLevel[]): Finding[] {
  return (["deviation", "scale"] as const).flatMap((what) => {
    const known = levels.filter((level) => level[what] !== null);
    if (known.length < fewestLayers) return [];
    const usual = medianOf(Float64Array.from(known, (level) => level[what] as number));
    return known
      .filter((level) => isAbove(level[what] as number, explodingFactor * usual))
      .map(({ name, [what]: value }) =>
        finding(name, "exploding-layer", "warning", wholeLayer, {
          found: `The layer's median ${what === "scale" ? "|scale|" : "running deviation"} is ${numberText(value as number)}, more than 1000 times that of the network's layers, ${numberText(usual)}`,
          why: "Layers this far apart come from training that diverged, from stale statistics, or from a tensor of another network",
          fix: "Recompute the statistics with evenkeel calibrate and see whether they stay; compare with an earlier checkpoint",
        }),
      );
  });
}

function isAbove(value: number, limit: number): boolean {
  return Number.isFinite(value) && value > limit;
}
