// A rank of `npm run scale`: how long an exchange of one message takes, by the message's bytes.
import { mpi } from "../../dist/distributed/index.js";

export const channels = [64, 512, 2048];
const exchanges = 200;

/** Median microseconds of an exchange for each number of channels, the slowest rank's. */
export function main(group) {
  const medians = channels.map((count) => {
    const message = new Uint8Array(8 * (3 + 2 * count));
    const times = [];
    for (let i = 0; i < exchanges; i++) {
      group.barrier();
      const start = performance.now();
      group.allGather(message);
      times.push((performance.now() - start) * 1000);
    }
    return times.sort((a, b) => a - b)[exchanges >> 1];
  });
  const all = group
    .allGather(new Uint8Array(Float64Array.from(medians).buffer))
    .map((each) => new Float64Array(each.buffer, each.byteOffset, channels.length));
  group.close();
  return channels.map((_, at) => Math.max(...all.map((each) => each[at])));
}

if (process.argv[2] === "mpi") {
  const group = await mpi();
  const medians = main(group);
  if (group.rank === 0) console.log(JSON.stringify(medians));
}
