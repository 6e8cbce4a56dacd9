// `npm run scale`: what an exchange takes on this machine, and a model of many; writes the tables of docs/scale.md and its plot.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import type { TopLevelSpec } from "vega-lite";
import { workers } from "../dist/distributed/index.js";
import { colours, svgOf } from "./plot.ts";
import { handlingMicros } from "./scale/handling.ts";
import {
  asBuilt,
  doubling,
  messageBytes,
  mostNodes,
  type Network,
  networks,
  pytorchMilliseconds,
  resnet50,
  stepMilliseconds,
  tuned,
} from "./scale/model.ts";

const page = "docs/scale.md";
const picture = "docs/scale.svg";
const sizes = [2, 8, 32, 128, 512, 1024];
const measuredChannels = [64, 512, 2048];

type Row = readonly (string | number)[];

function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

const digits = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(value >= 10 ? 3 : 2);

function underMpirun(ranks: number, more: readonly string[]): number[] | undefined {
  const args = ["--allow-run-as-root", "--oversubscribe", ...more, "-n", String(ranks)];
  const { status, stdout } = spawnSync("mpirun", [...args, process.execPath, "bench/scale/rank.mjs", "mpi"], {
    encoding: "utf8",
    timeout: 120_000,
  });
  return status === 0 ? (JSON.parse(stdout) as number[]) : undefined;
}

async function measuredTable(): Promise<string> {
  const entry = new URL("./scale/rank.mjs", import.meta.url);
  const inThreads = async (ranks: number): Promise<number[]> =>
    ((await workers(ranks, entry)) as number[][])[0];
  const tcp = ["--mca", "pml", "ob1", "--mca", "btl", "self,tcp"];
  const runs: [string, number[] | undefined][] = [
    ["workers, 2 ranks", await inThreads(2)],
    ["workers, 4 ranks", await inThreads(4)],
    ["mpirun, 2 ranks, shared memory", underMpirun(2, [])],
    ["mpirun, 4 ranks, shared memory", underMpirun(4, [])],
    ["mpirun, 2 ranks, TCP on loopback", underMpirun(2, tcp)],
  ];
  const rows = runs.map(([name, times]) => [
    name,
    ...(times?.map(digits) ?? measuredChannels.map(() => "no MPI")),
  ]);
  const head = [
    `microseconds, ${cpus().length} cores`,
    ...measuredChannels.map((count) => `${count} channels`),
  ];
  return table(head, rows);
}

function bytesTable(): string {
  const rows = [64, 256, 512, 2048].map((channels) => [
    channels,
    ...[1, 2].map((nodes) => messageBytes(channels, nodes).toLocaleString("en")),
    (4 * (2 * channels + 1)).toLocaleString("en"),
    (8 * channels).toLocaleString("en"),
  ]);
  return table(["channels", "one node", "two nodes", "PyTorch forward", "PyTorch backward"], rows);
}

function nodesTable(): string {
  const counts = [1, 8, 32, 64, 12, 24, 48, 33, 100];
  return table(
    ["samples per rank", ...counts],
    [
      ["most nodes of a rank", ...counts.map(mostNodes)],
      ["leaves of 8 samples", ...counts.map((samples) => Math.ceil(samples / 8))],
    ],
  );
}

/** Handling measured at a few sizes of a layer, between which it is linear in the channels. */
function handlingOf(ranks: number): (channels: number) => number {
  const [few, many] = [64, 2048];
  const [low, high] = [handlingMicros(few, ranks), handlingMicros(many, ranks)];
  return (channels) => Math.max(0, low + ((high - low) * (channels - few)) / (many - few));
}

const handling = new Map(sizes.map((ranks) => [ranks, handlingOf(ranks)]));

/** Milliseconds of ResNet-50's exchanges in a step, by the ways of doing them. */
function ways(network: Network, ranks: number): Record<string, number> {
  const own = handling.get(ranks) as (channels: number) => number;
  const exchange = (collective: typeof tuned) => (channels: number) =>
    collective(network, ranks, messageBytes(channels, 1));
  const perMerge = (handling.get(2) as typeof own)(512);
  return {
    "as built": stepMilliseconds(resnet50, (channels) => exchange(asBuilt)(channels) + own(channels)),
    "of it, opening and merging": stepMilliseconds(resnet50, own),
    "one tuned MPI_Allgather": stepMilliseconds(
      resnet50,
      (channels) => exchange(tuned)(channels) + own(channels),
    ),
    "merged in pairs": stepMilliseconds(
      resnet50,
      (channels) => exchange(doubling)(channels) + Math.log2(ranks) * perMerge,
    ),
    "PyTorch's messages": pytorchMilliseconds(resnet50, network, ranks),
  };
}

function modelTables(): string {
  return networks
    .map((network) => {
      const names = Object.keys(ways(network, 2));
      const rows = sizes.map((ranks) => [
        ranks.toLocaleString("en"),
        ...Object.values(ways(network, ranks)).map(digits),
      ]);
      return `${network.name}: milliseconds per step\n\n${table(["ranks", ...names], rows)}`;
    })
    .join("\n\n");
}

function layersTable(): string {
  const ranks = 128;
  const own = handling.get(ranks) as (channels: number) => number;
  const rows = [64, 512, 2048].flatMap((channels) =>
    networks.map((network) => {
      const time = (layers: number): number =>
        asBuilt(network, ranks, messageBytes(channels * layers, 1)) + own(channels * layers);
      const saved = (layers: number): string =>
        `${Math.round(100 * (1 - time(layers) / (layers * time(1))))} %`;
      return [channels, network.name, digits(time(1)), saved(2), saved(4), saved(16)];
    }),
  );
  return table(["channels", `network, ${ranks} ranks`, "one exchange, µs", "2 fused save", "4", "16"], rows);
}

async function plot(): Promise<string> {
  const values = networks.flatMap((network) =>
    sizes.flatMap((ranks) =>
      Object.entries(ways(network, ranks)).map(([way, ms]) => ({ network: network.name, ranks, way, ms })),
    ),
  );
  const names = [...new Set(values.map(({ way }) => way))];
  const spec = {
    data: { values },
    facet: { column: { field: "network", type: "nominal", title: null } },
    spec: {
      width: 340,
      height: 260,
      mark: { type: "line", point: true },
      encoding: {
        x: { field: "ranks", type: "quantitative", scale: { type: "log", base: 2 }, axis: { values: sizes } },
        y: { field: "ms", type: "quantitative", scale: { type: "log" }, title: "ms per step (log scale)" },
        color: {
          field: "way",
          type: "nominal",
          title: null,
          scale: { domain: names, range: colours.slice(0, names.length) },
        },
      },
    },
    config: { background: "transparent", view: { stroke: null }, legend: { orient: "top", labelLimit: 0 } },
  } as unknown as TopLevelSpec;
  return svgOf(spec);
}

/** Puts text between `<!-- name -->` and `<!-- end -->` of the page. */
function filled(text: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->`, "<!-- end -->"];
  const from = text.indexOf(start);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${page}: expected ${start} and ${end}`);
  return `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`;
}

const parts = {
  bytes: bytesTable(),
  nodes: nodesTable(),
  measured: await measuredTable(),
  model: modelTables(),
  fused: layersTable(),
};
let text = readFileSync(page, "utf8");
for (const [name, content] of Object.entries(parts)) {
  text = filled(text, name, content);
  console.log(`${content}\n`);
}
writeFileSync(page, text);
writeFileSync(picture, await plot());
console.log(`${page} and ${picture}: written`);
