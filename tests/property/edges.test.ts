import { describe, expect, it } from "vitest";
import {
  BatchNorm2d,
  functional as F,
  GroupNorm,
  InstanceNorm2d,
  LayerNorm,
  LocalResponseNorm,
  RMSNorm,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import { randomTensor } from "./arbitraries.ts";

const shape = [2, 4, 3, 2];
const area = 6;

interface Norm {
  readonly name: string;
  /** Whether element i shares a statistic with the element that is poisoned. */
  readonly touches: (i: number, poisoned: number) => boolean;
  readonly forward: (x: Tensor) => Tensor;
  readonly backward: (x: Tensor, dy: Tensor) => Tensor;
}

const sample = (i: number): number => Math.floor(i / (4 * area));
const channel = (i: number): number => Math.floor(i / area) % 4;

const norms: readonly Norm[] = [
  {
    name: "batchNorm",
    touches: (i, j) => channel(i) === channel(j),
    forward: (x) => F.batchNorm(x, { training: true }),
    backward: (x, dy) => F.batchNormBackward(x, dy, { training: true }).dx,
  },
  {
    name: "instanceNorm",
    touches: (i, j) => sample(i) === sample(j) && channel(i) === channel(j),
    forward: (x) => F.instanceNorm(x),
    backward: (x, dy) => F.instanceNormBackward(x, dy).dx,
  },
  {
    name: "groupNorm",
    touches: (i, j) => sample(i) === sample(j) && channel(i) >> 1 === channel(j) >> 1,
    forward: (x) => F.groupNorm(x, { numGroups: 2 }),
    backward: (x, dy) => F.groupNormBackward(x, dy, { numGroups: 2 }).dx,
  },
  {
    name: "layerNorm",
    touches: (i, j) => sample(i) === sample(j),
    forward: (x) => F.layerNorm(x, { normalizedShape: shape.slice(1) }),
    backward: (x, dy) => F.layerNormBackward(x, dy, { normalizedShape: shape.slice(1) }).dx,
  },
  {
    name: "lpNormalize",
    touches: (i, j) => sample(i) === sample(j) && i % area === j % area,
    forward: (x) => F.lpNormalize(x),
    backward: (x, dy) => F.lpNormalizeBackward(x, dy).dx,
  },
];

describe.each(norms)("$name", ({ name, touches, forward, backward }) => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "%s poisons its own alone",
    (bad) => {
      const x = randomTensor(shape, 1);
      const dy = randomTensor(shape, 2);
      const [y, dx] = [forward(x), backward(x, dy)];
      const place = 31;
      x.data[place] = bad;
      const [poisonedY, poisonedDx] = [forward(x), backward(x, dy)];
      for (let i = 0; i < y.size; i++) {
        if (!touches(i, place)) {
          expect(poisonedY.data[i]).toBe(y.data[i]);
          expect(poisonedDx.data[i]).toBe(dx.data[i]);
        } else if (name !== "lpNormalize") {
          expect(poisonedY.data[i]).toBeNaN();
          expect(poisonedDx.data[i]).toBeNaN();
        }
      }
      expect(poisonedY.data[place]).toBeNaN();
    },
  );
});

it("NaN in one channel moves that channel's running statistics to NaN, no other", () => {
  const bn = new BatchNorm2d(4);
  const x = randomTensor(shape, 1, { dtype: "float32" });
  x.data[area] = Number.NaN;
  bn.forward(x);
  const isNaNs = (statistic: Tensor | null): boolean[] => Array.from(statistic?.data ?? [], Number.isNaN);
  expect(isNaNs(bn.runningMean)).toEqual([false, true, false, false]);
  expect(isNaNs(bn.runningVar)).toEqual([false, true, false, false]);
});

describe("an empty batch", () => {
  const x = tensor(new Float32Array(0), [0, 4, 3, 2]);

  it("leaves BatchNorm's running statistics, counts up, and gives zero parameter gradients", () => {
    const bn = new BatchNorm2d(4);
    expect(bn.forward(x).shape).toEqual([0, 4, 3, 2]);
    expect([...(bn.runningMean?.data ?? [])]).toEqual([0, 0, 0, 0]);
    expect([...(bn.runningVar?.data ?? [])]).toEqual([1, 1, 1, 1]);
    expect(bn.numBatchesTracked).toBe(1);
    expect(bn.backward(x).shape).toEqual([0, 4, 3, 2]);
    expect([...(bn.weight?.grad ?? [])]).toEqual([0, 0, 0, 0]);
    expect([...(bn.bias?.grad ?? [])]).toEqual([0, 0, 0, 0]);
  });

  it("leaves InstanceNorm's running statistics", () => {
    const norm = new InstanceNorm2d(4, { trackRunningStats: true, affine: true });
    expect(norm.forward(x).shape).toEqual([0, 4, 3, 2]);
    expect([...(norm.runningMean?.data ?? [])]).toEqual([0, 0, 0, 0]);
    expect([...(norm.runningVar?.data ?? [])]).toEqual([1, 1, 1, 1]);
    expect(norm.backward(x).size).toBe(0);
  });

  it.each([
    new GroupNorm(2, 4),
    new LayerNorm([3, 2]),
    new RMSNorm(2),
    new LocalResponseNorm(3),
    new BatchNorm2d(4).eval(),
    new InstanceNorm2d(4, { trackRunningStats: true }).eval(),
  ])("passes through %s", (layer) => {
    const y = layer.forward(x);
    expect([y.shape, y.dtype, y.size]).toEqual([[0, 4, 3, 2], "float32", 0]);
    expect(layer.backward(x).shape).toEqual([0, 4, 3, 2]);
    for (const { grad, data } of layer.parameters()) expect([...(grad ?? [])]).toEqual([...data].fill(0));
  });

  it("passes through lpNormalize", () => {
    expect(F.lpNormalize(x).shape).toEqual([0, 4, 3, 2]);
    expect(F.lpNormalizeBackward(x, x).dx.shape).toEqual([0, 4, 3, 2]);
  });
});

describe("no channels", () => {
  const x = tensor(new Float32Array(0), [2, 0, 3, 2]);

  it.each([
    new BatchNorm2d(0),
    new BatchNorm2d(0).eval(),
    new BatchNorm2d(0, { affine: false, trackRunningStats: false }),
    new InstanceNorm2d(0, { affine: true, trackRunningStats: true }),
    new InstanceNorm2d(0),
    new GroupNorm(1, 0),
    new LocalResponseNorm(3),
  ])("pass through %s", (layer) => {
    expect(layer.forward(x).shape).toEqual([2, 0, 3, 2]);
    expect(layer.backward(x).shape).toEqual([2, 0, 3, 2]);
    for (const { grad } of layer.parameters()) expect(grad).toHaveLength(0);
  });

  it("count up num_batches_tracked", () => {
    const bn = new BatchNorm2d(0);
    bn.forward(x);
    expect(bn.numBatchesTracked).toBe(1);
  });
});

it("no spatial elements: empty, and the running statistics stay", () => {
  const bn = new BatchNorm2d(4);
  const x = tensor(new Float32Array(0), [2, 4, 0, 3]);
  expect(bn.forward(x).shape).toEqual([2, 4, 0, 3]);
  expect([...(bn.runningVar?.data ?? [])]).toEqual([1, 1, 1, 1]);
  expect(F.instanceNorm(x).shape).toEqual([2, 4, 0, 3]);
  expect(F.groupNorm(x, { numGroups: 2 }).shape).toEqual([2, 4, 0, 3]);
});
