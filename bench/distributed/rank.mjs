// A rank of `npm run bench:distributed`: steps of batch normalization, alone and with its samples' statistics shared.
import { cpus } from "node:os";
import { SyncBatchNorm } from "../../dist/distributed/index.js";
import { BatchNorm2d, empty, setThreads } from "../../dist/index.js";

const [samples, channels, height] = [32, 256, 56];
const steps = 40;
const warmUps = 3;

/** Every rank's times of each kind of step, in milliseconds of forward, backward and both; and of one exchange. */
export async function main(group) {
  setThreads(Math.max(1, Math.floor(cpus().length / group.size)));
  const shape = [samples / group.size, channels, height, height];
  const [x, dy, y, dx] = [empty(shape), empty(shape), empty(shape), empty(shape)];
  for (let i = 0; i < x.data.length; i++) {
    x.data[i] = ((i * 7919) % 1009) / 500 - 1;
    dy.data[i] = ((i * 6101) % 997) / 500 - 1;
  }
  const kinds = {
    "BatchNorm2d, fused": new BatchNorm2d(channels),
    "the rank's step, alone": new SyncBatchNorm(channels),
    SyncBatchNorm: new SyncBatchNorm(channels, { group }),
  };
  const times = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  for (let step = 0; step < warmUps + steps; step++) {
    for (const [kind, layer] of Object.entries(kinds)) {
      group.barrier();
      const start = performance.now();
      layer.forward(x, { out: y });
      const middle = performance.now();
      layer.backward(dy, { out: dx });
      const end = performance.now();
      if (step >= warmUps) times[kind].push([middle - start, end - middle, end - start]);
    }
  }
  // An exchange of a message of this layer's size, without anything to wait for.
  const message = new Uint8Array(8 * (3 + 2 * channels));
  const exchanges = [];
  for (let i = 0; i < 200; i++) {
    group.barrier();
    const start = performance.now();
    group.allGather(message);
    exchanges.push(performance.now() - start);
  }
  const bytes = new TextEncoder().encode(JSON.stringify({ times, exchange: median(exchanges) }));
  return group.allGather(bytes).map((each) => JSON.parse(new TextDecoder().decode(each)));
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

/** Prints the table of one run. A step takes as long as its slower rank; other processes only ever add to it. */
export function print(name, ranks) {
  console.log(
    `\n${ranks.length} ranks, ${name}: (${samples}, ${channels}, ${height}, ${height}) in equal parts, ${steps} steps; ` +
      "milliseconds of the slower rank",
  );
  console.log(`  ${"".padEnd(24)}fastest   median   (median forward + backward)`);
  const ofSlower = (kind, part) =>
    ranks[0].times[kind].map((_, step) => Math.max(...ranks.map(({ times }) => times[kind][step][part])));
  const figure = (value) => value.toFixed(1).padStart(7);
  for (const kind of Object.keys(ranks[0].times)) {
    const both = ofSlower(kind, 2);
    const halves = [0, 1].map((part) => median(ofSlower(kind, part)).toFixed(1)).join(" + ");
    console.log(`  ${kind.padEnd(24)}${figure(Math.min(...both))}  ${figure(median(both))}   (${halves})`);
  }
  console.log(
    `  ${"one exchange".padEnd(24)}${figure(0).replace(/./g, " ")}  ${median(
      ranks.map(({ exchange }) => exchange),
    )
      .toFixed(3)
      .padStart(7)}`,
  );
  for (const [kind, bound] of [
    ["the rank's step, alone", " (at most 1.15)"],
    ["BatchNorm2d, fused", ""],
  ]) {
    const ratio = (of) => (of(ofSlower("SyncBatchNorm", 2)) / of(ofSlower(kind, 2))).toFixed(2);
    console.log(
      `  SyncBatchNorm / ${kind}: fastest ${ratio((all) => Math.min(...all))}, median ${ratio(median)}${bound}`,
    );
  }
}
