import { describe, expect, test } from "vitest";
import { BatchNorm1d, LayerNorm, tensor } from "../../src/index.ts";
import { thrownBy } from "./support.ts";

const good = {
  weight: tensor([1, 2]),
  bias: tensor([3, 4]),
  running_mean: tensor([5, 6]),
  running_var: tensor([7, 8]),
};

/** Every number that a load could change. */
function numbersOf(bn: BatchNorm1d): number[] {
  const arrays = [bn.weight?.data, bn.bias?.data, bn.runningMean?.data, bn.runningVar?.data];
  return [...arrays.flatMap((data) => [...(data ?? [])]), bn.numBatchesTracked];
}

const untouched = [1, 1, 0, 0, 0, 0, 1, 1, 0];

describe("strict", () => {
  test("one error names every missing key, unexpected key and size mismatch, under their prefix", () => {
    const bn = new BatchNorm1d(2);
    const dict = {
      "bn.weight": tensor([1, 2, 3]),
      "bn.bias": tensor([[1, 2]]),
      "bn.gamma": tensor([1]),
      "bn.beta": tensor([1]),
      "fc.weight": tensor([1]),
    };
    const message = thrownBy(() => bn.loadStateDict(dict, { prefix: "bn." }));
    expect(message).toMatch(/^RangeError: Error\(s\) in loading state_dict for BatchNorm1d:\n\t/);
    const problems = message.split("\n\t").slice(1).sort();
    expect(problems).toEqual([
      'Missing key(s) in state_dict: "bn.running_mean", "bn.running_var".',
      'Unexpected key(s) in state_dict: "bn.gamma", "bn.beta".',
      "size mismatch for bn.bias: copying a param with shape (1, 2) from checkpoint, the shape in current model is (2,).",
      "size mismatch for bn.weight: copying a param with shape (3,) from checkpoint, the shape in current model is (2,).",
    ]);
    expect(numbersOf(bn)).toEqual(untouched);
  });

  test.each<[string, object]>([
    ["a missing key", { ...good, running_var: undefined as never }],
    ["an unexpected key", { ...good, scale: tensor([1]) }],
    ["a size mismatch in the last key", { ...good, running_var: tensor([1, 2, 3]) }],
    ["what is no tensor in the last key", { ...good, running_var: "no tensor" }],
    [
      "data that does not fill its shape",
      { ...good, running_var: { data: new Float32Array(3), shape: [2] } },
    ],
  ])("%s changes nothing", (_, dict) => {
    const bn = new BatchNorm1d(2);
    const cleaned = Object.fromEntries(Object.entries(dict).filter(([, value]) => value !== undefined));
    expect(() => bn.loadStateDict(cleaned)).toThrow();
    expect(numbersOf(bn)).toEqual(untouched);
    bn.loadStateDict(good);
    expect(numbersOf(bn)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0]);
  });

  test("keys of what is off are unexpected", () => {
    const bn = new BatchNorm1d(2, { affine: false });
    expect(() => bn.loadStateDict(good)).toThrow('Unexpected key(s) in state_dict: "weight", "bias".');
  });
});

describe("not strict", () => {
  test("missing and unexpected keys come back without their prefix, and the rest is loaded", () => {
    const bn = new BatchNorm1d(2);
    const dict = { "bn.weight": tensor([8, 9]), "bn.extra": tensor([1]), other: tensor([1]) };
    expect(bn.loadStateDict(dict, { prefix: "bn.", strict: false })).toEqual({
      missingKeys: ["bias", "running_mean", "running_var"],
      unexpectedKeys: ["extra"],
    });
    expect(numbersOf(bn)).toEqual([8, 9, ...untouched.slice(2)]);
  });

  test("a size mismatch is an error still, and names that alone", () => {
    const bn = new BatchNorm1d(2);
    const dict = { weight: tensor([1, 2, 3]), bias: tensor([1, 2]), extra: tensor([1]) };
    expect(thrownBy(() => bn.loadStateDict(dict, { strict: false }))).toBe(
      "RangeError: Error(s) in loading state_dict for BatchNorm1d:\n\t" +
        "size mismatch for weight: copying a param with shape (3,) from checkpoint, the shape in current model is (2,).",
    );
    expect(numbersOf(bn)).toEqual(untouched);
  });
});

describe("kinds", () => {
  test.each<[unknown, string]>([
    [null, "null"],
    [undefined, "undefined"],
    ["model.safetensors", '"model.safetensors"'],
    [7, "7"],
  ])("%s is no dict", (dict, described) => {
    for (const layer of [new LayerNorm(2), new BatchNorm1d(null)]) {
      expect(thrownBy(() => layer.loadStateDict(dict as never))).toBe(
        `TypeError: ${layer.name}: expected a state dict (an object or a Map of tensors), got ${described}`,
      );
    }
  });

  test("an entry that is no tensor is named with its prefix", () => {
    const dict = { "ln.weight": [1, 2], "ln.bias": tensor([1, 2]) };
    expect(thrownBy(() => new LayerNorm(2).loadStateDict(dict as never, { prefix: "ln." }))).toBe(
      "TypeError: LayerNorm: expected ln.weight to be a tensor (an object with data and shape), got an array [1, 2]",
    );
  });
});
