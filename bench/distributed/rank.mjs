import { availableParallelism, cpus } from "node:os";
import { SyncBatchNorm } from "../../dist/distributed/index.js";
import { BatchNorm2d, empty, setThreads, threadsReady } from "../../dist/index.js";

export async function main(group) {
  setThreads(1);
  const N = 32 / group.size,
    C = 256,
    H = 56;
  const shape = [N, C, H, H];
  const x = empty(shape),
    dy = empty(shape),
    y = empty(shape),
    dx = empty(shape);
  for (let i = 0; i < x.data.length; i++) {
    x.data[i] = ((i * 2654435761) % 1000) / 500;
    dy.data[i] = ((i * 40503) % 997) / 500 - 1;
  }
  const local = new BatchNorm2d(C),
    alone = new SyncBatchNorm(C),
    sync = new SyncBatchNorm(C, { group });
  const step = (l) => {
    const a = performance.now();
    l.forward(x, { out: y });
    const b = performance.now();
    l.backward(dy, { out: dx });
    const c = performance.now();
    return [c - a, b - a, c - b];
  };
  const times = { local: [], alone: [], sync: [] };
  for (let k = 0; k < 12; k++)
    for (const [name, l] of [
      ["local", local],
      ["alone", alone],
      ["sync", sync],
    ]) {
      group.barrier();
      const t = step(l);
      if (k > 1) times[name].push(t);
    }
  const median = (v, i) => v.map((e) => e[i]).sort((a, b) => a - b)[v.length >> 1];
  const mine = Float64Array.from(
    Object.values(times).flatMap((v) => [median(v, 0), median(v, 1), median(v, 2)]),
  );
  const all = group
    .allGather(new Uint8Array(mine.buffer))
    .map((e) => new Float64Array(e.buffer, e.byteOffset, 9));
  if (group.rank === 0)
    all.forEach((a, r) =>
      console.log(
        group.name,
        "rank",
        r,
        ["local", "alone", "sync"]
          .map((n, i) => `${n} ${[...a.slice(3 * i, 3 * i + 3)].map((v) => v.toFixed(1)).join("/")}`)
          .join("  "),
      ),
    );
  group.close();
}
