import { describe, expect, test } from "vitest";
import { type Tensor, tensor } from "../../src/index.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  GroupNorm,
  LayerNorm,
  LocalResponseNorm,
} from "../../src/megengine/index.ts";
import { thrownBy } from "../layers/support.ts";

const keys = ["weight", "bias", "running_mean", "running_var"] as const;

/** A checkpoint of two channels whose tensors have this shape. */
function checkpoint(shape: readonly number[]): Record<string, Tensor> {
  return Object.fromEntries(
    keys.map((key, i) => [key, tensor(Float32Array.of(2 * i + 1, 2 * i + 2), shape)] as const),
  );
}

function numbersOf(bn: BatchNorm1d | BatchNorm2d): number[] {
  return [bn.weight, bn.bias, bn.runningMean, bn.runningVar].flatMap((value) => [...(value?.data ?? [])]);
}

test.each([BatchNorm1d, BatchNorm2d])("%o writes flat tensors and no num_batches_tracked", (Norm) => {
  const dict = new Norm(3).stateDict({ prefix: "bn." });
  expect(Object.entries(dict).map(([key, { shape }]) => [key, shape])).toEqual(
    keys.map((key) => [`bn.${key}`, [3]]),
  );
});

test("what is off is absent", () => {
  expect(Object.keys(new BatchNorm2d(3, { affine: false }).stateDict())).toEqual([
    "running_mean",
    "running_var",
  ]);
  expect(Object.keys(new BatchNorm2d(3, { trackRunningStats: false }).stateDict())).toEqual([
    "weight",
    "bias",
  ]);
  expect(Object.keys(new LocalResponseNorm().stateDict())).toEqual([]);
});

describe.each([BatchNorm1d, BatchNorm2d])("%o loads", (Norm) => {
  test.each<[string, number[]]>([
    ["1-D (v1.0)", [2]],
    ["4-D (v1.1)", [1, 2, 1, 1]],
  ])("%s", (_, shape) => {
    const bn = new Norm(2);
    expect(bn.loadStateDict(checkpoint(shape))).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(numbersOf(bn)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(bn.weight?.shape).toEqual([1, 2, 1, 1]);
  });

  test("what it wrote", () => {
    const [from, to] = [new Norm(2), new Norm(2)];
    from.loadStateDict(checkpoint([2]));
    to.loadStateDict(from.stateDict());
    expect(numbersOf(to)).toEqual(numbersOf(from));
  });

  test.each([[[2, 1]], [[1, 2]], [[2, 1, 1, 1]], [[1, 1, 2, 1]], [[1, 2, 1, 1, 1]], [[]]])(
    "not the shape %j",
    (shape) => {
      const bn = new Norm(2);
      const dict = {
        ...checkpoint([2]),
        running_var: { data: new Float32Array(shape.length ? 2 : 1), shape },
      };
      expect(() => bn.loadStateDict(dict)).toThrow(
        "size mismatch for running_var: copying a param with shape",
      );
      expect(numbersOf(bn)).toEqual([1, 1, 0, 0, 0, 0, 1, 1]);
    },
  );

  test("not another number of channels, in 4-D too", () => {
    const bn = new Norm(3);
    expect(thrownBy(() => bn.loadStateDict(checkpoint([1, 2, 1, 1])))).toContain(
      "size mismatch for weight: copying a param with shape (1, 2, 1, 1) from checkpoint, " +
        "the shape in current model is (3,).",
    );
  });
});

test("PyTorch's num_batches_tracked is an unexpected key", () => {
  const dict = { ...checkpoint([2]), num_batches_tracked: tensor(BigInt64Array.of(3n), []) };
  const bn = new BatchNorm2d(2);
  expect(() => bn.loadStateDict(dict)).toThrow('Unexpected key(s) in state_dict: "num_batches_tracked"');
  expect(bn.loadStateDict(dict, { strict: false }).unexpectedKeys).toEqual(["num_batches_tracked"]);
});

test("a missing key is an error", () => {
  const { running_var: _, ...dict } = checkpoint([2]);
  expect(() => new BatchNorm2d(2).loadStateDict(dict)).toThrow(
    'Missing key(s) in state_dict: "running_var".',
  );
});

test("the other norms keep their parameters' shape", () => {
  expect(new GroupNorm(2, 4).stateDict().weight.shape).toEqual([4]);
  expect(new LayerNorm([2, 3]).stateDict().bias.shape).toEqual([2, 3]);
});
