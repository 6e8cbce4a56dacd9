import { createGroup, SyncBatchNorm, type Transport } from "../../dist/distributed/index.js";
import { tensor } from "../../dist/index.js";

/** Samples of each rank. */
const samples = 8;
/** Time of each measurement, after as much again to warm up, and its least steps. */
const [milliseconds, leastSteps] = [250, 5];

/** Places of the numbers at the head of a message's payload. */
const firstSampleAt = 16;

/** A transport whose other ranks say what this one does, each of its own samples. */
function mirrored(size: number): Transport {
  return {
    rank: 0,
    size,
    name: "mirror",
    exchange: (bytes) =>
      Array.from({ length: size }, (_, rank) => {
        const copy = bytes.slice();
        const view = new DataView(copy.buffer);
        const payload = Math.ceil((4 + view.getUint32(0, true)) / 8) * 8;
        view.setFloat64(payload + firstSampleAt, rank * samples, true);
        return copy;
      }),
    close: () => {},
  };
}

/** Median microseconds, per exchange, that a rank spends on opening and merging the messages of `ranks` ranks. */
export function handlingMicros(channels: number, ranks: number): number {
  return Math.max(0, stepMicros(channels, ranks) - stepMicros(channels, 1)) / 2;
}

function stepMicros(channels: number, ranks: number): number {
  const x = tensor(
    Float32Array.from({ length: samples * channels }, (_, i) => (i * 7919) % 1009),
    [samples, channels],
  );
  const layer = new SyncBatchNorm(channels, { group: createGroup(mirrored(ranks)), name: "layer1.0.bn1" });
  const times: number[] = [];
  const begin = performance.now();
  for (let step = 0; step < leastSteps || performance.now() - begin < 2 * milliseconds; step++) {
    const start = performance.now();
    layer.forward(x);
    layer.backward(x);
    const end = performance.now();
    if (end - begin > milliseconds) times.push((end - start) * 1000);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}
