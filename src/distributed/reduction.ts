import { type Moments, mergeMoments } from "../plan/moments.ts";
import { joinSiblings, mergeTree, placesOf, type TreeNode } from "./sampleTree.ts";
import { channelsAtOnce, type Extent, firstSample, type Spread } from "./spread.ts";

/** Rounds of messages: each gives this rank's and takes those of all ranks, in their order. */
export type Rounds<Result> = Generator<Float64Array, Result, readonly Float64Array[]>;

/** What is merged over samples: two numbers per channel. */
export interface Reduction<Value> {
  /** The two numbers of each channel. */
  readonly pair: (value: Value) => readonly [Float64Array, Float64Array];
  /** The same value again. */
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

export const momentsReduction: Reduction<Moments> = {
  pair: ({ mean, m2 }) => [mean, m2],
  from: (count, mean, m2) => ({ count, mean, m2 }),
  merge: mergeMoments,
};

export const sumsReduction: Reduction<DySums> = {
  pair: ({ dy, dyXhat }) => [dy, dyXhat],
  from: (_, dy, dyXhat) => ({ dy, dyXhat }),
  merge: (a, b) => ({
    dy: a.dy.map((value, c) => value + b.dy[c]),
    dyXhat: a.dyXhat.map((value, c) => value + b.dyXhat[c]),
  }),
};

/** A value merged over all samples, and over those of this rank; undefined where there are no samples. */
export interface Merged<Value> {
  readonly all: Value | undefined;
  readonly own: Value | undefined;
}

/** What a rank brings to a reduction, and does with its result. */
export interface Part<Value> {
  readonly rank: number;
  readonly samples: number;
  readonly perSample: number;
  readonly extent: Extent;
  readonly reduction: Reduction<Value>;
  /** The values of this rank's samples, one by one, for the channels from `from` to `to`. */
  readonly values: (from: number, to: number) => readonly Value[];
  /** Takes the merged value of these channels. */
  readonly use: (from: number, to: number, merged: Merged<Value>, spread: Spread) => void;
}

/** Numbers before the nodes of a message: samples, perSample, first sample, channels at once. */
const headerLength = 4;

/**
 * Merges two numbers per channel over the samples of all ranks, some channels after the other.
 *
 * A rank sends the nodes of the tree over all samples that lie within its own, which takes to know how many samples the ranks
 * before it have. That is assumed (`expected`), and said in the first message; where an assumption was wrong, every
 * rank sees it, and the first message is sent again.
 *
 * @returns how the samples are spread
 */
export function* reduceOverSamples<Value>(part: Part<Value>, expected: Spread): Rounds<Spread> {
  const { extent, use } = part;
  let spread = expected;
  let { message, own } = messageOf(part, spread, 0);
  let gathered = yield message;
  const actual = spreadSaid(gathered);
  if (!gathered.every((each, other) => isRight(each, actual, other, extent))) {
    spread = actual;
    ({ message, own } = messageOf(part, spread, 0));
    gathered = yield message;
  }
  spread = actual;
  const atOnce = channelsAtOnce(spread, extent);
  for (let from = 0; from < extent.channels; from += atOnce) {
    if (from > 0) {
      ({ message, own } = messageOf(part, spread, from));
      gathered = yield message;
    }
    const to = Math.min(from + atOnce, extent.channels);
    const { merge } = part.reduction;
    const nodes = gathered.flatMap((each, other) => nodesOf(each, spread, other, to - from, part.reduction));
    use(from, to, { all: mergeTree(nodes, merge), own: mergeTree(own, merge) }, spread);
  }
  return spread;
}

/** This rank's message for the channels from `from` on, and its nodes. */
function messageOf<Value>(
  { rank, samples, perSample, extent, reduction, values }: Part<Value>,
  spread: Spread,
  from: number,
): { readonly message: Float64Array; readonly own: readonly TreeNode<Value>[] } {
  const atOnce = channelsAtOnce(spread, extent);
  const to = Math.min(from + atOnce, extent.channels);
  const start = firstSample(spread, rank);
  const leaves = values(from, to).map((value, s) => ({ start: start + s, samples: 1, value }));
  const own = joinSiblings(leaves, reduction.merge);
  const message = new Float64Array(headerLength + own.length * 2 * (to - from));
  message.set([samples, perSample, start, atOnce]);
  let at = headerLength;
  for (const { value } of own) {
    for (const numbers of reduction.pair(value)) {
      message.set(numbers, at);
      at += numbers.length;
    }
  }
  return { message, own };
}

/** How the samples are spread, by what each rank says of its own. */
function spreadSaid(messages: readonly Float64Array[]): Spread {
  return {
    samples: messages.map(([samples]) => samples),
    perSample: messages.map(([, perSample]) => perSample),
  };
}

/** Whether a rank assumed what is so. */
function isRight([, , start, atOnce]: Float64Array, actual: Spread, rank: number, extent: Extent): boolean {
  return start === firstSample(actual, rank) && atOnce === channelsAtOnce(actual, extent);
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
    const first = message.subarray(at, at + channels);
    const second = message.subarray(at + channels, at + 2 * channels);
    return { ...place, value: from(place.samples * spread.perSample[rank], first, second) };
  });
}
