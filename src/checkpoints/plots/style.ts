import type { Severity } from "../health/finding.ts";
import { printable } from "../printable.ts";

/** Colours as CSS custom properties, so that a drawing follows the page's light or dark scheme. */
export const colours: Readonly<Record<"mark" | "text" | "quiet" | "line" | "card" | "warm" | "bad", string>> =
  {
    mark: "var(--accent, #0b6e6e)",
    text: "var(--text, #17212b)",
    quiet: "var(--quiet, #566573)",
    line: "var(--line, #d5dde4)",
    card: "var(--card, #ffffff)",
    warm: "var(--warm, #b04a00)",
    bad: "var(--bad, #b3261e)",
  };

const states: readonly (Severity | "ok")[] = ["ok", "note", "warning", "error"];

const healthColours: readonly string[] = [colours.mark, colours.mark, colours.warm, colours.bad];

const healthShapes: readonly string[] = ["circle", "circle", "triangle-up", "diamond"];

/** Colour, shape and size of a layer's worst finding; the shape says it without colour. */
export const healthEncoding: { readonly [Channel in "color" | "shape" | "size"]: object } = {
  color: encodingOf(healthColours),
  shape: encodingOf(healthShapes),
  // Square pixels: triangles and diamonds look smaller than circles of their area.
  size: { condition: { test: { field: "health", oneOf: ["warning", "error"] }, value: 160 }, value: 70 },
};

function encodingOf(range: readonly string[]): object {
  return { field: "health", type: "nominal", scale: { domain: states, range }, legend: null };
}

/** What every plot shares. */
export const config: object = {
  // Each figure has one description; a label on every mark would be read out one by one.
  aria: false,
  background: "transparent",
  font: "system-ui, sans-serif",
  view: { stroke: null },
  axis: {
    labelColor: colours.quiet,
    titleColor: colours.quiet,
    titleFontWeight: "normal",
    domainColor: colours.line,
    tickColor: colours.line,
    gridColor: colours.line,
    labelFontSize: 11,
    titleFontSize: 11,
  },
};

/** A Vega-Lite specification. */
export type Spec = Readonly<Record<string, unknown>>;

/** The schema that the specifications are written in. */
export const schema: string = "https://vega.github.io/schema/vega-lite/v6.json";

/** The end of a long name, where nested names differ. */
export function shortName(name: string, length: number): string {
  const text = printable(name);
  return text.length <= length ? text : `…${text.slice(text.length - length + 1)}`;
}
