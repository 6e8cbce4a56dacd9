import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { momentsReduction, reduceOverSamples } from "../../src/distributed/reduction.ts";
import { joinSiblings, mergeTree, placesOf } from "../../src/distributed/sampleTree.ts";
import { empty, functional as F, type FloatType, type Tensor, tensor } from "../../src/index.ts";
import { toFloat64 } from "../../src/tensor/cast.ts";
import { randomTensor } from "../property/arbitraries.ts";
import { ulpDistance } from "../ulp.ts";
import { type Batch, type SyncStep, syncStep } from "./lockstep.ts";

/** As many as the promise of equal bits was written for. */
const manySplits = 10_000;

/** They take half a minute where nothing else runs. */
const timeout = 300_000;

/** Merging rounds in float64; what is left of it is far below a unit in the last place of float32. */
const mergedUlp = 1;

/** The float32 kernels round each deviation to float32, whatever the split: twice half a unit in its square. */
const float32Ulp = 2;

interface Drawn {
  readonly batch: Batch;
  readonly cuts: readonly number[];
}

const spatials = [[], [1], [3], [7], [16], [4, 5], [8, 8]] as const;

const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    samples: fc.integer({ min: 2, max: 20 }),
    channels: fc.integer({ min: 1, max: 6 }),
    spatial: fc.constantFrom(...spatials),
    dtype: fc.constantFrom<FloatType>("float32", "float64", "float32", "bfloat16"),
    isLast: fc.boolean(),
    affine: fc.boolean(),
    mean: fc.constantFrom(0, 3, 1e4),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    cuts: fc.array(fc.nat(20), { maxLength: 7 }),
  })
  .map(({ samples, channels: few, spatial, dtype, isLast, affine, mean, seed, cuts }) => {
    // Rows of (N, C) that are long enough for the loops over large ones.
    const channels = spatial.length === 0 ? few * 40 : few;
    const shape = isLast ? [samples, ...spatial, channels] : [samples, channels, ...spatial];
    const cast = (values: Tensor<"float64">): Tensor =>
      tensor(values.data, values.shape, { dtype }) as Tensor;
    const batch = {
      x: cast(randomTensor(shape, seed, { mean })),
      dy: cast(randomTensor(shape, seed + 1)),
      weight: affine ? cast(randomTensor([channels], seed + 2)) : null,
      bias: affine ? cast(randomTensor([channels], seed + 3)) : null,
      channelAxis: isLast ? shape.length - 1 : 1,
      eps: 1e-5,
    };
    return { batch, cuts: cuts.map((cut) => Math.min(cut, samples)).sort((a, b) => a - b) };
  });

/** The bytes of all that joins to the whole. */
function bytesOf({ y, dx, forwards: [{ moments }] }: SyncStep): Buffer {
  return Buffer.concat([y, dx, moments.mean, moments.m2].map(bytes));
}

