import { describe, expect, test } from "vitest";
import {
  BatchNorm1d,
  BatchNorm2d,
  GroupNorm,
  InstanceNorm2d,
  type Layer,
  LayerNorm,
  LocalResponseNorm,
  RMSNorm,
  type StateDict,
  tensor,
} from "../../src/index.ts";

function filled(): BatchNorm1d {
  const bn = new BatchNorm1d(2);
  bn.weight?.data.set([1, 2]);
  bn.bias?.data.set([3, 4]);
  bn.runningMean?.data.set([5, 6]);
  bn.runningVar?.data.set([7, 8]);
  bn.numBatchesTracked = 9;
  return bn;
}

function valuesOf(dict: StateDict): Record<string, (number | bigint)[]> {
  return Object.fromEntries(Object.entries(dict).map(([key, { data }]) => [key, [...data]]));
}

const filledValues = {
  weight: [1, 2],
  bias: [3, 4],
  running_mean: [5, 6],
  running_var: [7, 8],
  num_batches_tracked: [9n],
};

describe("keys: what is off is absent", () => {
  test.each<[Layer, string[]]>([
    [new BatchNorm2d(2), ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]],
    [new BatchNorm2d(2, { affine: false }), ["running_mean", "running_var", "num_batches_tracked"]],
    [new BatchNorm2d(2, { trackRunningStats: false }), ["weight", "bias"]],
    [new BatchNorm2d(2, { affine: false, trackRunningStats: false }), []],
    [new InstanceNorm2d(2), []],
    [new InstanceNorm2d(2, { affine: true }), ["weight", "bias"]],
    [
      new InstanceNorm2d(2, { trackRunningStats: true }),
      ["running_mean", "running_var", "num_batches_tracked"],
    ],
    [new GroupNorm(1, 2), ["weight", "bias"]],
    [new LayerNorm(2), ["weight", "bias"]],
    [new LayerNorm(2, { bias: false }), ["weight"]],
    [new LayerNorm(2, { elementwiseAffine: false }), []],
    [new RMSNorm(2), ["weight"]],
    [new LocalResponseNorm(2), []],
  ])("%s", (layer, keys) => {
    expect(Object.keys(layer.stateDict())).toEqual(keys);
    expect(layer.loadStateDict(layer.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
  });
});

describe("stateDict", () => {
  test("values, shapes and dtypes; num_batches_tracked is an int64 scalar whatever the layer's dtype", () => {
    expect(valuesOf(filled().stateDict())).toEqual(filledValues);
    const dict = new BatchNorm1d(2, { dtype: "float64" }).stateDict();
    expect(Object.values(dict).map(String)).toEqual([
      "tensor(float64, (2,))",
      "tensor(float64, (2,))",
      "tensor(float64, (2,))",
      "tensor(float64, (2,))",
      "tensor(int64, ())",
    ]);
    expect(new LayerNorm([2, 3]).stateDict().weight.shape).toEqual([2, 3]);
  });

  test("copies: writing into it changes no layer, and the layer's steps do not change it", () => {
    const bn = filled();
    const dict = bn.stateDict();
    dict.weight.data[0] = 100;
    expect(bn.weight?.data[0]).toBe(1);
    bn.numBatchesTracked = 50;
    expect(dict.num_batches_tracked.data[0]).toBe(9n);
  });

  test("a prefix stands before every key, and its module in the hidden _metadata", () => {
    const dict = filled().stateDict({ prefix: "layer1.0.bn1." });
    expect(Object.keys(dict)[0]).toBe("layer1.0.bn1.weight");
    expect(Object.keys(dict).every((key) => key.startsWith("layer1.0.bn1."))).toBe(true);
    expect(Object.getOwnPropertyDescriptor(dict, "_metadata")).toMatchObject({
      value: { "layer1.0.bn1": { version: 2 } },
      enumerable: false,
    });
    expect(JSON.stringify(Object.keys({ ...dict }))).not.toContain("_metadata");
  });
});

describe("loadStateDict", () => {
  test("returns to the same values, from an object, a map, and under a prefix", () => {
    const dict = filled().stateDict();
    const loaded = [new BatchNorm1d(2), new BatchNorm1d(2), new BatchNorm1d(2)];
    loaded[0].loadStateDict(dict);
    loaded[1].loadStateDict(new Map(Object.entries(dict)));
    loaded[2].loadStateDict(
      { ...filled().stateDict({ prefix: "bn." }), "fc.weight": tensor([1]) },
      { prefix: "bn." },
    );
    for (const bn of loaded) expect(valuesOf(bn.stateDict())).toEqual(filledValues);
    expect(loaded[0].numBatchesTracked).toBe(9);
  });

  test("copies into the parameters that are there, and keeps nothing of the dict", () => {
    const bn = new BatchNorm1d(2);
    const held = bn.weight?.data;
    const dict = filled().stateDict();
    bn.loadStateDict(dict);
    expect(bn.weight?.data).toBe(held);
    dict.weight.data[0] = 100;
    expect(bn.weight?.data[0]).toBe(1);
  });

  test("converts every dtype to the layer's", () => {
    const ln = new LayerNorm(2, { dtype: "float64" });
    ln.loadStateDict({
      weight: tensor([1.5, -2], [2], { dtype: "float16" }),
      bias: tensor([0.5, 3], [2], { dtype: "bfloat16" }),
    });
    expect([[...(ln.weight?.data ?? [])], [...(ln.bias?.data ?? [])]]).toEqual([
      [1.5, -2],
      [0.5, 3],
    ]);
    const half = new LayerNorm(2, { dtype: "float16" });
    half.loadStateDict(ln.stateDict());
    expect([...(half.weight?.data ?? [])]).toEqual([0x3e00, 0xc000]);
  });

  test("num_batches_tracked comes as int64, float or int32", () => {
    for (const count of [BigInt64Array.of(7n), Float32Array.of(7), Int32Array.of(7)]) {
      const bn = new BatchNorm1d(2);
      bn.loadStateDict({ ...filled().stateDict(), num_batches_tracked: { data: count, shape: [] } });
      expect(bn.numBatchesTracked).toBe(7);
    }
  });

  test("bare typed arrays and objects with dims are tensors", () => {
    const ln = new LayerNorm(2);
    ln.loadStateDict({ weight: Float32Array.of(5, 6), bias: { data: Float64Array.of(7, 8), dims: [2] } });
    expect([...(ln.weight?.data ?? []), ...(ln.bias?.data ?? [])]).toEqual([5, 6, 7, 8]);
  });
});

describe("num_batches_tracked is missing", () => {
  const { num_batches_tracked: _, ...old } = filled().stateDict();

  function withVersion(version: number | undefined, prefix = ""): StateDict {
    const dict = Object.fromEntries(Object.entries(old).map(([key, value]) => [prefix + key, value]));
    const metadata = { [prefix.replace(/\.$/, "")]: version === undefined ? {} : { version } };
    return Object.defineProperty(dict, "_metadata", { value: metadata, enumerable: false }) as StateDict;
  }

  test.each<[string, StateDict]>([
    ["no metadata", old],
    ["metadata without a version", withVersion(undefined)],
    ["version 1", withVersion(1)],
  ])("%s: it loads, and the layer keeps its own count", (_name, dict) => {
    const bn = new BatchNorm1d(2);
    bn.numBatchesTracked = 4;
    expect(bn.loadStateDict(dict)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(bn.numBatchesTracked).toBe(4);
    expect(bn.runningMean?.data[0]).toBe(5);
  });

  test.each(["", "bn."])("version 2 under prefix %j: it is a missing key", (prefix) => {
    expect(() => new BatchNorm1d(2).loadStateDict(withVersion(2, prefix), { prefix })).toThrow(
      `Missing key(s) in state_dict: "${prefix}num_batches_tracked".`,
    );
  });

  test("instance norm alike", () => {
    const norm = new InstanceNorm2d(2, { affine: true, trackRunningStats: true });
    norm.loadStateDict(old);
    expect(norm.runningVar?.data[1]).toBe(8);
  });
});
