import { describe, expect, test } from "vitest";
import { empty, functional as F, tensor } from "../../src/index.ts";

const x = tensor([[1, 2, 3, 4]]);
const running = { runningMean: tensor([0]), runningVar: tensor([1]) };

/** Arguments that TypeScript would refuse. */
const wrong = <T>(value: unknown): T => value as T;

describe("values that no option has are refused", () => {
  test("momentumWeighs and the two ddofs", () => {
    const column = tensor([[1], [2]]);
    expect(() => F.batchNorm(column, { ...running, training: true, momentumWeighs: wrong("New") })).toThrow(
      'batchNorm: expected momentumWeighs to be "new" or "old", got "New"',
    );
    expect(() => F.batchNorm(column, { ...running, training: true, runningVarianceDdof: wrong(2) })).toThrow(
      "batchNorm: expected runningVarianceDdof to be 0 or 1, got 2",
    );
    expect(() => F.moments(x, { ddof: wrong(5) })).toThrow("moments: expected ddof to be 0 or 1, got 5");
    expect(running.runningVar.data[0]).toBe(1);
  });

  test("options that are no object", () => {
    for (const call of [
      () => F.batchNorm(x, wrong(null)),
      () => F.instanceNorm(x, wrong(null)),
      () => F.instanceNormBackward(x, x, wrong(null)),
      () => F.groupNorm(x, wrong(undefined)),
      () => F.layerNorm(x, wrong(undefined)),
      () => F.layerNormBackward(x, x, wrong(undefined)),
      () => F.rmsNorm(x, wrong(undefined)),
      () => F.localResponseNorm(x, wrong(5)),
      () => F.lpNormalize(x, wrong("2")),
    ]) {
      expect(call).toThrow(TypeError);
      expect(call).toThrow(/expected an object of options, got/);
    }
  });

  test("axes that are no list, or together with normalizedShape", () => {
    expect(() => F.layerNorm(x, { axes: wrong(3) })).toThrow("layerNorm: expected axes to be a list, got 3");
    expect(() => F.layerNorm(x, { axes: [1], normalizedShape: [4] })).toThrow(
      "layerNorm: expected normalizedShape or axes, got both",
    );
  });

  test("the batch axis is no channel axis", () => {
    for (const norm of [
      () => F.instanceNorm(x, { axis: 0 }),
      () => F.groupNorm(x, { numGroups: 1, axis: -2 }),
    ]) {
      expect(norm).toThrow(/expected a channel axis after the batch axis 0/);
    }
  });

  test("a zero divisor and an input without axes", () => {
    expect(() => F.localResponseNorm(x, { size: 1, alphaDivisor: 0 })).toThrow("alphaDivisor not to be 0");
    expect(() => F.batchNorm(tensor(1))).toThrow("batchNorm: expected an input with axes, got one of rank 0");
  });

  test("shapes with holes and lists of uneven kind", () => {
    expect(() => empty(new Array(3))).toThrow(TypeError);
    expect(() => tensor(wrong([[1], 2]))).toThrow("tensor: expected a list at depth 1, got 2");
  });
});

test("the p-norm of large and tiny vectors neither overflows nor vanishes", () => {
  const vectors = tensor(Float64Array.of(1e200, 1e200, 3e-200, 4e-200), [2, 2]);
  const { data } = F.lpNormalize(vectors, { eps: 1e-300 });
  expect(Array.from(data)).toEqual([
    expect.closeTo(Math.SQRT1_2, 12),
    expect.closeTo(Math.SQRT1_2, 12),
    expect.closeTo(0.6, 12),
    expect.closeTo(0.8, 12),
  ]);
});
