import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  CrossMapLRN2d,
  functional as F,
  GroupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type Layer,
  LayerNorm,
  type LayerNormLayerOptions,
  LocalResponseNorm,
  RMSNorm,
  type Tensor,
} from "../../../src/index.ts";
import type { Adapter, CaseView, Outputs } from "../schema.ts";
import { gradientOutputs, loadInputs, runLayer } from "./layer.ts";

const running = {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
};

function runningNorm(name: keyof typeof running): Adapter {
  return (view) => {
    const options = view.only("eps", "momentum", "affine", "trackRunningStats");
    const layer = new running[name](view.attribute<number>("numFeatures", 0), {
      ...options,
      dtype: view.dtype,
      layout: view.channelsLast ? "channels-last" : "channels-first",
    });
    return runLayer(layer, view);
  };
}

const groupNorm: Adapter = (view) => {
  const numGroups = view.attribute("numGroups", 1);
  const eps = view.attribute("eps", 1e-5);
  const [weight, bias] = [view.input("weight"), view.input("bias")];
  const numChannels = view.attribute<number | null>("numChannels", null);
  if (numChannels !== null && Boolean(weight) === Boolean(bias)) {
    const layout = view.channelsLast ? "channels-last" : "channels-first";
    const layer = new GroupNorm(numGroups, numChannels, {
      eps,
      affine: Boolean(weight),
      layout,
      dtype: view.dtype,
    });
    return runLayer(layer, view);
  }
  const options = { numGroups, eps, weight, bias, axis: view.axis() };
  const x = view.required("x");
  return withGradients(view, F.groupNorm(x, options), (dy) => F.groupNormBackward(x, dy, options));
};

const layerNorm: Adapter = (view) => {
  const normalizedShape = view.attribute<number[]>("normalizedShape", []);
  const eps = view.attribute("eps", 1e-5);
  const [weight, bias] = [view.input("weight"), view.input("bias")];
  const x = view.input("x");
  const statistics = (): Outputs => {
    if (!x) return {};
    const axes = normalizedShape.map((_, place) => place - normalizedShape.length);
    const { mean, variance } = F.moments(x, { axes });
    return { mean, invStd: { shape: mean.shape, data: variance.data.map((v) => 1 / Math.sqrt(v + eps)) } };
  };
  if (weight || !bias) {
    const options: LayerNormLayerOptions = {
      eps,
      elementwiseAffine: Boolean(weight),
      bias: Boolean(bias),
      dtype: view.dtype,
    };
    return { ...statistics(), ...runLayer(new LayerNorm(normalizedShape, options), view) };
  }
  const options = { normalizedShape, eps, weight, bias };
  const input = view.required("x");
  const outputs = withGradients(view, F.layerNorm(input, options), (dy) =>
    F.layerNormBackward(input, dy, options),
  );
  return { ...statistics(), ...outputs };
};

const functionalBatchNorm: Adapter = (view) => {
  const x = view.required("x");
  const [runningMean, runningVar] = [view.input("runningMean"), view.input("runningVar")];
  const options = {
    runningMean,
    runningVar,
    weight: view.input("weight"),
    bias: view.input("bias"),
    training: view.attribute("training", false),
    momentum: view.attribute("momentum", 0.1),
    eps: view.attribute("eps", 1e-5),
    axis: view.axis(),
  };
  const gradOutput = view.input("gradOutput");
  const gradients = gradOutput ? gradientOutputs(F.batchNormBackward(x, gradOutput, options)) : {};
  const y = F.batchNorm(x, options);
  return { y, ...gradients, ...present({ runningMean, runningVar }) };
};

const functionalInstanceNorm: Adapter = (view) => {
  const x = view.required("x");
  const [runningMean, runningVar] = [view.input("runningMean"), view.input("runningVar")];
  const options = {
    runningMean,
    runningVar,
    weight: view.input("weight"),
    bias: view.input("bias"),
    useInputStats: view.attribute("useInputStats", true),
    momentum: view.attribute("momentum", 0.1),
    eps: view.attribute("eps", 1e-5),
    axis: view.axis(),
  };
  const gradOutput = view.input("gradOutput");
  const gradients = gradOutput ? gradientOutputs(F.instanceNormBackward(x, gradOutput, options)) : {};
  return { y: F.instanceNorm(x, options), ...gradients, ...present({ runningMean, runningVar }) };
};

function localResponse(Kind: typeof LocalResponseNorm): Adapter {
  return (view) => {
    const options = view.only("alpha", "beta", "k");
    return runLayer(new Kind(view.attribute("size", 1), options), view);
  };
}

function withGradients(
  view: CaseView,
  y: Tensor,
  backward: (dy: Tensor) => { dx: Tensor; dWeight: Tensor | null; dBias: Tensor | null },
): Outputs {
  const gradOutput = view.input("gradOutput");
  return { y, ...(gradOutput ? gradientOutputs(backward(gradOutput)) : {}) };
}

function present(values: Record<string, Tensor | undefined>): Outputs {
  return Object.fromEntries(Object.entries(values).filter((entry) => entry[1] !== undefined)) as Outputs;
}

const rmsNorm: Adapter = (view) => {
  const layer: Layer = new RMSNorm(view.attribute<number[]>("normalizedShape", []), {
    eps: view.attribute<number | null>("eps", null),
    elementwiseAffine: view.input("weight") !== undefined,
    dtype: view.dtype,
  });
  loadInputs(layer, view);
  return runLayer(layer, view);
};

/** PyTorch's layers and functions. */
export const torchAdapters: Readonly<Record<string, Adapter>> = {
  BatchNorm1d: runningNorm("BatchNorm1d"),
  BatchNorm2d: runningNorm("BatchNorm2d"),
  BatchNorm3d: runningNorm("BatchNorm3d"),
  InstanceNorm1d: runningNorm("InstanceNorm1d"),
  InstanceNorm2d: runningNorm("InstanceNorm2d"),
  InstanceNorm3d: runningNorm("InstanceNorm3d"),
  GroupNorm: groupNorm,
  LayerNorm: layerNorm,
  RMSNorm: rmsNorm,
  LocalResponseNorm: localResponse(LocalResponseNorm),
  CrossMapLRN2d: localResponse(CrossMapLRN2d),
  batch_norm: functionalBatchNorm,
  instance_norm: functionalInstanceNorm,
  group_norm: groupNorm,
  layer_norm: layerNorm,
  rms_norm: rmsNorm,
  local_response_norm: localResponse(LocalResponseNorm),
};
