import {
  type Channels,
  channelsText,
  channelsWhere,
  type Finding,
  finding,
  numberText,
  verb,
} from "./finding.ts";
import type { LayerValues } from "./layerValues.ts";
import { isInitial } from "./neverUpdated.ts";
import { usualOf } from "./usual.ts";

/** Part of the weights that may have the other sign before values near 0 are taken as crossing it, not as dead. */
const mixedSigns = 0.1;

/** From this part of the layer on, dead channels say that something went wrong, not only that it is too wide. */
const mostlyDead = 0.5;

/** Channels whose weight is 0, or nothing beside the layer's other weights. */
export function deadChannels(layer: LayerValues): Finding[] {
  const { name, weight } = layer;
  if (weight === null || weight.length === 0) return [];
  const channels = channelsWhere(weight.length, isDeadIn(weight));
  if (channels.count === 0) return [];
  if (channels.count === weight.length) return [allDead(layer, channels)];
  const isMost = channels.count >= mostlyDead * weight.length;
  return [
    finding(name, "dead-channels", isMost ? "warning" : "note", channels, {
      found: `weight is 0, or less than a thousandth of the layer's usual ${numberText(usualOf(weight).median)}, in ${channelsText(channels)}`,
      why: `${verb(channels, "This channel gives its", "These channels give their")} bias whatever comes in${isMost ? "; so many say that training went wrong here" : ""}`,
      fix: isMost
        ? "Look at weight decay on normalization weights, the learning rate, and the loss curve; or prune the channels if that was the aim"
        : `Prune ${verb(channels, "it", "them")} for a smaller network with the same output, or leave ${verb(channels, "it", "them")}: common with weight decay`,
    }),
  ];
}

/** Weight 0 throughout: on purpose at the end of a residual branch that is not trained yet. */
function allDead(layer: LayerValues, channels: Channels): Finding {
  const isNew =
    layer.runningVar === null ? layer.bias?.every((value) => value === 0) === true : isInitial(layer);
  return finding(layer.name, "dead-channels", isNew ? "note" : "warning", channels, {
    found: `weight is 0 in ${channelsText(channels)}`,
    why: isNew
      ? "The layer gives its bias whatever comes in; residual branches are started so (zero_init_residual)"
      : "The layer gives its bias whatever comes in, so that nothing before it matters",
    fix: isNew
      ? "Nothing, if this checkpoint is meant to be a start"
      : "Look for weights that were never loaded, an optimizer that left this layer out, or weight decay on normalization weights",
  });
}

function isDeadIn(weight: Float64Array): (channel: number) => boolean {
  const limit = usualOf(weight).deadLimit;
  const negative = weight.filter((value) => value < -limit).length;
  const positive = weight.filter((value) => value > limit).length;
  // Weights stored as their difference to 1 lie on both sides of 0, and a small one is a channel like others.
  const crossesZero = Math.min(negative, positive) > mixedSigns * (negative + positive);
  return (channel) => (crossesZero ? weight[channel] === 0 : Math.abs(weight[channel]) <= limit);
}
