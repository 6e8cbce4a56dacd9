import type { TopLevelSpec } from "vega-lite";
import type { InspectionPlot } from "../checkpoints/index.ts";
import { Html, html } from "./html.ts";

/** Draws plots as static SVG. */
export type Draw = (plot: InspectionPlot) => Promise<Html>;

/** Loads the plotting library, which takes longer than the rest of the command. */
export async function svgRenderer(): Promise<Draw> {
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const logger = vega.logger(vega.None);
  return async ({ spec, description }) => {
    const { spec: compiled } = compile(spec as unknown as TopLevelSpec, { logger });
    const view = new vega.View(vega.parse(compiled), { renderer: "none", logger });
    try {
      return described(await view.toSVG(), description);
    } finally {
      view.finalize();
    }
  };
}

/** The drawing as one image with a title, for those who do not see it. */
function described(svg: string, description: string): Html {
  const [opening = ""] = /^<svg[^>]*>/.exec(svg) ?? [];
  const [, width = "0"] = / width="([\d.]+)"/.exec(opening) ?? [];
  const [, height = "0"] = / height="([\d.]+)"/.exec(opening) ?? [];
  const body = new Html(svg.slice(opening.length).replaceAll(/<[^>]*>/g, smallerTag));
  return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"><title>${description}</title>${body}`;
}

/** Coordinates to a hundredth of a pixel, and no attributes that only scripts and readers of single marks need. */
function smallerTag(tag: string): string {
  return tag
    .replaceAll(/ (role|class|pointer-events|aria-[a-z]+)="[^"]*"/g, "")
    .replaceAll(/\d+\.\d{3,}/g, (number) => String(Math.round(Number(number) * 100) / 100));
}
