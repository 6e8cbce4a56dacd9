import { describe, expect, it } from "vitest";
import { functional as F, type Tensor } from "../../src/index.ts";
import { mapped, randomTensor, randomWeight } from "./arbitraries.ts";
import { expectGradient, project } from "./differences.ts";

interface Affine {
  readonly weight?: Tensor;
  readonly bias?: Tensor;
  readonly eps?: number;
}

interface Case {
  readonly name: string;
  readonly shape: readonly number[];
  readonly parameters: readonly number[];
  readonly hasBias?: false;
  readonly forward: (x: Tensor, affine: Affine) => Tensor;
  readonly backward: (x: Tensor, dy: Tensor, affine: Affine) => F.Gradients;
}

function batchNormCase(name: string, shape: readonly number[], options: F.BatchNormOptions): Case {
  return {
    name: `batchNorm ${name}`,
    shape,
    parameters: [3],
    forward: (x, affine) => F.batchNorm(x, { ...affine, ...options }),
    backward: (x, dy, affine) => F.batchNormBackward(x, dy, { ...affine, ...options }),
  };
}

function instanceNormCase(name: string, shape: readonly number[], options: F.InstanceNormOptions): Case {
  return {
    name: `instanceNorm ${name}`,
    shape,
    parameters: [3],
    forward: (x, affine) => F.instanceNorm(x, { ...affine, ...options }),
    backward: (x, dy, affine) => F.instanceNormBackward(x, dy, { ...affine, ...options }),
  };
}

function groupNormCase(name: string, shape: readonly number[], options: F.GroupNormOptions): Case {
  return {
    name: `groupNorm ${name}`,
    shape,
    parameters: [shape.at(options.axis ?? 1) as number],
    forward: (x, affine) => F.groupNorm(x, { ...affine, ...options }),
    backward: (x, dy, affine) => F.groupNormBackward(x, dy, { ...affine, ...options }),
  };
}

function layerNormCase(
  name: string,
  shape: readonly number[],
  parameters: readonly number[],
  options: F.LayerNormOptions,
): Case {
  return {
    name: `layerNorm ${name}`,
    shape,
    parameters,
    forward: (x, affine) => F.layerNorm(x, { ...affine, ...options }),
    backward: (x, dy, affine) => F.layerNormBackward(x, dy, { ...affine, ...options }),
  };
}

function rmsNormCase(
  name: string,
  shape: readonly number[],
  parameters: readonly number[],
  options: F.RMSNormOptions,
): Case {
  return {
    name: `rmsNorm ${name}`,
    shape,
    parameters,
    hasBias: false,
    forward: (x, { weight, eps }) => F.rmsNorm(x, { weight, eps, ...options }),
    backward: (x, dy, { weight, eps }) => F.rmsNormBackward(x, dy, { weight, eps, ...options }),
  };
}

const first = [4, 3, 2, 2];
const last = [4, 2, 2, 3];
const running = {
  runningMean: randomTensor([3], 1),
  runningVar: mapped(randomTensor([3], 2), (value) => 0.5 + value ** 2),
};

const cases: readonly Case[] = [
  batchNormCase("training", first, { training: true }),
  batchNormCase("training, (N, C)", [5, 3], { training: true }),
  batchNormCase("training, channels-last", last, { training: true, axis: -1 }),
  batchNormCase("training, channels in the middle", [2, 2, 3, 2], { training: true, axis: 2 }),
  batchNormCase("eval", first, { ...running }),
  batchNormCase("eval, channels-last", last, { ...running, axis: -1 }),
  instanceNormCase("of the input", first, {}),
  instanceNormCase("of the input, channels-last", last, { axis: -1 }),
  instanceNormCase("by running statistics", first, { ...running, useInputStats: false }),
  instanceNormCase("by running statistics, channels-last", last, {
    ...running,
    useInputStats: false,
    axis: 3,
  }),
  groupNormCase("1 group", [2, 4, 2, 2], { numGroups: 1 }),
  groupNormCase("2 groups", [2, 4, 2, 2], { numGroups: 2 }),
  groupNormCase("2 groups of (N, C)", [3, 6], { numGroups: 2 }),
  groupNormCase("4 groups", [2, 4, 2, 2], { numGroups: 4 }),
  groupNormCase("2 groups, channels-last", [2, 2, 2, 4], { numGroups: 2, axis: -1 }),
  layerNormCase("last axis", [2, 3, 4], [4], { normalizedShape: 4 }),
  layerNormCase("two last axes", [2, 3, 4], [3, 4], { normalizedShape: [3, 4] }),
  layerNormCase("every axis", [2, 3, 4], [2, 3, 4], { normalizedShape: [2, 3, 4] }),
  layerNormCase("axes [2, 1]", [2, 3, 4], [4, 3], { axes: [2, 1] }),
  layerNormCase("axes [1]", [2, 3, 4], [3], { axes: [1] }),
  layerNormCase("axes [-1, 0]", [2, 3, 4], [4, 2], { axes: [-1, 0] }),
  layerNormCase("axes [3, 0, 2]", [2, 3, 2, 4], [4, 2, 2], { axes: [3, 0, 2] }),
  rmsNormCase("last axis", [2, 3, 4], [4], { normalizedShape: 4 }),
  rmsNormCase("two last axes", [2, 3, 4], [3, 4], { normalizedShape: [3, 4] }),
  rmsNormCase("axes [2, 0]", [2, 3, 4], [4, 2], { axes: [2, 0] }),
];

const presence = [
  { weight: false, bias: false },
  { weight: true, bias: false },
  { weight: false, bias: true },
  { weight: true, bias: true },
];

describe.each(cases)("gradients of $name", ({ shape, parameters, hasBias = true, forward, backward }) => {
  const options = presence.filter(({ bias }) => hasBias || !bias);
  describe.each(options)("weight: $weight, bias: $bias", (given) => {
    it.each([undefined, 1e-12, 1e-3, 1])("eps %s", (eps) => {
      const x = randomTensor(shape, 3, { mean: 0.5, std: 1.5 });
      const dy = randomTensor(shape, 4);
      const affine: Affine = {
        ...(given.weight && { weight: randomWeight(parameters, 5) }),
        ...(given.bias && { bias: randomTensor(parameters, 6) }),
        ...(eps !== undefined && { eps }),
      };
      const loss = (): number => project(forward(x, affine), dy);
      const { dx, dWeight, dBias } = backward(x, dy, affine);
      expect(dx.shape).toEqual(shape);
      expectGradient(dx.data, x, loss);
      if (affine.weight) {
        expect(dWeight?.shape).toEqual(parameters);
        expectGradient(dWeight?.data, affine.weight, loss);
      } else expect(dWeight).toBeNull();
      if (affine.bias) {
        expect(dBias?.shape).toEqual(parameters);
        expectGradient(dBias?.data, affine.bias, loss);
      } else expect(dBias).toBeNull();
    });
  });
});
