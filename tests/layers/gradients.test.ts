import { describe, expect, test } from "vitest";
import {
  BatchNorm1d,
  GroupNorm,
  InstanceNorm1d,
  type Layer,
  LayerNorm,
  LocalResponseNorm,
  RMSNorm,
} from "../../src/index.ts";
import { expectClose, f64, thrownBy, wave } from "./support.ts";

const shape = [2, 3, 4];
const x = f64(wave(24), shape);
const dy = f64(wave(24, 2), shape);
const otherDy = f64(wave(24, 5), shape);

const layers: readonly (readonly [string, () => Layer])[] = [
  ["BatchNorm1d", () => new BatchNorm1d(3, { dtype: "float64" })],
  ["InstanceNorm1d", () => new InstanceNorm1d(3, { affine: true, dtype: "float64" })],
  ["GroupNorm", () => new GroupNorm(3, 3, { dtype: "float64" })],
  ["LayerNorm", () => new LayerNorm(4, { dtype: "float64" })],
  ["RMSNorm", () => new RMSNorm(4, { dtype: "float64" })],
  ["LocalResponseNorm", () => new LocalResponseNorm(3)],
];

function gradsOf(layer: Layer): (number[] | null)[] {
  return layer.parameters().map(({ grad }) => grad && Array.from(grad));
}

describe.each(layers)("%s", (name, make) => {
  test("gradients are null before the first backward, add up over backwards, and zeroGrad makes them null", () => {
    const layer = make();
    layer.forward(x);
    expect(gradsOf(layer)).toEqual(layer.parameters().map(() => null));
    layer.backward(dy);
    const one = gradsOf(layer);
    layer.backward(otherDy);
    const both = gradsOf(layer);
    layer.zeroGrad();
    expect(gradsOf(layer)).toEqual(layer.parameters().map(() => null));
    layer.backward(otherDy);
    const other = gradsOf(layer);
    both.forEach((sum, i) => {
      expectClose(
        sum,
        (one[i] ?? []).map((value, j) => value + (other[i]?.[j] ?? Number.NaN)),
      );
    });
  });

  test("backward twice gives the same dx", () => {
    const layer = make();
    layer.forward(x);
    const dx = Array.from(layer.backward(dy).data);
    expectClose(layer.backward(dy).data, dx, 0);
    expect(dx.some((value) => value !== 0)).toBe(true);
  });

  test("backward before forward is refused", () => {
    expect(thrownBy(() => make().backward(dy))).toBe(
      `RangeError: ${name}: backward needs a forward before it`,
    );
  });

  test("backward after forward({ out: input }) is refused", () => {
    const layer = make();
    const input = f64(wave(24), shape);
    const expected = Array.from(make().forward(x).data);
    expect(layer.forward(input, { out: input }).data).toBe(input.data);
    expectClose(input.data, expected, 0);
    expect(() => layer.backward(dy)).toThrow(RangeError);
    expect(() => layer.backward(dy)).toThrow(
      "backward needs the input, which forward overwrote by its out option",
    );
    expect(gradsOf(layer)).toEqual(layer.parameters().map(() => null));
    layer.forward(x);
    expect(layer.backward(dy).shape).toEqual(shape);
  });

  test("a dy of another shape is refused and leaves the gradients", () => {
    const layer = make();
    layer.forward(x);
    layer.backward(dy);
    const before = gradsOf(layer);
    expect(thrownBy(() => layer.backward(f64(wave(24), [2, 4, 3])))).toBe(
      `RangeError: ${name}: expected dy of the input's shape (2, 3, 4), got (2, 4, 3)`,
    );
    expect(gradsOf(layer)).toEqual(before);
  });

  test("forward and backward write into out, and refuse one of another shape or dtype", () => {
    const layer = make();
    const expected = Array.from(layer.forward(x).data);
    const out = f64(new Array(24).fill(7), shape);
    expect(layer.forward(x, { out })).toBe(out);
    expectClose(out.data, expected, 0);
    const expectedDx = Array.from(layer.backward(dy).data);
    expect(layer.backward(dy, { out })).toBe(out);
    expectClose(out.data, expectedDx, 0);
    expect(thrownBy(() => layer.forward(x, { out: f64(wave(24), [6, 4]) }))).toBe(
      `RangeError: ${name}: expected out to be a tensor(float64, (2, 3, 4)), got a tensor(float64, (6, 4))`,
    );
    expect(() => layer.backward(dy, { out: new Float32Array(24) })).toThrow(
      `${name}: expected out to be a tensor(float64, (2, 3, 4)), got a tensor(float32, (24,))`,
    );
  });
});

test("a forward that throws leaves the one before it to backward", () => {
  const bn = new BatchNorm1d(3, { dtype: "float64" });
  bn.forward(x);
  const dx = Array.from(bn.backward(dy).data);
  const before = [bn.runningMean, bn.runningVar].map((statistic) => Array.from(statistic?.data ?? []));
  expect(() => bn.forward(f64(wave(24), [2, 4, 3]))).toThrow(RangeError);
  expect(() => bn.forward(x, { out: new Float64Array(3) })).toThrow(RangeError);
  expect([bn.runningMean, bn.runningVar].map((statistic) => Array.from(statistic?.data ?? []))).toEqual(
    before,
  );
  expect(bn.numBatchesTracked).toBe(1);
  expectClose(bn.backward(dy).data, dx, 0);
});

test("an empty input may be its own out", () => {
  const bn = new BatchNorm1d(3, { dtype: "float64" });
  const none = f64([], [0, 3]);
  bn.forward(none, { out: none });
  expect(bn.backward(f64([], [0, 3])).shape).toEqual([0, 3]);
});

describe("without parameters", () => {
  test.each([
    ["BatchNorm1d", new BatchNorm1d(3, { affine: false, dtype: "float64" })],
    ["InstanceNorm1d", new InstanceNorm1d(3, { dtype: "float64" })],
    ["GroupNorm", new GroupNorm(3, 3, { affine: false, dtype: "float64" })],
    ["LayerNorm", new LayerNorm(4, { elementwiseAffine: false, dtype: "float64" })],
    ["RMSNorm", new RMSNorm(4, { elementwiseAffine: false, dtype: "float64" })],
  ])("%s gives the dx of weight 1 and bias 0", (name, layer) => {
    const affine = new Map(layers).get(name)?.() as Layer;
    expectClose(layer.forward(x).data, affine.forward(x).data);
    expectClose(layer.backward(dy).data, affine.backward(dy).data);
    expect([layer.weight, layer.bias]).toEqual([null, null]);
    layer.zeroGrad();
    layer.resetParameters();
  });
});

test("LayerNorm with bias false has a weight and its gradient alone", () => {
  const ln = new LayerNorm(4, { bias: false, dtype: "float64" });
  ln.forward(x);
  ln.backward(dy);
  expect(ln.bias).toBeNull();
  expect(ln.weight?.grad).toHaveLength(4);
});

test("the layer takes dx of a dy given as a bare object", () => {
  const rms = new RMSNorm(4, { dtype: "float64" });
  rms.forward({ data: x.data, dims: [6, 4] });
  expectClose(
    rms.backward({ data: dy.data, shape: [6, 4] }).data,
    rms.backward(f64([...dy.data], [6, 4])).data,
    0,
  );
});
