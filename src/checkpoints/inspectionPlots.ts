import type { Severity } from "./health/finding.ts";
import type { Inspection, LayerInspection, Quantity } from "./inspection.ts";
import { bandSpec } from "./plots/bands.ts";
import { histogramSpec } from "./plots/histogram.ts";
import { type LayerRow, rowsSpec } from "./plots/rows.ts";
import type { Spread } from "./summary.ts";

/** A plot of an inspection: a Vega-Lite specification, plain JSON that any Vega-Lite renderer draws. */
export interface InspectionPlot {
  readonly quantity: Quantity;
  /** What is drawn: bars of one layer, a row for each layer, or bands over the layers' positions. */
  readonly form: "histogram" | "rows" | "bands";
  readonly title: string;
  /** The plot in words, for those who do not see it. */
  readonly description: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** What each quantity is called in a report. */
export const quantityTitles: Readonly<Record<Quantity, string>> = {
  weight: "weight",
  bias: "bias",
  runningMean: "running mean",
  runningVar: "running variance",
  deviation: "√ running variance",
  scale: "|scale|",
};

/** More layers than this are drawn as a band over their position instead of a row each. */
const mostRows = 60;

const layerQuantities = ["weight", "bias", "runningMean", "deviation", "scale"] as const;

/**
 * A histogram of each quantity of a layer, with the plot's width in pixels.
 *
 * Colours are CSS custom properties (`--accent`, `--text`, `--line`, `--warm`, `--bad`) with fallbacks, so that one
 * drawing follows a light and a dark page.
 *
 * @example
 * for (const { title, spec } of layerPlots(layer, 220)) draw(title, spec);
 */
export function layerPlots(layer: LayerInspection, width: number): InspectionPlot[] {
  return layerQuantities.flatMap((quantity) => {
    // Without running statistics the scale is the weight.
    if (quantity === "scale" && layer.statistics.deviation === undefined) return [];
    const spread = layer.statistics[quantity]?.spread;
    if (!spread) return [];
    const title = quantityTitles[quantity];
    return {
      quantity,
      form: "histogram",
      title,
      description: `${title} of ${layer.name}: from ${text(spread.min)} to ${text(spread.max)}, median ${text(spread.median)}`,
      spec: histogramSpec(spread.histogram, width),
    };
  });
}

/**
 * The scale and the running deviation of every layer on a logarithmic axis: smallest, quartiles, median and largest
 * channel. A row for each layer, or a band over their positions where there are more than 60.
 *
 * @example
 * const [scale] = networkPlots(await inspect(file), 640);
 * const svg = await new vega.View(vega.parse(compile(scale.spec).spec)).toSVG();
 */
export function networkPlots({ layers }: Pick<Inspection, "layers">, width: number): InspectionPlot[] {
  return (["scale", "deviation"] as const).flatMap((quantity) => {
    const rows = layers.flatMap((layer) => rowOf(layer, quantity));
    if (!rows.some(({ max }) => max > 0)) return [];
    const title = `${quantityTitles[quantity]} of the channels, layer by layer`;
    const form = rows.length > mostRows ? "bands" : "rows";
    const spec = form === "bands" ? bandSpec(rows, width) : rowsSpec(rows, width);
    return { quantity, form, title, description: describeRows(title, rows), spec };
  });
}

function rowOf(layer: LayerInspection, quantity: "scale" | "deviation"): LayerRow[] {
  const spread = layer.statistics[quantity]?.spread;
  return spread ? [{ name: layer.name, health: healthOf(layer), ...quartersOf(spread) }] : [];
}

function healthOf({ findings }: LayerInspection): Severity | "ok" {
  return findings[0]?.severity ?? "ok";
}

function quartersOf({ min, p25, median, p75, max }: Spread): Omit<LayerRow, "name" | "health"> {
  return { min, p25, median, p75, max };
}

function describeRows(title: string, rows: readonly LayerRow[]): string {
  const lowest = rows.reduce((low, row) => (row.median < low.median ? row : low));
  const highest = rows.reduce((high, row) => (row.median > high.median ? row : high));
  return (
    `${title}, ${rows.length} layers. The medians go from ${text(lowest.median)} in ${lowest.name} ` +
    `to ${text(highest.median)} in ${highest.name}`
  );
}

function text(value: number): string {
  return String(Number(value.toPrecision(3)));
}
