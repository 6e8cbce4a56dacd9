import { describe, expect, it } from "vitest";
import { BatchNorm2d, functional as F, InstanceNorm1d, type Tensor, tensor } from "../../src/index.ts";

const x = tensor([1, 2, 3, 4, 5, 6, 7, 9], [2, 2, 2]);

interface Target {
  readonly out: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
}

/** Buffers of values that no norm of x would give. */
function targets(): Target {
  return {
    out: tensor(new Float32Array(8).fill(77), [2, 2, 2]),
    runningMean: tensor([11, 12]),
    runningVar: tensor([13, 14]),
  };
}

const wrong: readonly { readonly name: string; readonly options: F.InstanceNormOptions }[] = [
  { name: "weight", options: { weight: new Float32Array(3) } },
  { name: "bias", options: { bias: new Float32Array(3) } },
  { name: "runningMean", options: { runningMean: new Float32Array(3) } },
  { name: "runningVar", options: { runningVar: new Float32Array(3) } },
  { name: "kind of runningVar", options: { runningVar: new Int32Array(2) } },
  { name: "momentum", options: { momentum: Number.NaN } },
  { name: "eps", options: { eps: Number.NaN } },
  { name: "out's shape", options: { out: new Float32Array(8) } },
  { name: "out's dtype", options: { out: tensor(new Float64Array(8), [2, 2, 2]) } },
  { name: "axis", options: { axis: 5 } },
  { name: "backend", options: { backend: "none" as "reference" } },
];

describe.each(wrong)("a wrong $name changes nothing in", ({ options }) => {
  it.each([
    ["batchNorm", (given: F.InstanceNormOptions) => F.batchNorm(x, { training: true, ...given })],
    ["instanceNorm", (given: F.InstanceNormOptions) => F.instanceNorm(x, given)],
  ] as const)("%s", (_, call) => {
    const given = targets();
    expect(() => call({ ...given, ...options })).toThrow();
    expect(given).toEqual(targets());
    call(given);
    for (const [name, value] of Object.entries(targets())) {
      expect(given[name as keyof Target].data).not.toEqual(value.data);
    }
  });
});

describe("a single value per statistic changes nothing in", () => {
  it("batchNorm", () => {
    const { runningMean, runningVar } = targets();
    expect(() =>
      F.batchNorm(new Float32Array(2), { training: true, axis: 0, runningMean, runningVar }),
    ).toThrow();
    expect([runningMean, runningVar]).toEqual([targets().runningMean, targets().runningVar]);
  });

  it("instanceNorm", () => {
    const { runningMean, runningVar } = targets();
    const single = tensor([1, 2, 3, 4], [2, 2, 1]);
    expect(() => F.instanceNorm(single, { runningMean, runningVar })).toThrow();
    expect([runningMean, runningVar]).toEqual([targets().runningMean, targets().runningVar]);
  });
});

describe("a backward that throws leaves out", () => {
  const dy = tensor(new Float32Array(4), [2, 2]);
  const weight = new Float32Array(2);

  it.each([
    ["batchNorm", (out: Tensor) => F.batchNormBackward(x, dy, { training: true, weight, out })],
    ["instanceNorm", (out: Tensor) => F.instanceNormBackward(x, dy, { weight, out })],
    ["groupNorm", (out: Tensor) => F.groupNormBackward(x, dy, { numGroups: 1, weight, out })],
    ["layerNorm", (out: Tensor) => F.layerNormBackward(x, dy, { normalizedShape: 2, weight, out })],
    ["layerNorm, transposed", (out: Tensor) => F.layerNormBackward(x, dy, { axes: [0], weight, out })],
    ["localResponseNorm", (out: Tensor) => F.localResponseNormBackward(x, dy, { size: 3, out })],
    ["lpNormalize", (out: Tensor) => F.lpNormalizeBackward(x, dy, { out })],
  ] as const)("%s", (_, call) => {
    const { out } = targets();
    expect(() => call(out)).toThrow(/expected dy of the input's shape \(2, 2, 2\), got \(2, 2\)/);
    expect(out).toEqual(targets().out);
  });
});

describe("a layer whose forward throws", () => {
  it("keeps its count, statistics and gradients", () => {
    const bn = new BatchNorm2d(2);
    const before = bn.stateDict();
    expect(() => bn.forward(tensor([1, 2], [1, 2, 1, 1]))).toThrow(/more than 1 value per channel/);
    expect(() => bn.forward(tensor(new Float32Array(12), [2, 3, 2, 1]))).toThrow(/\(N, 2, H, W\)/);
    expect(() => bn.forward(tensor(new Float32Array(8), [2, 2, 2, 1]), { out: x })).toThrow(/expected out/);
    expect(bn.stateDict()).toEqual(before);
    bn.forward(tensor(new Float32Array(8), [2, 2, 2, 1]));
    expect(() => bn.backward(x)).toThrow(/expected dy/);
    expect([bn.weight?.grad, bn.bias?.grad]).toEqual([null, null]);
  });

  it("stays without features where it is lazy", () => {
    const bn = new BatchNorm2d(null);
    expect(() => bn.forward(tensor([1, 2], [1, 2, 1, 1]))).toThrow(/more than 1 value per channel/);
    expect([bn.numFeatures, bn.weight, bn.runningMean]).toEqual([null, null, null]);
    const norm = new InstanceNorm1d(null, { affine: true });
    expect(() => norm.forward(tensor([1, 2], [1, 2, 1]))).toThrow(/more than 1 spatial element/);
    expect([norm.numFeatures, norm.weight]).toEqual([null, null]);
  });

  it("stays without features where a state dict does not load", () => {
    const bn = new BatchNorm2d(null);
    expect(() => bn.loadStateDict({ weight: new Float32Array(3) })).toThrow(/Missing key/);
    expect([bn.numFeatures, bn.weight, bn.runningMean]).toEqual([null, null, null]);
  });
});
