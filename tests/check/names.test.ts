import { describe, expect, test } from "vitest";
import { identify } from "../../src/check/index.ts";
import { functional as F, type Tensor, tensor } from "../../src/index.ts";
import { normals } from "../random.ts";

const backend = "reference" as const;

function random(shape: readonly number[], seed: number): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return tensor(normals(size, seed), shape, { dtype: "float64" }) as Tensor;
}

/** The operations that identify finds for a pair, with the layer that it writes for each. */
function found(x: Tensor, y: Tensor, options: Parameters<typeof identify>[2] = {}): Record<string, string> {
  const { survivors } = identify(x, y, options);
  return Object.fromEntries(survivors.map(({ op, layer }) => [op, layer]).reverse());
}

const image = random([3, 4, 5, 6], 1);

describe("a normalization is found under its name", () => {
  test.each<[string, () => Tensor, string]>([
    ["GroupNorm", () => F.groupNorm(image, { numGroups: 2, backend }), "new GroupNorm(2, 4"],
    ["GroupNorm", () => F.groupNorm(image, { numGroups: 3, axis: -1, backend }), "channels-last"],
    ["InstanceNorm2d", () => F.instanceNorm(image, { backend }), "InstanceNorm2d"],
    ["InstanceNorm2d", () => F.instanceNorm(image, { axis: -1, backend }), "channels-last"],
    ["BatchNorm2d", () => F.batchNorm(image, { training: true, axis: -1, backend }), "channels-last"],
    ["LayerNorm", () => F.layerNorm(image, { axes: [3], backend }), "LayerNorm"],
    ["Standardization", () => F.layerNorm(image, { axes: [0, 1, 2, 3], backend }), ""],
    ["Standardization", () => F.layerNorm(image, { axes: [0, 2], backend }), ""],
    ["RMSNorm", () => F.rmsNorm(image, { axes: [3], eps: 1e-5, backend }), "RMSNorm"],
    ["RMS", () => F.rmsNorm(image, { axes: [1], eps: 1e-5, backend }), ""],
    ["L2Normalize", () => F.lpNormalize(image, { axis: 1 }), ""],
    ["LocalResponseNorm", () => F.localResponseNorm(image, { size: 3, alpha: 0.1 }), "LocalResponseNorm"],
    ["LocalResponseNorm", () => F.localResponseNorm(image, { size: 3, alpha: 0.1, axis: -1 }), ""],
    ["Identity", () => tensor(image.data.slice() as Float64Array, image.shape) as Tensor, ""],
  ])("%s", (op, make, layer) => {
    const ops = found(image, make());
    expect(Object.keys(ops)).toContain(op);
    expect(ops[op]).toContain(layer);
  });
});

describe("with weight and bias", () => {
  const last = { weight: random([6], 2), bias: random([6], 3) };

  test("per element of what is normalized", () => {
    const given = { weight: random([5, 6], 4), bias: random([5, 6], 5) };
    const y = F.layerNorm(image, { normalizedShape: [5, 6], ...given, backend });
    expect(Object.keys(found(image, y, given))).toContain("LayerNorm");
  });

  test("per place on the last axis, given and solved for", () => {
    const y = F.layerNorm(image, { normalizedShape: [6], ...last, backend });
    expect(Object.keys(found(image, y, last))).toContain("LayerNorm");
    expect(Object.keys(found(image, y))).toContain("LayerNorm");
  });

  test("fixed statistics per channel, first and last, and of a vector", () => {
    const statistics = (count: number) => ({
      runningMean: random([count], 6),
      runningVar: new Float64Array(count).fill(2),
    });
    const first = F.batchNorm(image, { ...statistics(4), backend });
    expect(identify(image, first).survivors.some(({ statistics }) => statistics === "fixed")).toBe(true);
    const atLast = F.batchNorm(image, { ...statistics(6), axis: -1, backend });
    expect(identify(image, atLast).survivors.some(({ statistics }) => statistics === "fixed")).toBe(true);
    const vector = random([40], 7);
    const line = tensor(
      (vector.data as Float64Array).map((value) => 3 * value - 1),
      [40],
    );
    expect(identify(vector, line).fits).toBe(true);
  });
});
