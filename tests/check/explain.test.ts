import { describe, expect, test } from "vitest";
import { explain } from "../../src/check/index.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  functional as F,
  GroupNorm,
  InstanceNorm2d,
  type Layer,
  LayerNorm,
  LocalResponseNorm,
  RMSNorm,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import { normals } from "../random.ts";

const shape = [2, 4, 3, 3];
const x = tensor(normals(72, 5), shape) as Tensor;
const dtype = "float64" as const;

describe("explain", () => {
  test.each<[Layer, readonly number[], number]>([
    [new BatchNorm2d(4, { dtype }), [0, 2, 3], 18],
    [new InstanceNorm2d(4, { dtype, affine: true }), [2, 3], 9],
    [new GroupNorm(2, 4, { dtype }), [1, 2, 3], 18],
    [new LayerNorm([3, 3], { dtype }), [2, 3], 9],
    [new RMSNorm([3], { dtype, eps: 1e-6 }), [3], 3],
    [new BatchNorm2d(3, { dtype, layout: "channels-last" }), [0, 1, 2], 24],
  ])("%s: every element through the formula is the layer's", (layer, reducedAxes, count) => {
    layer.weight?.data.set(normals(layer.weight.data.length, 6) as never);
    layer.bias?.data.set(normals(layer.bias.data.length, 7) as never);
    for (const position of [
      [0, 0, 0, 0],
      [1, 2, 1, 0],
      [1, 3, 2, 2],
    ]) {
      const explained = explain(layer, x, position);
      expect(explained).toMatchObject({ reducedAxes, count, statistics: "batch", shape });
      const flat = position.reduce((at, index, axis) => at * shape[axis] + index, 0);
      expect(explained.element.y).toBeCloseTo(explained.y.data[flat], 12);
      expect(explained.element.x).toBe(x.data[flat]);
    }
  });

  test("the layer given does not move, nor its gradients", () => {
    const bn = new BatchNorm2d(4, { dtype });
    bn.forward(x);
    const before = bn.stateDict();
    const dx = bn.backward(x);
    const explained = explain(bn, tensor(normals(72, 8), shape));
    expect(bn.stateDict()).toEqual(before);
    expect(bn.backward(x).data).toEqual(dx.data);
    expect(explained.running?.meanBefore).toEqual(bn.runningMean?.data);
    expect(explained.running?.meanAfter).not.toEqual(bn.runningMean?.data);
  });

  test("running statistics move by momentum, with the unbiased variance", () => {
    const { running, mean, variance } = explain(new BatchNorm2d(4, { dtype }), x);
    mean.forEach((value, c) => {
      expect(running?.meanAfter[c]).toBeCloseTo(0.1 * value, 12);
      expect(running?.varAfter[c]).toBeCloseTo(0.9 + (0.1 * variance[c] * 18) / 17, 12);
    });
  });

  test("eval uses the running statistics, and they stay", () => {
    const bn = new BatchNorm2d(4, { dtype });
    bn.forward(x);
    const { statistics, element, running, markdown } = explain(bn.eval(), x, [0, 3, 0, 0]);
    expect(statistics).toBe("running");
    expect(element.mean).toBe(bn.runningMean?.data[3]);
    expect(running?.meanAfter).toEqual(running?.meanBefore);
    expect(markdown).toContain("They do not move in this call.");
  });

  test("by name and options; Markdown, plain and coloured text", () => {
    const explained = explain({ layer: "GroupNorm", numGroups: 2, eps: 1e-3 }, x);
    expect(explained.markdown).toMatch(/^## GroupNorm\(2, 4, eps=0.001, affine=True\), training/);
    expect(explained.markdown).toContain("the channels in 2 groups: 4 statistics, each over n = 18 values");
    expect(explained.text()).not.toContain("\u001b");
    expect(explained.text(true)).toContain("\u001b[33m");
    const { variance } = F.moments(tensor(x.data, [2, 2, 18]) as Tensor, { axes: [2] });
    explained.variance.forEach((value, i) => {
      expect(value).toBeCloseTo(variance.data[i], 12);
    });
    expect(explain({ layer: "LayerNorm", normalizedAxes: 3 }, x).count).toBe(36);
    expect(explain({ layer: "RMSNorm" }, x).centered).toBe(false);
    expect(explain({ layer: "BatchNorm2d", layout: "channels-last" }, x).sets).toBe(3);
  });

  test.each([
    [() => explain({ layer: "Dropout" }, x), "expected a layer or one of BatchNorm1d"],
    [() => explain(new LocalResponseNorm(3), x), "LocalResponseNorm takes no mean and variance"],
    [() => explain(new BatchNorm1d(4), x), "expected 2D or 3D input (got 4D input)"],
    [
      () => explain(new BatchNorm2d(4), x, [0, 4, 0, 0]),
      "expected a position in (2, 4, 3, 3), got [0, 4, 0, 0]",
    ],
    [() => explain(new BatchNorm1d(4), tensor(new Float32Array(0), [0, 4])), "expected at least one element"],
  ])("%#", (call, message) => {
    expect(call).toThrow(message);
  });
});
