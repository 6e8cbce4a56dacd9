import { channelsText, channelsWhere, type Finding, finding, verb } from "./finding.ts";
import { channelTensors, type LayerValues, stateNames } from "./layerValues.ts";

/** NaN or Infinity in any tensor. */
export function notFinite(layer: LayerValues): Finding[] {
  return channelTensors.flatMap((role) => {
    const values = layer[role];
    if (values === null) return [];
    const channels = channelsWhere(values.length, (channel) => !Number.isFinite(values[channel]));
    if (channels.count === 0) return [];
    const hasNan = values.some((value) => Number.isNaN(value));
    const hasInfinity = values.some((value) => Math.abs(value) === Number.POSITIVE_INFINITY);
    const what = [...(hasNan ? ["NaN"] : []), ...(hasInfinity ? ["Infinity"] : [])].join(" and ");
    return finding(layer.name, "not-finite", "error", channels, {
      found: `${stateNames[role]} holds ${what} in ${channelsText(channels)}`,
      why: `Whatever the input, ${verb(channels, "this channel's", "these channels'")} output is not usable, and layers after this one spread it to every channel`,
      fix: "Go back to the last checkpoint without it; look for a loss that overflowed, a learning rate too high, or float16 without loss scaling",
    });
  });
}
