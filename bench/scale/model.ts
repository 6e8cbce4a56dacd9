/**
 * What synchronizing batch statistics costs on a network, by the LogGP model (Alexandrov et al. 1995): a message
 * of m bytes takes `latency + m / bandwidth`, and each message keeps its rank busy for `overhead`.
 */
import { placesOf } from "../../src/distributed/sampleTree.ts";

export interface Network {
  readonly name: string;
  /** Microseconds from one rank's call to the other's, of an empty message. */
  readonly latency: number;
  /** Microseconds that a rank is busy with each message that it sends and one that it receives. */
  readonly overhead: number;
  /** Bytes in a microsecond. */
  readonly bandwidth: number;
}

/** Gigabits per second as bytes per microsecond. */
const gigabits = (rate: number): number => (rate * 1e9) / 8 / 1e6;

export const networks: readonly Network[] = [
  { name: "25 Gb/s, TCP", latency: 20, overhead: 5, bandwidth: gigabits(25) },
  { name: "200 Gb/s, kernel bypass", latency: 2, overhead: 0.5, bandwidth: gigabits(200) },
];

/** The channels of ResNet-50's 53 batch norms: the stem's, and of each stage its blocks' and its shortcut's. */
export const resnet50: readonly number[] = [
  64,
  ...[3, 4, 6, 3].flatMap((blocks, stage) => {
    const width = 64 * 2 ** stage;
    return [4 * width, ...Array.from({ length: blocks }, () => [width, width, 4 * width]).flat()];
  }),
];

/** Bytes of the envelope, which names the layer and its terms, and of the three numbers before the nodes. */
export const fixedBytes = 144 + 3 * 8;

/** Bytes of a message of `nodes` nodes: a mean and an M2, or two sums, in float64. */
export function messageBytes(channels: number, nodes: number): number {
  return fixedBytes + 16 * channels * nodes;
}

/** Most nodes that a rank with so many samples sends: over the first 64 ranks, all with as many. */
export function mostNodes(samples: number): number {
  return Math.max(
    ...Array.from({ length: 64 }, (_, rank) => placesOf(rank * samples, (rank + 1) * samples).length),
  );
}

/** Microseconds of a collective in which each of `ranks` gives `bytes`. */
export type Collective = (network: Network, ranks: number, bytes: number) => number;

/** libnbc's MPI_Iallgather and MPI_Iallgatherv: every rank sends to every other, all at once. */
export const linear: Collective = ({ latency, overhead, bandwidth }, ranks, bytes) =>
  latency + (ranks - 1) * Math.max(overhead, bytes / bandwidth);

/** What a rank does now: the lengths first, then the messages. */
export const asBuilt: Collective = (network, ranks, bytes) =>
  linear(network, ranks, 4) + linear(network, ranks, bytes);

/**
 * The choice of Open MPI's tuned module for MPI_Allgather: up to 50,000 bytes in all recursive doubling (or Bruck's
 * algorithm), above that neighbours exchange.
 */
export const tuned: Collective = ({ latency, overhead, bandwidth }, ranks, bytes) => {
  const rounds = ranks * bytes < 50_000 ? Math.ceil(Math.log2(ranks)) : ranks / 2;
  return rounds * (latency + overhead) + ((ranks - 1) * bytes) / bandwidth;
};

/** Recursive doubling in which pairs merge what they have: messages do not grow. */
export const doubling: Collective = ({ latency, overhead, bandwidth }, ranks, bytes) =>
  Math.ceil(Math.log2(ranks)) * (latency + overhead + bytes / bandwidth);

/** A ring all-reduce, reduce-scatter and all-gather. */
export const ring: Collective = ({ latency, overhead, bandwidth }, ranks, bytes) =>
  2 * (ranks - 1) * (latency + overhead + bytes / ranks / bandwidth);

/** Milliseconds of a step of a network: two exchanges for each layer, one after the other. */
export function stepMilliseconds(layers: readonly number[], exchange: (channels: number) => number): number {
  return (2 * layers.reduce((sum, channels) => sum + exchange(channels), 0)) / 1000;
}

/** PyTorch's SyncBatchNorm: gathers 2C + 1 and adds 2C numbers in float32; the faster all-reduce of two. */
export function pytorchMilliseconds(layers: readonly number[], network: Network, ranks: number): number {
  const micros = layers.reduce((sum, channels) => {
    const backward = Math.min(doubling(network, ranks, 8 * channels), ring(network, ranks, 8 * channels));
    return sum + tuned(network, ranks, 4 * (2 * channels + 1)) + backward;
  }, 0);
  return micros / 1000;
}
