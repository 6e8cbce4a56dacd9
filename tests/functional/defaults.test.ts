import { describe, expect, it } from "vitest";
import { BatchNorm1d, functional as F, type Tensor, tensor } from "../../src/index.ts";
import { normals } from "../property/arbitraries.ts";

const shape = [3, 6, 2];
/** Small values, in which every default eps and alpha shows. */
const x = tensor(
  normals(36, 1).map((value) => value * 1e-2),
  shape,
);
const dy = tensor(normals(36, 2), shape);
const running = { runningMean: new Float64Array(6), runningVar: new Float64Array(6).fill(1e-4) };
const epsilon32 = 1.1920928955078125e-7;

const defaults: readonly (readonly [name: string, short: () => unknown, full: () => unknown])[] = [
  [
    "batchNorm",
    () => F.batchNorm(x, { training: true }),
    () => F.batchNorm(x, { training: true, eps: 1e-5, axis: 1, weight: null, bias: null }),
  ],
  [
    "batchNorm is in eval",
    () => F.batchNorm(x, { ...running }),
    () => F.batchNorm(x, { ...running, training: false, eps: 1e-5 }),
  ],
  [
    "instanceNorm",
    () => F.instanceNorm(x),
    () => F.instanceNorm(x, { useInputStats: true, eps: 1e-5, axis: 1 }),
  ],
  [
    "groupNorm",
    () => F.groupNorm(x, { numGroups: 3 }),
    () => F.groupNorm(x, { numGroups: 3, eps: 1e-5, axis: 1 }),
  ],
  [
    "layerNorm",
    () => F.layerNorm(x, { normalizedShape: [6, 2] }),
    () => F.layerNorm(x, { axes: [1, 2], eps: 1e-5 }),
  ],
  [
    "rmsNorm, float64",
    () => F.rmsNorm(x, { normalizedShape: 2 }),
    () => F.rmsNorm(x, { axes: [2], eps: 2 ** -52 }),
  ],
  [
    "rmsNorm, eps null",
    () => F.rmsNormBackward(x, dy, { normalizedShape: 2, eps: null }),
    () => F.rmsNormBackward(x, dy, { axes: [2], eps: 2 ** -52 }),
  ],
  [
    "rmsNorm, float32",
    () => F.rmsNorm(tensor([1e-4, 2e-4]), { normalizedShape: 2, eps: null }),
    () => F.rmsNorm(tensor([1e-4, 2e-4]), { normalizedShape: 2, eps: epsilon32 }),
  ],
  [
    "rmsNorm, float16, which computes in float32",
    () => F.rmsNorm(tensor([1e-4, 2e-4], [2], { dtype: "float16" }), { normalizedShape: 2 }),
    () => F.rmsNorm(tensor([1e-4, 2e-4], [2], { dtype: "float16" }), { normalizedShape: 2, eps: epsilon32 }),
  ],
  [
    "localResponseNorm",
    () => F.localResponseNorm(x, { size: 4 }),
    () =>
      F.localResponseNorm(x, {
        size: 4,
        alpha: 1e-4,
        beta: 0.75,
        k: 1,
        alphaDivisor: 4,
        channelsBefore: 2,
        channelsAfter: 1,
        axis: 1,
      }),
  ],
  ["lpNormalize", () => F.lpNormalize(x), () => F.lpNormalize(x, { p: 2, axis: 1, eps: 1e-12 })],
];

describe("left out, an option is the framework's default:", () => {
  it.each(defaults)("%s", (_, short, full) => {
    expect(short()).toEqual(full());
  });
});

/** localResponseNorm of one sample of channels, by the definition. */
function byDefinition(channels: readonly number[], before: number, after: number, scale: number): number[] {
  return channels.map((value, c) => {
    let squares = 0;
    channels.forEach((neighbour, j) => {
      if (j >= c - before && j <= c + after) squares += neighbour ** 2;
    });
    return value / (1 + scale * squares) ** 0.75;
  });
}

const windows: readonly (readonly [string, F.LocalResponseNormOptions, number, number, number])[] = [
  ["an odd size: symmetric", { size: 3 }, 1, 1, 1 / 3],
  ["an even size: the extra channel on the low side, as in PyTorch", { size: 4 }, 2, 1, 1 / 4],
  ["size 2 in PyTorch", { size: 2 }, 1, 0, 1 / 2],
  ["the extra channel on the high side, as in ONNX", { size: 4, channelsBefore: 1 }, 1, 2, 1 / 4],
  ["MegEngine's n + 1 channels", { size: 4, channelsAfter: 2, alphaDivisor: 1 }, 2, 2, 1],
  ["alpha undivided, as in TensorFlow", { size: 5, alphaDivisor: 1 }, 2, 2, 1],
  ["size 1", { size: 1 }, 0, 0, 1],
  ["a window beyond all channels", { size: 99 }, 49, 49, 1 / 99],
];

describe("localResponseNorm's window and divisor, at the edges too:", () => {
  it.each(windows)("%s", (_, options, before, after, scale) => {
    const channels = [1, -2, 3, 0.5, -4, 6];
    const y = F.localResponseNorm(tensor(Float64Array.from(channels), [1, 6]), { ...options, alpha: 1 });
    const expected = byDefinition(channels, before, after, scale);
    y.data.forEach((value: number, i: number) => {
      expect(value).toBeCloseTo(expected[i], 14);
    });
  });
});

it("gradients in eval are of the statistics that forward used, though they move before backward", () => {
  const make = (): BatchNorm1d => {
    const bn = new BatchNorm1d(6, { dtype: "float64" }).eval();
    bn.runningMean?.data.set(normals(6, 3));
    return bn;
  };
  const gradients = (between: (bn: BatchNorm1d) => void): (Tensor | Float64Array)[] => {
    const bn = make();
    bn.forward(x);
    between(bn);
    return [bn.backward(dy), bn.weight?.grad as Float64Array];
  };
  const moved = gradients((bn) => {
    bn.runningMean?.data.fill(5);
    bn.runningVar?.data.fill(7);
  });
  expect(moved).toEqual(gradients(() => {}));
});
