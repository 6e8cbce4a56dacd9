import { describe, expect, it } from "vitest";
import * as evenkeel from "../../src/index.ts";
import type { Layer } from "../../src/layers/layer.ts";
import { RunningNorm } from "../../src/layers/runningNorm.ts";
import { normals, randomTensor } from "./arbitraries.ts";
import { expectGradient, project } from "./differences.ts";

interface Case {
  readonly name: string;
  readonly make: () => Layer;
  readonly shape: readonly number[];
  readonly weight: boolean;
  readonly bias: boolean;
}

const dtype = "float64";
const affine = [true, false];
const layouts = ["channels-first", "channels-last"] as const;

const runningLayers = [
  { Kind: evenkeel.BatchNorm1d, name: "BatchNorm1d", shape: [4, 3] },
  { Kind: evenkeel.BatchNorm1d, name: "BatchNorm1d", shape: [3, 3, 4] },
  { Kind: evenkeel.BatchNorm2d, name: "BatchNorm2d", shape: [2, 3, 2, 3] },
  { Kind: evenkeel.BatchNorm3d, name: "BatchNorm3d", shape: [2, 3, 2, 1, 3] },
  { Kind: evenkeel.InstanceNorm1d, name: "InstanceNorm1d", shape: [2, 3, 4] },
  { Kind: evenkeel.InstanceNorm2d, name: "InstanceNorm2d", shape: [2, 3, 2, 3] },
  { Kind: evenkeel.InstanceNorm3d, name: "InstanceNorm3d", shape: [2, 3, 2, 1, 3] },
];

const unbatchedLayers = [
  { Kind: evenkeel.InstanceNorm1d, name: "InstanceNorm1d", shape: [3, 4] },
  { Kind: evenkeel.InstanceNorm2d, name: "InstanceNorm2d", shape: [3, 2, 3] },
  { Kind: evenkeel.InstanceNorm3d, name: "InstanceNorm3d", shape: [3, 2, 1, 3] },
];

function channelsLast([batch, channels, ...spatial]: readonly number[]): number[] {
  return [batch, ...spatial, channels];
}

const runningCases: readonly Case[] = runningLayers.flatMap(({ Kind, name, shape }) =>
  affine.flatMap((isAffine) =>
    [true, false].flatMap((trackRunningStats) =>
      layouts.flatMap((layout) =>
        [1e-5, 0.3].map((eps) => ({
          name: `${name} affine ${isAffine}, tracking ${trackRunningStats}, ${layout}, eps ${eps}, rank ${shape.length}`,
          make: () => new Kind(3, { affine: isAffine, trackRunningStats, layout, eps, dtype }),
          shape: layout === "channels-first" ? shape : channelsLast(shape),
          weight: isAffine,
          bias: isAffine,
        })),
      ),
    ),
  ),
);

const unbatchedCases: readonly Case[] = unbatchedLayers.flatMap(({ Kind, name, shape }) =>
  affine.map((isAffine) => ({
    name: `${name} unbatched, affine ${isAffine}`,
    make: () => new Kind(3, { affine: isAffine, trackRunningStats: true, dtype }),
    shape,
    weight: isAffine,
    bias: isAffine,
  })),
);

const groupCases: readonly Case[] = affine.flatMap((isAffine) =>
  layouts.map((layout) => ({
    name: `GroupNorm affine ${isAffine}, ${layout}`,
    make: () => new evenkeel.GroupNorm(2, 4, { affine: isAffine, layout, dtype }),
    shape: layout === "channels-first" ? [2, 4, 3, 2] : [2, 3, 2, 4],
    weight: isAffine,
    bias: isAffine,
  })),
);

const trailingCases: readonly Case[] = [
  ...affine.flatMap((elementwiseAffine) =>
    [true, false].map((bias) => ({
      name: `LayerNorm elementwiseAffine ${elementwiseAffine}, bias ${bias}`,
      make: () => new evenkeel.LayerNorm([3, 4], { elementwiseAffine, bias, dtype }),
      shape: [2, 3, 4],
      weight: elementwiseAffine,
      bias: elementwiseAffine && bias,
    })),
  ),
  ...affine.flatMap((elementwiseAffine) =>
    [null, 0.1].map((eps) => ({
      name: `RMSNorm elementwiseAffine ${elementwiseAffine}, eps ${eps}`,
      make: () => new evenkeel.RMSNorm(4, { elementwiseAffine, eps, dtype }),
      shape: [2, 3, 4],
      weight: elementwiseAffine,
      bias: false,
    })),
  ),
];

const responseCases: readonly Case[] = [3, 4].flatMap((size) =>
  layouts.flatMap((layout) =>
    [evenkeel.LocalResponseNorm, evenkeel.CrossMapLRN2d].map((Kind) => ({
      name: `${Kind.name}(${size}) ${layout}`,
      make: () => new Kind(size, { alpha: 0.5, beta: 0.6, k: 1.5, layout }),
      shape: layout === "channels-first" ? [2, 5, 2, 1] : [2, 2, 1, 5],
      weight: false,
      bias: false,
    })),
  ),
);

const cases = [...runningCases, ...unbatchedCases, ...groupCases, ...trailingCases, ...responseCases];

function prepared(make: () => Layer): Layer {
  const layer = make();
  layer.weight?.data.set(normals(layer.weight.data.length, 11).map((value) => 1.5 + 0.4 * Math.tanh(value)));
  layer.bias?.data.set(normals(layer.bias.data.length, 12));
  if (layer instanceof RunningNorm) {
    layer.runningMean?.data.set(normals(layer.runningMean.data.length, 13));
    layer.runningVar?.data.set(normals(layer.runningVar.data.length, 14).map((value) => 0.5 + value ** 2));
  }
  return layer;
}

function freezable(layer: Layer): boolean {
  return !(layer instanceof RunningNorm) || layer.runningMean !== null;
}

describe.each(cases)("gradients of $name", ({ make, shape, weight, bias }) => {
  const x = randomTensor(shape, 21, { mean: 0.5, std: 1.5 });
  const dy = randomTensor(shape, 22);

  it.each([true, false])("training %s", (training) => {
    const layer = prepared(make).train(training);
    expect([layer.weight !== null, layer.bias !== null]).toEqual([weight, bias]);
    const loss = (): number => project(layer.forward(x), dy);
    loss();
    const dx = layer.backward(dy);
    const dWeight = layer.weight?.grad?.slice();
    const dBias = layer.bias?.grad?.slice();
    if (layer.weight) expectGradient(dWeight, layer.weight, loss);
    if (layer.bias) expectGradient(dBias, layer.bias, loss);
    expect(dx.shape).toEqual(shape);
    expectGradient(dx.data, x, loss);
  });

  it.each([true, false])("frozen, training %s: only x gets a gradient", (training) => {
    const layer = prepared(make).train(training);
    if (!freezable(layer)) {
      expect(() => layer.freeze()).toThrow(/freeze needs running statistics/);
      return;
    }
    layer.freeze();
    const before = Object.entries(layer.stateDict()).map(([key, { data }]) => [key, data.slice()]);
    const loss = (): number => project(layer.forward(x), dy);
    loss();
    expectGradient(layer.backward(dy).data, x, loss);
    expect(layer.weight?.grad ?? null).toBeNull();
    expect(layer.bias?.grad ?? null).toBeNull();
    expect(Object.entries(layer.stateDict()).map(([key, { data }]) => [key, data])).toEqual(before);
  });
});
