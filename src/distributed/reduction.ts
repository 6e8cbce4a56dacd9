import { type Moments, mergeMoments } from "../plan/moments.ts";
import { joinSiblings, mergeTree, placesOf, type TreeNode } from "./sampleTree.ts";

/** Rounds of messages: each gives this rank's and takes those of all ranks, in their order. */
export type Rounds<Result> = Generator<Float64Array, Result, readonly Float64Array[]>;

/** What is merged over samples: two numbers per channel. */
export interface Reduction<Value> {
  /** The two numbers of each channel. */
  readonly pair: (value: Value) => readonly [Float64Array, Float64Array];
  /** The same value again, of `count` values per channel. */
  readonly from: (count: number, first: Float64Array, second: Float64Array) => Value;
  readonly merge: (a: Value, b: Value) => Value;
}

/** Sums of a backward, per channel. */
export interface DySums {
  /** Sum of dy. */
  readonly dy: Float64Array;
  /** Sum of dy * xhat. */
  readonly dyXhat: Float64Array;
}

/** Counts, means and M2. */
export const momentsReduction: Reduction<Moments> = {
  pair: ({ mean, m2 }) => [mean, m2],
  from: (count, mean, m2) => ({ count, mean, m2 }),
  merge: mergeMoments,
};

/** Sums of dy and of dy * xhat. */
export const sumsReduction: Reduction<DySums> = {
  pair: ({ dy, dyXhat }) => [dy, dyXhat],
  from: (_, dy, dyXhat) => ({ dy, dyXhat }),
  merge: (a, b) => ({ dy: added(a.dy, b.dy), dyXhat: added(a.dyXhat, b.dyXhat) }),
};

/** How a batch is spread over the ranks. */
export interface Spread {
  /** Samples of each rank. */
  readonly samples: readonly number[];
  /** Values per channel in a sample of each rank. */
  readonly perSample: readonly number[];
}

/** What a rank brings to a reduction. */
export interface Part<Value> {
  readonly rank: number;
  /** Values per channel in a sample. */
  readonly perSample: number;
  readonly channels: number;
  /** What its samples, one by one, give. */
  readonly values: readonly Value[];
}

/** What is merged; undefined where there are no samples. */
export interface Merged<Value> {
  /** Over the samples of all ranks. */
  readonly all: Value | undefined;
  /** Over those of this rank. */
  readonly own: Value | undefined;
  readonly spread: Spread;
}

/** Numbers before the nodes of a message: samples, perSample, first sample. */
const headerLength = 3;

/**
 * Merges two numbers per channel over the samples of all ranks.
 *
 * A rank sends the nodes of the tree over all samples that lie within its own, which takes to know how many samples the
 * ranks before it have. That is assumed (`expected`), and said in the message; where an assumption was wrong, every
 * rank sees it, and all send again.
 */
export function* reduceOverSamples<Value>(
  part: Part<Value>,
  reduction: Reduction<Value>,
  expected: Spread,
): Rounds<Merged<Value>> {
  let own = ownNodes(part, reduction, expected);
  let messages = yield messageOf(part, reduction, expected, own);
  const spread = {
    samples: messages.map(([samples]) => samples),
    perSample: messages.map(([, perSample]) => perSample),
  };
  if (messages.some(([, , first], rank) => first !== firstSample(spread, rank))) {
    own = ownNodes(part, reduction, spread);
    messages = yield messageOf(part, reduction, spread, own);
  }
  const nodes = messages.flatMap((message, rank) => nodesOf(message, spread, rank, part.channels, reduction));
  const { merge } = reduction;
  return { all: mergeTree(nodes, merge), own: mergeTree(own, merge), spread };
}

/** Values per channel over all ranks. */
export function valuesPerChannel({ samples, perSample }: Spread): number {
  return samples.reduce((sum, each, rank) => sum + each * perSample[rank], 0);
}

/** The first sample of a rank, counted over all. */
function firstSample({ samples }: Spread, rank: number): number {
  return samples.slice(0, rank).reduce((sum, each) => sum + each, 0);
}

function ownNodes<Value>(
  { rank, values }: Part<Value>,
  { merge }: Reduction<Value>,
  spread: Spread,
): TreeNode<Value>[] {
  const start = firstSample(spread, rank);
  return joinSiblings(
    values.map((value, s) => ({ start: start + s, samples: 1, value })),
    merge,
  );
}

function messageOf<Value>(
  { rank, perSample, channels, values }: Part<Value>,
  { pair }: Reduction<Value>,
  spread: Spread,
  own: readonly TreeNode<Value>[],
): Float64Array {
  const message = new Float64Array(headerLength + own.length * 2 * channels);
  message.set([values.length, perSample, firstSample(spread, rank)]);
  own
    .flatMap(({ value }) => pair(value))
    .forEach((numbers, i) => {
      message.set(numbers, headerLength + i * channels);
    });
  return message;
}

/** The nodes in a rank's message. */
function nodesOf<Value>(
  message: Float64Array,
  spread: Spread,
  rank: number,
  channels: number,
  { from }: Reduction<Value>,
): TreeNode<Value>[] {
  const start = firstSample(spread, rank);
  const places = placesOf(start, start + spread.samples[rank]);
  const expected = headerLength + places.length * 2 * channels;
  if (message.length !== expected) {
    throw new RangeError(`expected ${expected} numbers of rank ${rank}, got ${message.length}`);
  }
  return places.map((place, node) => {
    const at = headerLength + node * 2 * channels;
    const [first, second] = [at, at + channels].map((each) => message.subarray(each, each + channels));
    return { ...place, value: from(place.samples * spread.perSample[rank], first, second) };
  });
}

function added(a: Float64Array, b: Float64Array): Float64Array {
  const sums = new Float64Array(a.length);
  for (let c = 0; c < sums.length; c++) sums[c] = a[c] + b[c];
  return sums;
}
