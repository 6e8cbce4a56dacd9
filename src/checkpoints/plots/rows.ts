import type { Severity } from "../health/finding.ts";
import { clamped, logDomain, logEncoding, type Span } from "./logAxis.ts";
import { colours, config, healthEncoding, type Spec, schema, shortName } from "./style.ts";

/** One layer in a plot of the whole network. */
export interface LayerRow extends Span {
  readonly name: string;
  readonly health: Severity | "ok";
}

/** Below this width the names stand above their rows instead of beside them. */
const wide = 480;

/** One row for each layer: a line from the smallest to the largest channel, a bar between quartiles, the median. */
export function rowsSpec(layers: readonly LayerRow[], width: number): Spec {
  const domain = logDomain(layers);
  const isWide = width >= wide;
  const labels = distinct(layers.map(({ name }) => shortName(name, isWide ? 32 : 44)));
  const values = layers.map((layer, place) => ({
    ...clamped(layer, domain),
    label: labels[place],
    low: domain[0],
  }));
  const x = (field: string): object => ({
    field,
    ...logEncoding(domain, { orient: "top", offset: isWide ? 0 : 8 }),
  });
  const texts = {
    mark: { type: "text", align: "left", baseline: "bottom", dy: -6, fontSize: 11, color: colours.text },
    encoding: { x: { ...x("low") }, text: { field: "label" } },
  };
  return {
    $schema: schema,
    config,
    width,
    height: { step: isWide ? 24 : 38 },
    autosize: { type: "fit-x", contains: "padding" },
    padding: { left: 2, right: 12, top: 2, bottom: 2 },
    data: { values },
    encoding: {
      y: {
        field: "label",
        type: "nominal",
        sort: null,
        axis: isWide
          ? {
              title: null,
              ticks: false,
              domain: false,
              labelPadding: 8,
              labelColor: colours.text,
              labelLimit: 0,
            }
          : null,
      },
    },
    layer: [
      {
        mark: { type: "rule", strokeWidth: 1.5, color: colours.mark, opacity: 0.55 },
        encoding: { x: x("min"), x2: { field: "max" } },
      },
      {
        mark: { type: "rule", strokeWidth: 9, strokeCap: "round", color: colours.mark, opacity: 0.35 },
        encoding: { x: x("p25"), x2: { field: "p75" } },
      },
      {
        mark: { type: "point", filled: true, opacity: 1, stroke: colours.card, strokeWidth: 1 },
        encoding: { x: x("median"), ...healthEncoding },
      },
      ...(isWide ? [] : [texts]),
    ],
  };
}

/** Rows are told apart by their label, so that equal ones get zero-width spaces. */
function distinct(labels: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return labels.map((label) => {
    const times = seen.get(label) ?? 0;
    seen.set(label, times + 1);
    return label + "\u200b".repeat(times);
  });
}
