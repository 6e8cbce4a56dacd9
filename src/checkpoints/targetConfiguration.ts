import { machineEpsilon } from "../tensor/dtype.ts";
import { type Convention, conventions, type NormKind } from "./conventions.ts";
import type { NormLayer } from "./normLayers.ts";

/** The value of an option; null is None, or, for a number of groups, that the file does not say it. */
export type OptionValue = number | boolean | null | readonly number[];

/** What a layer of the target framework must be made with for the converted tensors to mean the same. */
export interface LayerConfiguration {
  /** The layer's name in the target. */
  readonly layer: string;
  /** The layer's name in the source. */
  readonly sourceLayer: string;
  /** The source's kind. */
  readonly kind: NormKind;
  readonly kindBy: NormLayer["kindBy"];
  /** The class or operator, as the target calls it; null if it has none. */
  readonly type: string | null;
  /** Options by the target's names. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** The target's defaults of the options that differ from them. */
  readonly defaults: Readonly<Record<string, OptionValue>>;
}

/** What the source's layer was made with; momentum as the source weighs it. */
export interface SourceOptions {
  readonly eps: number | null | undefined;
  readonly momentum: number | null;
}

const types: { readonly [Name in Convention]: { readonly [Kind in NormKind]: string | null } } = {
  torch: {
    BatchNorm: "torch.nn.BatchNorm1d/2d/3d",
    InstanceNorm: "torch.nn.InstanceNorm1d/2d/3d",
    GroupNorm: "torch.nn.GroupNorm",
    LayerNorm: "torch.nn.LayerNorm",
    RMSNorm: "torch.nn.RMSNorm",
  },
  megengine: {
    BatchNorm: "megengine.module.BatchNorm1d/2d",
    InstanceNorm: "megengine.module.InstanceNorm",
    GroupNorm: "megengine.module.GroupNorm",
    LayerNorm: "megengine.module.LayerNorm",
    RMSNorm: null,
  },
  keras: {
    BatchNorm: "keras.layers.BatchNormalization",
    InstanceNorm: "keras.layers.GroupNormalization",
    GroupNorm: "keras.layers.GroupNormalization",
    LayerNorm: "keras.layers.LayerNormalization",
    RMSNorm: "keras.layers.RMSNormalization",
  },
  flax: {
    BatchNorm: "flax.linen.BatchNorm",
    InstanceNorm: "flax.linen.InstanceNorm",
    GroupNorm: "flax.linen.GroupNorm",
    LayerNorm: "flax.linen.LayerNorm",
    RMSNorm: "flax.linen.RMSNorm",
  },
  onnx: {
    BatchNorm: "BatchNormalization",
    InstanceNorm: "InstanceNormalization",
    GroupNorm: "GroupNormalization",
    LayerNorm: "LayerNormalization",
    RMSNorm: "RMSNormalization",
  },
  paddle: {
    BatchNorm: "paddle.nn.BatchNorm1D/2D/3D",
    InstanceNorm: "paddle.nn.InstanceNorm1D/2D/3D",
    GroupNorm: "paddle.nn.GroupNorm",
    LayerNorm: "paddle.nn.LayerNorm",
    RMSNorm: "paddle.nn.functional.rms_norm",
  },
  mlx: {
    BatchNorm: "mlx.nn.BatchNorm",
    InstanceNorm: "mlx.nn.InstanceNorm",
    GroupNorm: "mlx.nn.GroupNorm",
    LayerNorm: "mlx.nn.LayerNorm",
    RMSNorm: "mlx.nn.RMSNorm",
  },
};

/** The words of each framework for the options that several have. */
const words: {
  readonly [Name in Convention]: { readonly eps: string; readonly groups: string; readonly axis?: true };
} = {
  torch: { eps: "eps", groups: "num_groups" },
  megengine: { eps: "eps", groups: "num_groups" },
  keras: { eps: "epsilon", groups: "groups", axis: true },
  flax: { eps: "epsilon", groups: "num_groups", axis: true },
  onnx: { eps: "epsilon", groups: "num_groups" },
  paddle: { eps: "epsilon", groups: "num_groups" },
  mlx: { eps: "eps", groups: "num_groups" },
};

/**
 * The kind of layer that takes the tensors in `to`: a batch norm for an instance norm with running statistics, which only
 * PyTorch has; by its statistics, in inference, it computes the same.
 */
export function targetKind({ kind, keys }: NormLayer, to: Convention): NormKind {
  const tracks = keys.runningMean !== undefined || keys.runningVar !== undefined;
  return kind === "InstanceNorm" && tracks && to !== "torch" ? "BatchNorm" : kind;
}

