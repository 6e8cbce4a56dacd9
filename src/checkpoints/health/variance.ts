import { quantile } from "../summary.ts";
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

/**
 * Part of eps below which a running variance no longer matters: at a hundredth, 1 / sqrt(var + eps) differs from
 * 1 / sqrt(eps) by half a percent. Weight decay brings healthy networks there, but with weights that went along.
 */
const tinyVariancePart = 0.01;

/**
 * How many times the layer's usual scale makes a channel of no variance dangerous. A channel that died by weight decay
 * has a scale below the usual; one with weight 1 and eps 1e-5 has 316 where about 1 is usual. With a variance above 0 the
 * channel did vary, and layers with small variances throughout are common, so that only much more counts.
 */
const amplification = { zero: 1, tiny: 10 } as const;

/** What is taken as the usual scale if no channel has a variance: normalized values are multiplied by about 1. */
const usualScale = 1;

/** A running variance below 0, which no set of numbers has. */
export function negativeVariance({ name, runningVar, eps }: LayerValues): Finding[] {
  if (runningVar === null) return [];
  const channels = channelsWhere(runningVar.length, (channel) => runningVar[channel] < 0);
  if (channels.count === 0) return [];
  const nan = channelsWhere(runningVar.length, (channel) => runningVar[channel] + eps < 0).count;
  return [
    finding(name, "negative-variance", "error", channels, {
      found: `running_var is negative in ${channelsText(channels)}, down to ${numberText(lowest(runningVar))}`,
      why:
        nan > 0
          ? `sqrt(var + eps) is NaN ${nan === channels.count ? "there" : `in ${nan} of them`}, and so is the output`
          : "No data has such a variance; only eps keeps the root real",
      fix: "Recompute the statistics with evenkeel calibrate; look for variances made as E[x^2] - E[x]^2, averaged weights with negative factors, or tensors stored under swapped names",
    }),
  ];
}

function lowest(values: Float64Array): number {
  return values.reduce((least, value) => (value < least ? value : least), Number.POSITIVE_INFINITY);
}

/** A running variance of exactly 0: the channel's input never changed. */
export function zeroVariance(layer: LayerValues): Finding[] {
  const { name, runningVar, eps } = layer;
  if (runningVar === null) return [];
  const channels = channelsWhere(runningVar.length, (channel) => runningVar[channel] === 0);
  if (channels.count === 0) return [];
  const found = `running_var is 0 in ${channelsText(channels)}`;
  if (eps === 0) {
    return [
      finding(name, "zero-variance", "error", channels, {
        found: `${found}, and eps is 0`,
        why: "1 / sqrt(var + eps) is infinite, and the output is not usable",
        fix: "Give the layer an eps, such as 1e-5, or recompute the statistics with evenkeel calibrate",
      }),
    ];
  }
  return [
    finding(
      name,
      "zero-variance",
      severityOf(layer, amplification.zero, (variance) => variance === 0),
      channels,
      {
        found: `${found}${gainText(layer, channels)}`,
        why: `${verb(channels, "This channel's", "These channels'")} input was the same for every sample; a value that differs at all is multiplied by weight / sqrt(eps)`,
        fix: "See what comes in: a ReLU that is never active, a convolution whose weights died, constant padding. If nothing does, prune it; else recompute the statistics with evenkeel calibrate",
      },
    ),
  ];
}

/** Whether eps alone decides what a channel of this running variance is divided by. */
export function isBelowEps(variance: number, eps: number): boolean {
  return variance < tinyVariancePart * eps;
}

/** A running variance so small that eps alone decides the scale. */
export function tinyVariance(layer: LayerValues): Finding[] {
  const { name, runningVar, eps } = layer;
  if (runningVar === null) return [];
  const isTiny = (variance: number): boolean => variance > 0 && isBelowEps(variance, eps);
  const channels = channelsWhere(runningVar.length, (channel) => isTiny(runningVar[channel]));
  if (channels.count === 0) return [];
  return [
    finding(name, "tiny-variance", severityOf(layer, amplification.tiny, isTiny), channels, {
      found: `running_var is below ${numberText(tinyVariancePart * eps)}, a hundredth of eps, in ${channelsText(channels)}${gainText(layer, channels)}`,
      why: "eps alone decides what the channel is divided by, so that its output is not normalized, and another framework's eps gives another network",
      fix: `Keep eps at ${eps} wherever the network runs; if the channel is not meant to be silent, look at the weights before this layer, or recompute the statistics with evenkeel calibrate`,
    }),
  ];
}

/** A warning if any of these channels is multiplied by much more than is usual in the layer, else a note. */
function severityOf(
  { scale, runningVar }: LayerValues,
  limit: number,
  isConcerned: (variance: number) => boolean,
): "warning" | "note" {
  if (scale === null || runningVar === null) return "note";
  const others = scale
    .filter((value, channel) => !isConcerned(runningVar[channel]) && Number.isFinite(value))
    .map(Math.abs)
    .sort();
  const usual = others.length === 0 ? usualScale : quantile(others, 0.5);
  const isAmplified = scale.some(
    (value, channel) => isConcerned(runningVar[channel]) && Math.abs(value) > limit * usual,
  );
  return isAmplified ? "warning" : "note";
}

function gainText({ scale }: LayerValues, { first }: Channels): string {
  if (scale === null) return "";
  const gain = first.reduce((most, channel) => Math.max(most, Math.abs(scale[channel])), 0);
  return `, where the scale is up to ${numberText(gain)}`;
}
