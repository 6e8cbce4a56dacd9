import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { GeneralNorm, GroupNorm, InstanceNorm, LayerNorm } from "../../src/megengine/index.ts";
import { expectClose, f64, wave } from "../layers/support.ts";

const float64 = { dtype: "float64" } as const;
const x = f64(wave(24), [2, 4, 3]);
const dy = f64(wave(24, 1), [2, 4, 3]);

function expectSame(ours: torch.Layer, theirs: torch.Layer): void {
  for (const layer of [ours, theirs]) {
    layer.weight?.data.set(wave(layer.weight.data.length, 2));
    layer.bias?.data.set(wave(layer.bias.data.length, 3));
  }
  expectClose(ours.forward(x).data, theirs.forward(x).data);
  expectClose(ours.backward(dy).data, theirs.backward(dy).data);
  expectClose(ours.weight?.grad ?? [], theirs.weight?.grad ?? []);
  expectClose(ours.bias?.grad ?? [], theirs.bias?.grad ?? []);
}

describe("defaults: eps 1e-5, affine", () => {
  test.each([new GroupNorm(2, 4), new LayerNorm(3), new InstanceNorm(4), new GeneralNorm(2)])(
    "%s",
    (norm) => {
      expect([norm.eps, norm.affine, norm.dtype, norm.training]).toEqual([1e-5, true, "float32", true]);
      expect([norm.weight?.data.every((w) => w === 1), norm.bias?.data.every((b) => b === 0)]).toEqual([
        true,
        true,
      ]);
    },
  );

  test("affine false has neither weight nor bias", () => {
    const off = { affine: false };
    for (const norm of [
      new GroupNorm(2, 4, off),
      new LayerNorm(3, off),
      new InstanceNorm(4, off),
      new GeneralNorm(2, 0, off),
    ]) {
      expect([norm.weight, norm.bias]).toEqual([null, null]);
    }
  });
});

describe("the same as PyTorch's", () => {
  test("GroupNorm", () => expectSame(new GroupNorm(2, 4, float64), new torch.GroupNorm(2, 4, float64)));
  test("LayerNorm", () => expectSame(new LayerNorm([4, 3], float64), new torch.LayerNorm([4, 3], float64)));
  test("InstanceNorm, affine by default", () =>
    expectSame(new InstanceNorm(4, float64), new torch.InstanceNorm1d(4, { ...float64, affine: true })));
  test("GeneralNorm over the last axes is LayerNorm", () =>
    expectSame(new GeneralNorm([4, 3], [1, 2], float64), new torch.LayerNorm([4, 3], float64)));
  test("GeneralNorm counts negative axes from the back", () =>
    expectSame(new GeneralNorm([4, 3], [-2, -1], float64), new torch.LayerNorm([4, 3], float64)));
});

describe("one value per statistic is accepted and gives the bias", () => {
  test.each([
    ["GroupNorm", new GroupNorm(3, 3), [1, 3, 1]],
    ["InstanceNorm", new InstanceNorm(3), [2, 3, 1]],
    ["InstanceNorm of (N, C)", new InstanceNorm(3), [1, 3]],
  ])("%s", (_, norm, shape) => {
    norm.bias?.data.set([1, 2, 3]);
    const size = shape.reduce((a, b) => a * b);
    const y = norm.forward(f64(wave(size), shape));
    expect(Array.from(y.data)).toEqual(Array.from({ length: size }, (_value, i) => (i % 3) + 1));
  });
});

describe("GeneralNorm", () => {
  test("the axis is 0 by default, a number stands for one axis", () => {
    const norm = new GeneralNorm(2, undefined, { eps: 0, ...float64 });
    expect([norm.normalizedShape, norm.normalizedAxis]).toEqual([[2], [0]]);
    expectClose(norm.forward(f64([1, 10, 3, 30], [2, 2])).data, [-1, -1, 1, 1]);
  });

  test("over the first and last axis: statistics per middle index, parameters by the axes", () => {
    const norm = new GeneralNorm([2, 2], [0, 2], { eps: 0, ...float64 });
    norm.weight?.data.set([1, 2, 3, 4]);
    norm.bias?.data.set([0, 0, 0, 10]);
    // For each middle index the values are v0, v1 (first half), v2, v3 (second half).
    const y = norm.forward(f64([1, 2, 10, 20, 3, 4, 30, 40], [2, 2, 2]));
    const std = Math.sqrt(1.25);
    const normalized = [-1.5 / std, (2 * -0.5) / std, (3 * 0.5) / std, (4 * 1.5) / std + 10];
    expectClose(y.data, [
      ...normalized.slice(0, 2),
      ...normalized.slice(0, 2),
      ...normalized.slice(2),
      ...normalized.slice(2),
    ]);
  });

  test("axes in another order: parameters follow the order given", () => {
    const given = new GeneralNorm([3, 4], [2, 1], float64);
    const ascending = new GeneralNorm([4, 3], [1, 2], float64);
    const weight = wave(12);
    given.weight?.data.set(weight);
    ascending.weight?.data.set(Array.from({ length: 12 }, (_, i) => weight[(i % 3) * 4 + Math.floor(i / 3)]));
    expectClose(given.forward(x).data, ascending.forward(x).data, 0);
    expectClose(given.backward(dy).data, ascending.backward(dy).data, 0);
    const transposed = Array.from(
      { length: 12 },
      (_, i) => given.weight?.grad?.[(i % 3) * 4 + Math.floor(i / 3)] ?? 0,
    );
    expectClose(ascending.weight?.grad, transposed, 0);
  });

  test("writes into out, dx too", () => {
    const norm = new GeneralNorm([2], [0], float64);
    const expected = Array.from(norm.forward(x).data);
    const out = f64(new Array(24).fill(0), [2, 4, 3]);
    expect(norm.forward(x, { out })).toBe(out);
    expectClose(out.data, expected, 0);
    const dx = Array.from(norm.backward(dy).data);
    expect(norm.backward(dy, { out })).toBe(out);
    expectClose(out.data, dx, 0);
  });
});
