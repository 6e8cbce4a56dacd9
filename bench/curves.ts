// Runs examples/data-parallel on 1, 2 and 4 ranks, tells how far their curves lie apart, and plots them.
import { writeFile } from "node:fs/promises";
import type { TopLevelSpec } from "vega-lite";
import { workers } from "../dist/distributed/index.js";
import { colours, svgOf } from "./plot.ts";

const entry = new URL("../examples/data-parallel/train.js", import.meta.url);
const picture = "docs/data-parallel.svg";
const steps = 40;
/** Steps that together see every image once. */
const stepsPerPass = 4;

interface Run {
  readonly curve: readonly { readonly loss: number; readonly accuracy: number }[];
}

async function lossesOf(ranks: number, synchronized: boolean): Promise<number[]> {
  const [run] = (await workers(ranks, entry, { data: { steps, synchronized } })) as Run[];
  return run.curve.map(({ loss }) => loss);
}

const one = await lossesOf(1, true);
const runs = [
  { name: "1 rank", losses: one, size: 400 },
  { name: "2 ranks", losses: await lossesOf(2, true), size: 180 },
  { name: "4 ranks", losses: await lossesOf(4, true), size: 50 },
  { name: "4 ranks, each with its own statistics", losses: await lossesOf(4, false), size: 50 },
];
for (const { name, losses } of runs) {
  const apart = Math.max(...losses.map((loss, step) => Math.abs(loss - one[step])));
  console.log(`${name}: ${losses[0]} to ${losses.at(-1)}; largest difference from 1 rank ${apart}`);
}

const values = runs.flatMap(({ name, losses, size }) =>
  losses.slice(stepsPerPass - 1).map((_, at) => {
    const pass = losses.slice(at, at + stepsPerPass);
    const loss = pass.reduce((sum, each) => sum + each, 0) / stepsPerPass;
    return { name, step: at + stepsPerPass, loss, size };
  }),
);
const names = runs.map(({ name }) => name);
const spec = {
  data: { values },
  width: 520,
  height: 260,
  mark: { type: "point", filled: true, opacity: 1 },
  encoding: {
    x: { field: "step", type: "quantitative", title: "step" },
    y: {
      field: "loss",
      type: "quantitative",
      scale: { zero: false },
      title: "entropy, mean of the last 4 steps (all images)",
    },
    size: { field: "size", type: "quantitative", scale: null, legend: null },
    color: {
      field: "name",
      type: "nominal",
      title: null,
      scale: { domain: names, range: colours.slice(0, names.length) },
    },
    order: { field: "size", type: "quantitative", sort: "descending" },
  },
  config: { background: "transparent", view: { stroke: null }, legend: { orient: "top", labelLimit: 0 } },
} as unknown as TopLevelSpec;
await writeFile(picture, await svgOf(spec));
console.log(`${picture}: written`);
