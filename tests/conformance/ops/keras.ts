import { functional as F } from "../../../src/index.ts";
import type { Adapter, CaseView } from "../schema.ts";
import { affineOf, biasedBatchNorm, runningOf } from "./onnx.ts";

const batchNormalization: Adapter = (view) =>
  biasedBatchNorm(view, {
    training: view.attribute("training", false),
    momentum: view.attribute("momentum", 0.99),
    eps: view.attribute(["epsilon", "eps"], 1e-3),
    axis: view.attribute("axis", -1),
  });

function axesOf(view: CaseView): number[] {
  return [view.attribute<number | number[]>(["axis", "axes"], -1)].flat();
}

const layerNormalization: Adapter = (view) => {
  const x = view.required("x", "input");
  const axes = axesOf(view);
  const eps = view.attribute(["epsilon", "eps"], 1e-3);
  if (!view.attribute(["rms_scaling", "rmsScaling"], false)) {
    return { y: F.layerNorm(x, { ...affineOf(view), axes, eps }) };
  }
  // rms_scaling divides by the deviation without subtracting the mean.
  const { weight } = affineOf(view);
  const { mean, variance } = F.moments(x, { axes });
  const centered = F.layerNorm(x, { axes, eps });
  const repeat = x.size / mean.size;
  const data = centered.data.map((value, i) => {
    const s = Math.floor(i / repeat);
    const scale = weight ? weight.data[i % weight.size] : 1;
    return (value + mean.data[s] / Math.sqrt(variance.data[s] + eps)) * scale;
  });
  return { y: { shape: x.shape, data } };
};

const groupNormalization: Adapter = (view) => {
  const x = view.required("x", "input");
  const axis = view.attribute("axis", -1);
  const groups = view.attribute<number>(["groups", "numGroups"], 32);
  const y = F.groupNorm(x, {
    ...affineOf(view),
    numGroups: groups === -1 ? (x.shape.at(axis) as number) : groups,
    axis,
    eps: view.attribute(["epsilon", "eps"], 1e-3),
    allowSingleValue: true,
  });
  return { y };
};

const rmsNormalization: Adapter = (view) => ({
  y: F.rmsNorm(view.required("x", "input"), {
    weight: affineOf(view).weight,
    axes: axesOf(view),
    eps: view.attribute(["epsilon", "eps"], 1e-6),
  }),
});

const unitNormalization: Adapter = (view) => ({
  y: F.lpNormalize(view.required("x", "input"), {
    p: view.attribute(["order", "p"], 2),
    axis: axesOf(view)[0],
  }),
});

/** tf.batchNorm: channels last, statistics given. */
const tfBatchNorm: Adapter = (view) => ({
  y: F.batchNorm(view.required("x", "input"), {
    ...affineOf(view),
    ...runningOf(view),
    axis: -1,
    eps: view.attribute(["varianceEpsilon", "epsilon", "eps"], 1e-3),
  }),
});

const tfLocalResponse: Adapter = (view) => {
  const radius = view.attribute(["depthRadius", "depth_radius"], 5);
  const y = F.localResponseNorm(view.required("x", "input"), {
    size: 2 * radius + 1,
    alphaDivisor: 1,
    alpha: view.attribute("alpha", 1),
    beta: view.attribute("beta", 0.5),
    k: view.attribute("bias", 1),
    axis: -1,
  });
  return { y };
};

const tfMoments: Adapter = (view) => {
  const x = view.required("x", "input");
  const axis = view.attribute<number | number[] | null>(["axis", "axes"], null);
  const { mean, variance } = F.moments(x, axis === null ? {} : { axes: [axis].flat() });
  return { mean, variance };
};

/** Keras' layers, and TF.js's, which share their names and defaults. */
export const kerasAdapters: Readonly<Record<string, Adapter>> = {
  BatchNormalization: batchNormalization,
  batchNormalization,
  LayerNormalization: layerNormalization,
  layerNormalization,
  GroupNormalization: groupNormalization,
  groupNormalization,
  RMSNormalization: rmsNormalization,
  rmsNormalization,
  UnitNormalization: unitNormalization,
  unitNormalization,
  "layers.batchNormalization": batchNormalization,
  "layers.layerNormalization": layerNormalization,
  batchNorm: tfBatchNorm,
  batchNorm2d: tfBatchNorm,
  batchNorm3d: tfBatchNorm,
  batchNorm4d: tfBatchNorm,
  localResponseNormalization: tfLocalResponse,
  moments: tfMoments,
};
