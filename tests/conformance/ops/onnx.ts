import { functional as F, type Tensor, tensor } from "../../../src/index.ts";
import type { Adapter, CaseView, Outputs } from "../schema.ts";
import { gradientOutputs } from "./layer.ts";

/** Scale and bias under any of the frameworks' names. */
export function affineOf(view: CaseView): { weight: Tensor | undefined; bias: Tensor | undefined } {
  return {
    weight: view.input("weight", "scale", "gamma"),
    bias: view.input("bias", "B", "beta", "offset"),
  };
}

/** Running statistics under any of the frameworks' names. */
export function runningOf(view: CaseView): {
  runningMean: Tensor | undefined;
  runningVar: Tensor | undefined;
} {
  return {
    runningMean: view.input("runningMean", "mean", "movingMean", "moving_mean", "input_mean"),
    runningVar: view.input("runningVar", "variance", "movingVariance", "moving_variance", "var", "input_var"),
  };
}

/** Any framework's batch normalization with the biased running variance and old-weight momentum. */
export function biasedBatchNorm(
  view: CaseView,
  settings: { training: boolean; momentum: number; eps: number; axis: number },
): Outputs {
  const x = view.required("x", "input");
  const { runningMean, runningVar } = runningOf(view);
  const options = {
    ...settings,
    ...affineOf(view),
    runningMean,
    runningVar,
    momentumWeighs: "old" as const,
    runningVarianceDdof: 0 as const,
    allowSingleValue: true,
  };
  const gradOutput = view.input("gradOutput");
  const gradients = gradOutput ? gradientOutputs(F.batchNormBackward(x, gradOutput, options)) : {};
  const y = F.batchNorm(x, options);
  return { y, ...gradients, ...(runningMean && runningVar ? { runningMean, runningVar } : {}) };
}

const batchNormalization: Adapter = (view) =>
  biasedBatchNorm(view, {
    training: Boolean(view.attribute(["training_mode", "training"], 0)),
    momentum: view.attribute("momentum", 0.9),
    eps: view.attribute("epsilon", 1e-5),
    axis: view.axis(),
  });

const instanceNormalization: Adapter = (view) => {
  const x = view.required("x", "input");
  const options = { ...affineOf(view), eps: view.attribute("epsilon", 1e-5), allowSingleValue: true };
  return { y: F.instanceNorm(x, options) };
};

const groupNormalization: Adapter = (view) => {
  const x = view.required("x", "input");
  const numGroups = view.attribute("num_groups", 1);
  const { weight, bias } = affineOf(view);
  // Opset 18 has one scale per group, opset 21 one per channel.
  const spread = (value: Tensor | undefined): Tensor | undefined => {
    if (!value || value.size === x.shape[1]) return value;
    const perGroup = x.shape[1] / numGroups;
    const data = Float64Array.from({ length: x.shape[1] }, (_, c) => value.data[Math.floor(c / perGroup)]);
    return tensor(data, [x.shape[1]], { dtype: view.dtype }) as Tensor;
  };
  const y = F.groupNorm(x, {
    numGroups,
    weight: spread(weight),
    bias: spread(bias),
    eps: view.attribute("epsilon", 1e-5),
    allowSingleValue: true,
  });
  return { y };
};

function trailingAxes(view: CaseView, x: Tensor): number[] {
  const axis = view.attribute("axis", -1);
  const first = axis < 0 ? axis + x.shape.length : axis;
  return x.shape.map((_, index) => index).slice(first);
}

/** A parameter broadcast to the extents of the normalized axes. */
function broadcastTo(
  value: Tensor | undefined,
  extents: readonly number[],
  view: CaseView,
): Tensor | undefined {
  if (!value) return undefined;
  const size = extents.reduce((product, extent) => product * extent, 1);
  const data = Float64Array.from({ length: size }, (_, i) => value.data[i % value.size]);
  return tensor(data, extents, { dtype: view.dtype }) as Tensor;
}

const layerNormalization: Adapter = (view) => {
  const x = view.required("x", "input");
  const axes = trailingAxes(view, x);
  const extents = axes.map((axis) => x.shape[axis]);
  const eps = view.attribute("epsilon", 1e-5);
  const { weight, bias } = affineOf(view);
  const options = {
    axes,
    eps,
    weight: broadcastTo(weight, extents, view),
    bias: broadcastTo(bias, extents, view),
  };
  const { mean, variance } = F.moments(x, { axes });
  const invStd = { shape: mean.shape, data: variance.data.map((v) => 1 / Math.sqrt(v + eps)) };
  return { y: F.layerNorm(x, options), mean, invStd };
};

const rmsNormalization: Adapter = (view) => {
  const x = view.required("x", "input");
  const axes = trailingAxes(view, x);
  const weight = broadcastTo(
    affineOf(view).weight,
    axes.map((axis) => x.shape[axis]),
    view,
  );
  return { y: F.rmsNorm(x, { axes, weight, eps: view.attribute("epsilon", 1e-5) }) };
};

const localResponse: Adapter = (view) => {
  const size = view.attribute("size", 1);
  const y = F.localResponseNorm(view.required("x", "input"), {
    size,
    alpha: view.attribute("alpha", 1e-4),
    beta: view.attribute("beta", 0.75),
    k: view.attribute("bias", 1),
    channelsBefore: Math.floor((size - 1) / 2),
  });
  return { y };
};

const meanVariance: Adapter = (view) => ({
  // ONNX adds 1e-9 to the deviation; inside the root that is 1e-18.
  y: F.layerNorm(view.required("x", "input"), { axes: view.attribute("axes", [0, 2, 3]), eps: 1e-18 }),
});

const lpNormalization: Adapter = (view) => ({
  y: F.lpNormalize(view.required("x", "input"), {
    p: view.attribute("p", 2),
    axis: view.attribute("axis", -1),
    eps: Number.MIN_VALUE,
  }),
});

/** ONNX's operators. */
export const onnxAdapters: Readonly<Record<string, Adapter>> = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  LRN: localResponse,
  MeanVarianceNormalization: meanVariance,
  LpNormalization: lpNormalization,
};
