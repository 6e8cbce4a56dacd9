// A rank of `npm run bench:distributed`: steps of batch normalization, alone and with its samples' statistics shared.
import { cpus } from "node:os";
import { SyncBatchNorm } from "../../dist/distributed/index.js";
import { BatchNorm2d, empty, setThreads } from "../../dist/index.js";

const [samples, channels, height] = [32, 256, 56];
const steps = 15;
const warmUps = 3;

/** Every rank's median times of each kind of step: milliseconds of forward, backward and both. */
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
  const own = Object.fromEntries(
    Object.entries(times).map(([kind, each]) => [
      kind,
      [0, 1, 2].map((i) => median(each.map((time) => time[i]))),
    ]),
  );
  const bytes = new TextEncoder().encode(JSON.stringify({ ...own, exchange: median(exchanges) }));
  return group.allGather(bytes).map((each) => JSON.parse(new TextDecoder().decode(each)));
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

/** Prints the table of one run. */
export function print(name, ranks) {
  console.log(
    `\n${ranks.length} ranks, ${name}: (${samples}, ${channels}, ${height}, ${height}) in equal parts, median of ${steps} steps`,
  );
  const slowest = (kind) => Math.max(...ranks.map((rank) => rank[kind][2]));
  for (const kind of Object.keys(ranks[0]).filter((key) => key !== "exchange")) {
    const each = ranks.map((rank) => rank[kind].map((time) => time.toFixed(1)));
    const text = each.map(([forward, backward, both]) => `${both} ms (${forward} + ${backward})`).join("   ");
    console.log(`  ${kind.padEnd(24)}${text}`);
  }
  console.log(
    `  ${"one exchange".padEnd(24)}${ranks.map(({ exchange }) => `${exchange.toFixed(3)} ms`).join("   ")}`,
  );
  const ratio = (kind) => (slowest("SyncBatchNorm") / slowest(kind)).toFixed(2);
  console.log(
    `  SyncBatchNorm / the slower rank's step alone: ${ratio("the rank's step, alone")} (at most 1.15)`,
  );
  console.log(`  SyncBatchNorm / BatchNorm2d of the slower rank: ${ratio("BatchNorm2d, fused")}`);
}
