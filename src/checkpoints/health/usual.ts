import { quantile } from "../summary.ts";

/**
 * |weight| of a dead channel, as a part of the layer's upper quartile: a channel that adds less than a thousandth of
 * what the others do vanishes in float16's rounding (2^-11 = 1 / 2048). Network slimming (Liu et al. 2017,
 * arXiv:1708.06519) prunes by the same measure.
 */
const deadPart = 1e-3;

/** Upper quartile, so that the measure still holds where most channels are dead. */
const usualQuantile = 0.75;

/** What is usual among the live channels of a layer, and below which magnitude a channel is dead. */
export interface Usual {
  /** Median magnitude of the live channels; 0 if there is none. */
  readonly median: number;
  /** Magnitude up to which a channel is dead. */
  readonly deadLimit: number;
}

/** Tells the live channels of a layer from the dead ones by the magnitude of their values. */
export function usualOf(values: Float64Array): Usual {
  const sorted = values
    .map(Math.abs)
    .filter((value) => Number.isFinite(value))
    .sort();
  if (sorted.length === 0) return { median: 0, deadLimit: 0 };
  // An element, not a value between two, so that one exploding channel of four does not count.
  const deadLimit = deadPart * sorted[Math.floor(usualQuantile * (sorted.length - 1))];
  const live = sorted.filter((value) => value > deadLimit);
  return { median: live.length === 0 ? 0 : quantile(live, 0.5), deadLimit };
}
