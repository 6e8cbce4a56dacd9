import { clamped, logDomain, logEncoding, type Span } from "./logAxis.ts";
import type { LayerRow } from "./rows.ts";
import { colours, config, healthEncoding, type Spec, schema } from "./style.ts";

/** Places along the band; neighbouring layers share one where there are more. */
const mostPlaces = 400;

/** Layers with an error or a warning that are marked. */
const mostMarks = 400;

/** The channels of very many layers: bands over the layer's position in the file, and marks where something is wrong. */
export function bandSpec(layers: readonly LayerRow[], width: number): Spec {
  const domain = logDomain(layers);
  const perPlace = Math.ceil(layers.length / mostPlaces);
  const values: (Span & { readonly place: number })[] = [];
  for (let start = 0; start < layers.length; start += perPlace) {
    values.push({ place: start, ...clamped(together(layers.slice(start, start + perPlace)), domain) });
  }
  const marks = layers
    .map(({ health, median }, place) => ({
      health,
      place,
      median: Math.min(domain[1], Math.max(domain[0], median)),
    }))
    .filter(({ health }) => health === "error" || health === "warning")
    .slice(0, mostMarks);
  const y = (field: string): object => ({ field, ...logEncoding(domain, {}) });
  const x = {
    field: "place",
    type: "quantitative",
    scale: { domain: [0, layers.length - 1], nice: false, zero: false },
    axis: { title: "position of the layer", grid: false, format: "d", tickCount: 6 },
  };
  const area = (low: string, high: string, opacity: number): object => ({
    mark: { type: "area", color: colours.mark, opacity },
    encoding: { y: y(low), y2: { field: high } },
  });
  return {
    $schema: schema,
    config,
    width,
    height: 260,
    autosize: { type: "fit-x", contains: "padding" },
    padding: { left: 2, right: 12, top: 6, bottom: 2 },
    data: { values },
    encoding: { x },
    layer: [
      area("min", "max", 0.18),
      area("p25", "p75", 0.32),
      { mark: { type: "line", color: colours.mark, strokeWidth: 1.5 }, encoding: { y: y("median") } },
      {
        data: { values: marks },
        mark: { type: "point", filled: true, opacity: 1 },
        encoding: { y: y("median"), ...healthEncoding },
      },
    ],
  };
}

/** The extremes of several layers, and the middle of their quartiles and medians. */
function together(layers: readonly LayerRow[]): Span {
  const middle = (quantity: keyof Span): number => {
    const sorted = layers.map((layer) => layer[quantity]).sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
  };
  return {
    min: Math.min(...layers.map(({ min }) => min)),
    p25: middle("p25"),
    median: middle("median"),
    p75: middle("p75"),
    max: Math.max(...layers.map(({ max }) => max)),
  };
}
