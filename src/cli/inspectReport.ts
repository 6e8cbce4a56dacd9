import {
  conventions,
  type FindingGroup,
  groupFindings,
  type Inspection,
  type InspectionPlot,
  type LayerInspection,
  layerPlots,
  networkPlots,
  type Quantity,
  quantityTitles,
  type Summary,
} from "../checkpoints/index.ts";
import { shapeText } from "../tensor/shape.ts";
import { barsOf } from "./bars.ts";
import { Html, html } from "./html.ts";
import { reportStyle } from "./inspectStyle.ts";
import { countsOf, countsText, kindsText, plural, threeDigits, verdict } from "./inspectText.ts";
import { type Draw, svgRenderer } from "./svg.ts";

/** Layers whose distributions are drawn; with more, those with findings come first. */
const mostCards = 40;

/** Layers in the table. */
const mostTableRows = 2000;

/** Layers that are named for one finding. */
const mostNamed = 30;

/** Widths of the plots over all layers, on a phone and beyond, and of a histogram, in pixels. */
const widths = { narrow: 320, wide: 960, panel: 180 } as const;

/** What tells the kind of a layer. */
const howKnown: Readonly<Record<LayerInspection["kindBy"], string>> = {
  keys: "told by its keys",
  name: "told by its name",
  guess: "a guess: the most common kind with these keys",
};

/**
 * A report on an inspection as one HTML file that needs nothing else: no script, no font, no network.
 *
 * @param file what was inspected, for the heading
 * @param onProgress called after each layer that was drawn
 */
