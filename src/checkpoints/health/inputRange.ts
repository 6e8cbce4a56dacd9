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

/** What layers at a network's entry are called: stem, bn1, norm0, conv1_bn, bn_data. */
const entryName = /stem|(^|[./_])(input|data|bn_?[01]|norm_?[01]|conv_?1|bn_?conv_?1)([./_]|$)/i;

/**
 * The layer at the network's entry: files are often sorted by name, so that one outermost layer which is called so
 * goes before the first in order.
 */
function entryOf(levels: readonly LayerLevel[]): LayerLevel | undefined {
  const depthOf = ({ name }: LayerLevel): number => name.split(/[./]/).length;
  const outermost = Math.min(...levels.map(depthOf));
  const named = levels.filter((level) => depthOf(level) === outermost && entryName.test(level.name));
  return named.length === 1 ? named[0] : levels[0];
}

/** Running statistics of the first layer that are those of an input of 0..255, not of 0..1. */
export function inputRange(levels: readonly LayerLevel[]): Finding[] {
  const known = levels.filter(({ deviation }) => deviation !== null);
  const first = entryOf(known);
  const deviation = first?.deviation ?? 0;
  if (first === undefined || deviation < pixelDeviation) return [];
  const others = known.filter((level) => level !== first);
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
