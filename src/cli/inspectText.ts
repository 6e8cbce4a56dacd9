import Table from "cli-table3";
import {
  type FindingGroup,
  groupFindings,
  type Inspection,
  type LayerInspection,
  type Severity,
} from "../checkpoints/index.ts";
import { printable } from "../checkpoints/printable.ts";
import { barsOf } from "./bars.ts";
import type { Paint } from "./colours.ts";

/** Cells of a bar: each stands for two bins of a histogram. */
const barCells = 12;

/** Layers that are named for one finding; --json has all. */
const namedLayers = 12;

/** Width of the table without the layers' names. */
const otherColumns = 84;

const colourOf: Readonly<Record<Severity, "red" | "yellow" | "cyan">> = {
  error: "red",
  warning: "yellow",
  note: "cyan",
};

/** What `evenkeel inspect` prints: what is there, a table, and the findings. */
export function inspectionText(
  file: string,
  found: Inspection,
  { paint, columns }: { readonly paint: Paint; readonly columns: number | undefined },
): string {
  const nameWidth = columns === undefined ? undefined : Math.max(12, columns - otherColumns);
  return [
    `${printable(file)}: ${kindsText(found)}`,
    "",
    layerTable(found.layers, paint, nameWidth),
    "",
    "|scale| is weight / sqrt(running variance + eps), or the weight of a layer without running statistics.",
    ...(found.layers.some(({ kindBy }) => kindBy === "guess")
      ? ["? neither the keys nor the name tell the kind: it is the most common one with these keys."]
      : []),
    ...(found.findings.length > 0
      ? groupFindings(found.findings).map((group) => `\n${groupText(group, paint)}`)
      : []),
    "",
    verdict(found),
  ].join("\n");
}

/** `6 normalization layers (3 BatchNorm, ...)`. */
export function kindsText({ layers }: Inspection): string {
  const kinds = new Map<string, number>();
  for (const { kind } of layers) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const list = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(", ");
  return `${plural(layers.length, "normalization layer")} (${list})`;
}

/** One sentence about the whole. */
export function verdict({ errors, warnings, notes }: Inspection): string {
  const counts = countsText({ errors, warnings, notes });
  if (errors > 0) return `Not fit for use as it is: ${counts}.`;
  if (warnings > 0) return `Look before you use it: ${counts}.`;
  return notes > 0 ? `Nothing is wrong; ${counts}.` : "Nothing is wrong.";
}

/** `1 error, 2 notes`; empty if there is nothing. */
export function countsText(counts: Pick<Inspection, "errors" | "warnings" | "notes">): string {
  return [
    ...(counts.errors > 0 ? [plural(counts.errors, "error")] : []),
    ...(counts.warnings > 0 ? [plural(counts.warnings, "warning")] : []),
    ...(counts.notes > 0 ? [plural(counts.notes, "note")] : []),
  ].join(", ");
}

/** How many findings of each severity a layer has. */
export function countsOf({ findings }: LayerInspection): Pick<Inspection, "errors" | "warnings" | "notes"> {
  const count = (severity: Severity): number => findings.filter((each) => each.severity === severity).length;
  return { errors: count("error"), warnings: count("warning"), notes: count("note") };
}

/** `1 layer`, `2 layers`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A number with three digits. */
export function threeDigits(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function layerTable(layers: readonly LayerInspection[], paint: Paint, nameWidth: number | undefined): string {
  const head = ["layer", "kind", "size", "dtype", "min", "median", "max", "|scale|", "health"];
  const table = new Table({
    head: head.map((title) => paint("dim", title)),
    colAligns: ["left", "left", "right", "left", "right", "right", "right", "left", "left"],
    chars: borderless,
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 2 },
  });
  for (const layer of layers) {
    const spread = layer.statistics.scale?.spread;
    table.push([
      shortened(printable(layer.name), nameWidth),
      layer.kind + (layer.kindBy === "guess" ? "?" : ""),
      String(layer.size),
      layer.dtype,
      ...(spread ? [spread.min, spread.median, spread.max].map(threeDigits) : ["-", "-", "-"]),
      spread ? paint("cyan", barsOf(spread.histogram.counts, barCells)) : "",
      healthText(layer, paint),
    ]);
  }
  return String(table)
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

const borderless: Record<string, string> = Object.fromEntries(
  ["top", "bottom", "left", "right"]
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat("mid", "mid-mid", "middle")
    .map((name) => [name, ""]),
);

/** The end of a name, where nested names differ. */
function shortened(name: string, width: number | undefined): string {
  return width === undefined || name.length <= width ? name : `…${name.slice(name.length - width + 1)}`;
}

function healthText(layer: LayerInspection, paint: Paint): string {
  const worst = layer.findings[0]?.severity;
  return worst === undefined ? paint("green", "ok") : paint(colourOf[worst], countsText(countsOf(layer)));
}

/** Width of explanations; their indent comes before it. */
const textWidth = 92;

const indent = "       ";

function wrapped(text: string): string {
  return text.replaceAll(new RegExp(`(.{1,${textWidth}})( |$)`, "g"), `$1\n${indent}`).trimEnd();
}

function groupText({ rule, severity, why, fix, findings }: FindingGroup, paint: Paint): string {
  const named = findings.slice(0, namedLayers);
  const rest = findings.length - named.length;
  return [
    `${paint([colourOf[severity], "bold"], severity)}  ${rule}`,
    ...named.map(({ layer, found }) => `  ${printable(`${layer}: ${found}`)}.`),
    ...(rest > 0 ? [`  and ${plural(rest, "layer")} more: see --json`] : []),
    `  ${paint("dim", "Why")}  ${wrapped(`${why}.`)}`,
    `  ${paint("dim", "Do")}   ${wrapped(`${fix}.`)}`,
  ].join("\n");
}