/** What a layer of `to` must be made with, given what the layer of `from` was made with. */
export function configurationOf(
  layer: NormLayer,
  name: string,
  to: Convention,
  source: SourceOptions,
): LayerConfiguration {
  const kind = targetKind(layer, to);
  const rules = conventions[to];
  const target: NormLayer = { ...layer, kind };
  const options: Record<string, OptionValue> = { ...placeOptions(target, to), ...affineOptions(target, to) };
  const defaults: Record<string, OptionValue> = {};
  const set = (option: string, value: number | null, usual: number | null | undefined): void => {
    options[option] = value;
    if (usual !== undefined && value !== usual) defaults[option] = usual;
  };
  if (kind === "BatchNorm" || (to === "torch" && layer.keys.runningVar !== undefined)) {
    set("momentum", momentumFor(layer.convention, to, source.momentum), rules.momentum.default);
  }
  if (source.eps !== undefined) {
    const eps = source.eps === null && to !== "torch" ? machineEps(layer) : source.eps;
    set(words[to].eps, eps, rules.eps[kind]);
  }
  return {
    layer: name,
    sourceLayer: layer.name,
    kind: layer.kind,
    kindBy: layer.kindBy,
    type: types[to][kind],
    options,
    defaults,
  };
}

/** Momentum as the other framework weighs it: of the old value instead of the new one. */
function momentumFor(from: Convention, to: Convention, momentum: number | null): number | null {
  if (momentum === null || conventions[from].momentum.weighs === conventions[to].momentum.weighs) {
    return momentum;
  }
  // 1 - 0.99 is 0.010000000000000009 in binary.
  return Number((1 - momentum).toPrecision(12));
}

function machineEps({ dtype }: NormLayer): number {
  return machineEpsilon(dtype === "F64" ? "float64" : "float32");
}

/** Options that say what is normalized: sizes, groups, axes. */
function placeOptions({ kind, size, shape, keys }: NormLayer, to: Convention): Record<string, OptionValue> {
  const { groups, axis } = words[to];
  const trailing = shape.map((_, index) => index - shape.length);
  const axes = trailing.length > 1 ? trailing : -1;
  if (kind === "BatchNorm") return axis ? { axis: -1 } : to === "onnx" ? {} : { num_features: size };
  if (kind === "InstanceNorm") {
    if (to === "keras") return { groups: -1, axis: -1 };
    if (to === "flax" || to === "onnx") return {};
    if (to === "mlx") return { dims: size };
    const tracks = to === "torch" ? { track_running_stats: keys.runningVar !== undefined } : {};
    return { [to === "megengine" ? "num_channels" : "num_features"]: size, ...tracks };
  }
  if (kind === "GroupNorm") {
    if (to === "keras") return { [groups]: null, axis: -1 };
    if (to === "flax" || to === "onnx") return { [groups]: null };
    if (to === "mlx") return { [groups]: null, dims: size, pytorch_compatible: true };
    return { [groups]: null, num_channels: size };
  }
  if (to === "keras") return { axis: axes };
  if (to === "flax") return trailing.length > 1 ? { reduction_axes: trailing, feature_axes: trailing } : {};
  if (to === "onnx") return { axis: -shape.length };
  return to === "mlx" ? { dims: size } : { normalized_shape: shape };
}

/** Options that say which parameters there are, where that is not the default. */
function affineOptions({ kind, keys }: NormLayer, to: Convention): Record<string, OptionValue> {
  const hasWeight = keys.weight !== undefined;
  const hasBias = keys.bias !== undefined || kind === "RMSNorm";
  const off = (names: readonly [weight: string, bias: string]): Record<string, OptionValue> => ({
    ...(hasWeight ? {} : { [names[0]]: false }),
    ...(hasBias ? {} : { [names[1]]: false }),
  });
  if (to === "onnx") return {};
  if (to === "keras") return off(["scale", "center"]);
  if (to === "flax") return off(["use_scale", "use_bias"]);
  if (to === "paddle") return off(["weight_attr", "bias_attr"]);
  const hasAny = hasWeight || (hasBias && kind !== "RMSNorm");
  // The classes that have no parameters by default.
  if (kind === "InstanceNorm" && (to === "torch" || to === "mlx")) return { affine: hasAny };
  if (!hasAny) return { [to === "torch" && kind === "LayerNorm" ? "elementwise_affine" : "affine"]: false };
  return kind === "LayerNorm" && !hasBias ? { bias: false } : {};
}