export async function reportOf(
  file: string,
  found: Inspection,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<string> {
  const draw = await svgRenderer();
  const shown = worstLayers(found.layers);
  const cards: Html[] = [];
  for (const layer of shown) {
    cards.push(await layerCard(found.layers.indexOf(layer), layer, draw));
    onProgress(cards.length, shown.length);
  }
  const rest = found.layers.length - shown.length;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Normalization layers of ${file}</title>
<style>${style}</style>
</head>
<body>
<header>
<p class="quiet small">evenkeel inspect</p>
<h1>Normalization layers of <bdi>${file}</bdi></h1>
<p class="quiet">${kindsText(found)}</p>
<p class="card verdict ${severityOf(found)}">${verdict(found)}</p>
</header>
<main>
${findingsSection(found, new Set(shown))}
${await networkSection(found, draw)}
${tableSection(found.layers, new Set(shown))}
<section aria-labelledby="each">
<h2 id="each">Each layer</h2>
${rest > 0 ? html`<p class="quiet small">The ${shown.length} layers with the worst findings, then the first of the file; ${rest} more are in the table above and in <code>--json</code>.</p>` : html``}
${cards}
</section>
</main>
</body>
</html>
`.text;
}

const style: Html = new Html(reportStyle);

type Shown = ReadonlySet<LayerInspection>;

/** The layers that are drawn, in the order of the file. */
function worstLayers(layers: readonly LayerInspection[]): LayerInspection[] {
  const rank = ({ findings: [worst] }: LayerInspection): number =>
    worst === undefined ? 3 : ["error", "warning", "note"].indexOf(worst.severity);
  const worst = new Set([...layers].sort((a, b) => rank(a) - rank(b)).slice(0, mostCards));
  return layers.filter((layer) => worst.has(layer));
}

function severityOf({ errors, warnings }: Pick<Inspection, "errors" | "warnings">): string {
  if (errors > 0) return "error";
  return warnings > 0 ? "warning" : "ok";
}

function findingsSection({ layers, findings }: Inspection, shown: Shown): Html {
  if (findings.length === 0) return html``;
  const places = new Map([...shown].map((layer) => [layer.name, layers.indexOf(layer)]));
  return html`<section aria-labelledby="findings">
<h2 id="findings">Findings</h2>
${groupFindings(findings).map((group) => findingCard(group, places))}
</section>`;
}

function findingCard(
  { rule, severity, why, fix, findings }: FindingGroup,
  places: ReadonlyMap<string, number>,
): Html {
  const rest = findings.length - mostNamed;
  return html`<article class="card finding">
<div class="head"><span class="badge ${severity}">${severity}</span><h3>${rule}</h3></div>
<ul>${findings.slice(0, mostNamed).map(({ layer, found }) => html`<li>${linkTo(layer, places.get(layer))}: ${found}.</li>`)}${rest > 0 ? html`<li class="quiet">and ${plural(rest, "layer")} more: see <code>--json</code></li>` : html``}</ul>
<dl><dt>Why</dt><dd>${why}.</dd><dt>Do</dt><dd>${fix}.</dd></dl>
</article>`;
}

function linkTo(name: string, place: number | undefined): Html {
  return place === undefined
    ? html`<bdi>${name}</bdi>`
    : html`<a href="#layer-${place}"><bdi>${name}</bdi></a>`;
}

/** What the parts of a plot mean. */
const legends: Readonly<Record<InspectionPlot["form"], readonly string[]>> = {
  histogram: [],
  rows: ["line: smallest to largest channel", "bar: middle half", "point: median"],
  bands: ["light band: smallest to largest channel", "dark band: middle half", "line: median"],
};

async function networkSection(found: Inspection, draw: Draw): Promise<Html> {
  const wide = networkPlots(found, widths.wide);
  const narrow = networkPlots(found, widths.narrow);
  const figures: Html[] = [];
  for (const [index, plot] of wide.entries()) {
    figures.push(html`<figure class="card">
<figcaption>${plot.title}</figcaption>
<p class="legend">${legends[plot.form].map((text) => html`<span>${text}</span>`)}<span class="warning">▲ warning</span><span class="error">◆ error</span></p>
<div class="wide">${await draw(plot)}</div><div class="narrow">${await draw(narrow[index])}</div>
</figure>`);
  }
  return html`<section aria-labelledby="network">
<h2 id="network">All layers</h2>
<p class="quiet small">|scale| is weight / sqrt(running variance + eps), what one unit of a channel's input becomes; of a layer without running statistics it is the weight. Logarithmic axes; what is 0 stands at the low end.</p>
${figures}
</section>`;
}

function tableSection(layers: readonly LayerInspection[], shown: Shown): Html {
  const rest = layers.length - mostTableRows;
  return html`<section aria-labelledby="table">
<h2 id="table">Table</h2>
<div class="card"><div class="scroll" tabindex="0" role="region" aria-labelledby="table"><table>
<thead><tr><th scope="col">layer</th><th scope="col">kind</th><th scope="col" class="number">size</th><th scope="col">dtype</th><th scope="col" class="number">min</th><th scope="col" class="number">median</th><th scope="col" class="number">max</th><th scope="col">|scale|</th><th scope="col">health</th></tr></thead>
<tbody>
${layers.slice(0, mostTableRows).map((layer, place) => tableRow(layer, shown.has(layer) ? place : undefined))}
</tbody></table></div>${rest > 0 ? html`<p class="quiet small">and ${plural(rest, "layer")} more: see <code>--json</code></p>` : html``}</div>
</section>`;
}

/** Cells of the bars in the table. */
const barCells = 12;

function tableRow(layer: LayerInspection, place: number | undefined): Html {
  const spread = layer.statistics.scale?.spread;
  const numbers = spread ? [spread.min, spread.median, spread.max].map(threeDigits) : ["–", "–", "–"];
  return html`<tr><th scope="row">${linkTo(layer.name, place)}</th><td>${layer.kind}${layer.kindBy === "guess" ? "?" : ""}</td><td class="number">${layer.size}</td><td>${layer.dtype}</td>${numbers.map((number) => html`<td class="number">${number}</td>`)}<td class="bars" aria-hidden="true">${spread ? barsOf(spread.histogram.counts, barCells) : ""}</td><td>${healthBadge(layer)}</td></tr>
`;
}

function healthBadge(layer: LayerInspection): Html {
  const [worst] = layer.findings;
  if (worst === undefined) return html`<span class="badge ok">ok</span>`;
  return html`<span class="badge ${worst.severity}">${countsText(countsOf(layer))}</span>`;
}

async function layerCard(place: number, layer: LayerInspection, draw: Draw): Promise<Html> {
  const panels: Html[] = [];
  for (const plot of layerPlots(layer, widths.panel)) panels.push(await panel(plot, draw));
  const { name, kind, kindBy, convention, shape, dtype, eps, numBatchesTracked } = layer;
  const counted =
    numBatchesTracked === null
      ? ""
      : `, ${plural(numBatchesTracked, "batch")} tracked`.replace("batchs", "batches");
  return html`<article class="card" id="layer-${place}">
<div class="head"><h3><bdi>${name === "" ? "(no name)" : name}</bdi></h3><span>${kind}</span>${healthBadge(layer)}</div>
<p class="quiet small">${howKnown[kindBy]}; ${conventions[convention].title}'s names, ${shapeText(shape)} ${dtype}, eps ${epsText(eps)}${counted}</p>
${layer.findings.map(({ severity, found }) => html`<p class="small"><span class="${severity}">${severity}</span> ${found}.</p>`)}
<div class="panels">${panels}</div>
<details><summary>Numbers</summary>${numbersTable(layer)}</details>
</article>
`;
}

/** 1e-5 rather than 0.00001. */
function epsText(eps: number): string {
  return eps > 0 && eps < 0.01 ? threeDigits(eps).replace(/^0.*/, eps.toExponential()) : String(eps);
}

async function panel(plot: InspectionPlot, draw: Draw): Promise<Html> {
  return html`<figure><figcaption>${plot.title}</figcaption>${await draw(plot)}</figure>`;
}

function numbersTable({ name, statistics }: LayerInspection): Html {
  const rows = Object.entries(statistics).map(([quantity, summary]) =>
    numbersRow(quantity as Quantity, summary),
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Numbers of ${name}"><table>
<thead><tr><th scope="col">quantity</th>${["min", "1 %", "25 %", "median", "75 %", "99 %", "max", "mean", "NaN", "infinite"].map((title) => html`<th scope="col" class="number">${title}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function numbersRow(quantity: Quantity, { spread, nan, infinite }: Summary): Html {
  const { min, p01, p25, median, p75, p99, max, mean } = spread ?? {};
  const cells = [min, p01, p25, median, p75, p99, max, mean].map((value) =>
    value === undefined ? "–" : threeDigits(value),
  );
  return html`<tr><th scope="row"><span>${quantityTitles[quantity]}</span></th>${[...cells, nan, infinite].map((cell) => html`<td class="number">${cell}</td>`)}</tr>`;
}
