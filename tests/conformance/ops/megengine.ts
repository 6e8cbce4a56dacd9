import { functional as F } from "../../../src/index.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  GeneralNorm,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  LocalResponseNorm,
} from "../../../src/megengine/index.ts";
import type { Adapter, CaseView } from "../schema.ts";
import { runLayer } from "./layer.ts";

function batchNorm(Kind: typeof BatchNorm1d | typeof BatchNorm2d): Adapter {
  return (view) => {
    const trackRunningStats = view.attribute("trackRunningStats", true);
    const layer = new Kind(view.attribute("numFeatures", 0), {
      ...view.only("eps", "momentum", "affine", "freeze"),
      trackRunningStats: view.attribute("constructedWithTrackRunningStats", trackRunningStats),
      dtype: view.dtype,
    });
    layer.trackRunningStats = trackRunningStats;
    return runLayer(layer, view);
  };
}

function affineOptions(view: CaseView): { eps: number; affine: boolean; dtype: CaseView["dtype"] } {
  return {
    eps: view.attribute("eps", 1e-5),
    affine: view.attribute("affine", view.input("weight") !== undefined),
    dtype: view.dtype,
  };
}

const generalNorm: Adapter = (view) => {
  const axes = view.attribute<number[]>("normalizedAxis", [0]);
  const x = view.required("x");
  const shape = view.attribute(
    "normalizedShape",
    axes.map((axis) => x.shape.at(axis) as number),
  );
  const options = affineOptions(view);
  const { mean, variance } = F.moments(x, { axes });
  const invStd = { shape: mean.shape, data: variance.data.map((v) => 1 / Math.sqrt(v + options.eps)) };
  return { mean, invStd, ...runLayer(new GeneralNorm(shape, axes, options), view) };
};

/** MegEngine's modules. */
export const megengineAdapters: Readonly<Record<string, Adapter>> = {
  BatchNorm1d: batchNorm(BatchNorm1d),
  BatchNorm2d: batchNorm(BatchNorm2d),
  GroupNorm: (view) =>
    runLayer(
      new GroupNorm(view.attribute("numGroups", 1), view.attribute("numChannels", 0), affineOptions(view)),
      view,
    ),
  InstanceNorm: (view) =>
    runLayer(new InstanceNorm(view.attribute("numChannels", 0), affineOptions(view)), view),
  LayerNorm: (view) =>
    runLayer(new LayerNorm(view.attribute<number[]>("normalizedShape", []), affineOptions(view)), view),
  GeneralNorm: generalNorm,
  LRN: (view) => runLayer(new LocalResponseNorm(view.only("kernelSize", "k", "alpha", "beta")), view),
  LocalResponseNorm: (view) =>
    runLayer(new LocalResponseNorm(view.only("kernelSize", "k", "alpha", "beta")), view),
};
