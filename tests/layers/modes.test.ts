import { describe, expect, test } from "vitest";
import { BatchNorm1d, GroupNorm, InstanceNorm1d, type Layer, LayerNorm, RMSNorm } from "../../src/index.ts";
import { expectClose, f64, wave } from "./support.ts";

const layers: readonly (readonly [string, () => Layer])[] = [
  ["BatchNorm1d", () => new BatchNorm1d(3, { dtype: "float64" })],
  [
    "InstanceNorm1d",
    () => new InstanceNorm1d(3, { affine: true, trackRunningStats: true, dtype: "float64" }),
  ],
  ["GroupNorm", () => new GroupNorm(3, 3, { dtype: "float64" })],
  ["LayerNorm", () => new LayerNorm(4, { dtype: "float64" })],
  ["RMSNorm", () => new RMSNorm(4, { dtype: "float64" })],
];
const x = f64(wave(24), [2, 3, 4]);

describe.each(layers)("%s", (_, make) => {
  test("starts in training, not frozen", () => {
    const layer = make();
    expect([layer.training, layer.frozen]).toEqual([true, false]);
  });

  test("train, eval and train(false) set the mode and return the layer", () => {
    const layer = make();
    expect(layer.eval()).toBe(layer);
    expect(layer.training).toBe(false);
    expect(layer.train()).toBe(layer);
    expect(layer.training).toBe(true);
    expect(layer.train(false).training).toBe(false);
  });

  test("freeze survives train() and eval(); unfreeze ends it", () => {
    const layer = make();
    expect(layer.freeze()).toBe(layer);
    expect(layer.train().frozen).toBe(true);
    expect(layer.eval().frozen).toBe(true);
    expect(layer.train().training).toBe(true);
    expect(layer.unfreeze()).toBe(layer);
    expect(layer.frozen).toBe(false);
  });

  test("frozen gives dx and no parameter gradients, and unfrozen gives them again", () => {
    const layer = make().freeze();
    layer.forward(x);
    expect(layer.backward(f64(wave(24, 1), x.shape)).shape).toEqual([2, 3, 4]);
    expect(layer.parameters().map(({ grad }) => grad)).toEqual(layer.parameters().map(() => null));
    layer.unfreeze();
    layer.forward(x);
    layer.backward(f64(wave(24, 1), x.shape));
    for (const { grad } of layer.parameters()) expect(grad?.some((value) => value !== 0)).toBe(true);
  });
});

describe("layers without running statistics compute the same in eval", () => {
  test.each(layers.slice(2))("%s", (_, make) => {
    const layer = make();
    const training = Array.from(layer.forward(x).data);
    expectClose(layer.eval().forward(x).data, training, 0);
    expectClose(layer.freeze().forward(x).data, training, 0);
  });
});

describe("freeze of a layer with running statistics", () => {
  test.each(layers.slice(0, 2))("%s uses them in training too, as eval does", (_, make) => {
    const layer = make() as BatchNorm1d;
    layer.runningMean?.data.set([1, 2, 3]);
    layer.runningVar?.data.set([4, 5, 6]);
    const expected = Array.from(layer.eval().forward(x).data);
    expectClose(layer.train().freeze().forward(x).data, expected, 0);
    expect(Array.from(layer.runningMean?.data ?? [])).toEqual([1, 2, 3]);
    expect(Array.from(layer.runningVar?.data ?? [])).toEqual([4, 5, 6]);
    const batch = layer.unfreeze().forward(x);
    expect(Array.from(batch.data)).not.toEqual(expected);
    expect(layer.runningMean?.data[0]).not.toBe(1);
  });

  test.each([new BatchNorm1d(3, { trackRunningStats: false }), new InstanceNorm1d(3)])(
    "%s has none to freeze",
    (layer) => {
      expect(() => layer.freeze()).toThrow(
        new RangeError(`${layer.name}: freeze needs running statistics (trackRunningStats: true)`),
      );
      expect(layer.frozen).toBe(false);
    },
  );
});
