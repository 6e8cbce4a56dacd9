import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Report } from "./report.ts";
import { base } from "./roster.ts";
import { ratioToBase } from "./table.ts";

/** Okabe and Ito's colours and three more; seven shapes, so that no two entrants share both. */
export const colours = [
  ...["#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00"],
  ...["#cc79a7", "#999999", "#b8a800", "#8c6bb1", "#a6611a"],
];
const shapes = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right"];

/** The card's own colours, so that it can be read on a light and on a dark page. */
const lightAndDark = `<style>
  .ek-card { fill: #ffffff } .ek-text text { fill: #1f2328 } .ek-line line { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    .ek-card { fill: #0d1117 } .ek-text text { fill: #e6edf3 } .ek-line line { stroke: #3d444d }
  }
</style>`;

/** An SVG of each entrant's time divided by evenkeel's: one row per case, one panel per number of threads. */
export async function plotOf(report: Report): Promise<string> {
  const values = report.cases.flatMap((each) =>
    report.participants
      .filter(({ name, skipped }) => name !== base && skipped === null)
      .flatMap(({ name, threads }) => {
        const ratio = ratioToBase(each, name, threads);
        const panel = `${threads} thread${threads === 1 ? "" : "s"}`;
        return ratio === null ? [] : [{ name: each.case.name, entrant: name, panel, ratio }];
      }),
  );
  const entrants = [...new Set(values.map(({ entrant }) => entrant))];
  const encoding = {
    y: { field: "name", type: "nominal", sort: null, title: null, axis: { grid: true, labelLimit: 0 } },
    x: {
      field: "ratio",
      type: "quantitative",
      scale: { type: "log" },
      title: "time / evenkeel's (log scale; right of 1: slower than evenkeel)",
    },
    color: {
      field: "entrant",
      type: "nominal",
      title: null,
      scale: { domain: entrants, range: cycled(colours, entrants) },
    },
    shape: {
      field: "entrant",
      type: "nominal",
      title: null,
      scale: { domain: entrants, range: cycled(shapes, entrants) },
    },
  };
  const spec = {
    data: { values },
    facet: { column: { field: "panel", type: "nominal", title: null } },
    spec: {
      width: 420,
      height: { step: 17 },
      layer: [
        { mark: { type: "rule", strokeWidth: 2, color: "#8b949e" }, encoding: { x: { datum: 1 } } },
        { mark: { type: "point", filled: true, size: 55, opacity: 0.9 }, encoding },
      ],
    },
    config: {
      background: "transparent",
      view: { stroke: null },
      legend: { orient: "top", columns: 4, labelLimit: 0 },
      font: "sans-serif",
    },
  } as unknown as TopLevelSpec;
  return svgOf(spec);
}

/** A plot as an SVG that follows the reader's colour scheme. */
export async function svgOf(spec: TopLevelSpec): Promise<string> {
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: "none" });
  return themed(await view.toSVG());
}

/** The SVG on a card that follows the reader's colour scheme. */
function themed(svg: string): string {
  const opening = /^<svg[^>]*>/.exec(svg)?.[0] ?? "";
  const body = svg.slice(opening.length).replace("</svg>", "");
  const card = '<rect class="ek-card" width="100%" height="100%" rx="6"/>';
  return `${opening}${lightAndDark}${card}<g class="ek-text ek-line">${body}</g></svg>\n`;
}

function cycled(list: readonly string[], entrants: readonly string[]): readonly string[] {
  return entrants.map((_, index) => list[index % list.length] as string);
}