function bytes({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The distance of two numbers in float32 units in the last place of `scale`. */
function ulps(a: number, b: number, scale: number): number {
  return ulpDistance(scale, scale + Math.abs(a - b));
}

/** The same elements in kernel memory. */
function inPool(of: Tensor): Tensor {
  const copy = empty(of.shape, { dtype: of.dtype }) as Tensor;
  (copy.data as Float64Array).set(of.data as Float64Array);
  return copy;
}

describe("synchronized batch normalization over random splits", { timeout }, () => {
  it(`has the same bits however the samples are divided, and the moments of the whole (${manySplits} splits)`, () => {
    fc.assert(
      fc.property(drawn, ({ batch, cuts }) => {
        const split = syncStep(batch, cuts);
        expect(bytesOf(split).equals(bytesOf(syncStep(batch, [])))).toBe(true);
        const [{ moments }] = split.forwards;
        for (const { moments: theirs } of split.forwards) {
          expect(theirs.count).toBe(moments.count);
          expect(bytes(theirs.mean).equals(bytes(moments.mean))).toBe(true);
          expect(bytes(theirs.m2).equals(bytes(moments.m2))).toBe(true);
        }
        const { x, channelAxis } = batch;
        const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== channelAxis);
        const whole = F.moments(tensor(toFloat64(x.data, x.dtype), x.shape), { axes });
        expect(moments.count).toBe(whole.count);
        const most = x.dtype === "float64" ? mergedUlp : float32Ulp;
        for (let c = 0; c < moments.mean.length; c++) {
          const [mean, variance] = [whole.mean.data[c], whole.variance.data[c]];
          const scale = Math.max(Math.abs(mean), Math.sqrt(variance));
          expect(ulps(moments.mean[c], mean, scale)).toBeLessThanOrEqual(most);
          expect(ulps(moments.m2[c] / moments.count, variance, variance)).toBeLessThanOrEqual(most);
        }
      }),
      { numRuns: manySplits },
    );
  });

  it.each([
    { shape: [5, 3, 190, 190], channelAxis: 1 },
    { shape: [6, 40, 21, 21], channelAxis: 1 },
    { shape: [5, 70, 70, 24], channelAxis: 3 },
    { shape: [900, 130], channelAxis: 1 },
  ])(
    "has the same bits for batches beyond the caches, in arrays and in kernel memory: $shape",
    ({ shape, channelAxis }) => {
      const [x, dy] = [3, 4].map((seed) => randomTensor(shape, seed, { dtype: "float32" }));
      const channels = shape[channelAxis];
      const [weight, bias] = [5, 6].map((seed) => randomTensor([channels], seed, { dtype: "float32" }));
      const batch: Batch = { x, dy, weight, bias, channelAxis, eps: 1e-5 };
      const whole = bytesOf(syncStep(batch, []));
      expect(bytesOf(syncStep(batch, [1, 3])).equals(whole)).toBe(true);
      expect(bytesOf(syncStep(batch, [2, 2], undefined, inPool)).equals(whole)).toBe(true);
    },
  );

  it("sends a message twice where the ranks before held other numbers of samples than expected", () => {
    const x = randomTensor([12, 3, 5], 1);
    const batch: Batch = { x, dy: x, weight: null, bias: null, channelAxis: 1, eps: 1e-5 };
    const even = syncStep(batch, [4, 8]);
    expect(even.rounds).toEqual([1, 1]);
    const odd = syncStep(batch, [5, 8]);
    expect(odd.rounds).toEqual([2, 1]);
    const again = syncStep(batch, [5, 8], odd.forwards[0].spread);
    expect(again.rounds).toEqual([1, 1]);
    const misled = syncStep(batch, [4, 7], odd.forwards[0].spread);
    expect(misled.rounds).toEqual([2, 1]);
    for (const each of [odd, again, misled]) expect(bytesOf(each).equals(bytesOf(even))).toBe(true);
  });
});

describe("the tree over samples", () => {
  it("merges in one order, whatever the cuts", () => {
    const text = (a: string, b: string): string => `(${a}${b})`;
    const leaves = Array.from("abcdefghijk", (value, start) => ({ start, samples: 1, value }));
    expect(mergeTree(leaves, text)).toBe("((((ab)(cd))((ef)(gh)))((ij)k))");
    fc.assert(
      fc.property(fc.array(fc.nat(11)), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), 11];
        const nodes = edges.slice(1).flatMap((end, i) => {
          const own = joinSiblings(leaves.slice(edges[i], end), text);
          expect(own.map(({ start, samples }) => ({ start, samples }))).toEqual(placesOf(edges[i], end));
          return own;
        });
        expect(mergeTree(nodes, text)).toBe("((((ab)(cd))((ef)(gh)))((ij)k))");
      }),
    );
    expect(mergeTree([], text)).toBeUndefined();
  });

  it("sends a node for many samples", () => {
    expect(placesOf(64, 128)).toEqual([{ start: 64, samples: 64 }]);
    expect(placesOf(1, 1024)).toHaveLength(10);
  });
});

describe("a message of a rank", () => {
  it("must have as many numbers as its samples make", () => {
    const values = [{ count: 2, mean: new Float64Array(3), m2: new Float64Array(3) }];
    const part = { rank: 0, perSample: 2, channels: 3, values };
    const rounds = reduceOverSamples(part, momentsReduction, { samples: [1, 1], perSample: [2, 2] });
    const { value } = rounds.next();
    const own = value as Float64Array;
    const theirs = own.slice(0, -1);
    theirs[2] = 1;
    expect(() => rounds.next([own, theirs])).toThrow("expected 9 numbers of rank 1, got 8");
  });
});
