import { quantile } from "../summary.ts";
import type { LayerLevel } from "./exploding.ts";
import { type Finding, finding, numberText, wholeLayer } from "./finding.ts";

/**
 * Deviation of the first layer's input that betrays pixels of 0..255. Images of 0..1 or of deviation 1 leave a first
 * convolution with a deviation of 0.1 to 2 (digits: 0.24), pixels of 0..255 with 60 to 255 times as much; 10 lies
 * between, on a logarithmic scale.
 */
const pixelDeviation = 10;

/**
 * How many times the deviation of the layers after it the first one's must be: these get normalized values whatever
 * the input's range was, so that only the first one shows it.
 */
const aboveOthers = 5;

/** Running statistics of the first layer that are those of an input of 0..255, not of 0..1. */
export function inputRange(levels: readonly LayerLevel[]): Finding[] {
  const [first, ...others] = levels.filter(({ deviation }) => deviation !== null);
  const deviation = first?.deviation ?? 0;
  if (deviation < pixelDeviation) return [];
  const later = Float64Array.from(others, (level) => level.deviation as number).sort();
  if (later.length > 0 && deviation < aboveOthers * quantile(later, 0.5)) return [];
  return [
    finding(first.name, "input-range", "warning", wholeLayer, {
      found: `The first layer's running deviation is ${numberText(deviation)}${later.length > 0 ? `, that of the layers after it ${numberText(quantile(later, 0.5))}` : ""}`,
      why: "The network was trained on inputs of 0..255, or otherwise unscaled: training hides it, as this layer divides it away, but inputs of 0..1 then give wrong results",
      fix: "Feed 0..255 where this network runs; if it was meant to get 0..1, train again or recompute the statistics with evenkeel calibrate",
    }),
  ];
}
