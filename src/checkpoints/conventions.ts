/** A framework's way to name, shape and weigh the tensors of a normalization. */
export type Convention = "torch" | "megengine" | "keras" | "flax" | "onnx" | "paddle" | "mlx";

/** The normalizations that a checkpoint can hold tensors of. */
export type NormKind = "BatchNorm" | "InstanceNorm" | "GroupNorm" | "LayerNorm" | "RMSNorm";

/** What a tensor of a normalization is for, in this library's words. */
export type NormRole = "weight" | "bias" | "runningMean" | "runningVar" | "numBatchesTracked";

/** What one framework does; see {@link conventions}. */
export interface ConventionRules {
  /** The framework's name in messages. */
  readonly title: string;
  /** Names of each tensor, the last part of its key; the first one is written. */
  readonly keys: { readonly [Role in NormRole]?: readonly string[] };
  /** Names that differ from the first of {@link ConventionRules.keys} for a kind of layer. */
  readonly written: { readonly [Kind in NormKind]?: { readonly [Role in NormRole]?: string } };
  /** What joins the parts of a nested name. */
  readonly separator: "." | "/";
  /** Collections that a key begins with, by the tensor; without them, the layer's name comes first. */
  readonly collections: { readonly [Role in NormRole]?: string };
  /** The value that momentum weighs in the running statistics, and its default. */
  readonly momentum: { readonly weighs: "new" | "old"; readonly default: number };
  /** Added to the variance, by default; null is the machine epsilon of the dtype, undefined that there is no such layer. */
  readonly eps: { readonly [Kind in NormKind]: number | null | undefined };
  /** What the running variance divides by: n - ddof. */
  readonly ddof: 0 | 1;
  /** Where its layers look for the channels unless told otherwise. */
  readonly layout: "channels-first" | "channels-last";
  /** Axes of a 2-d convolution's weight and of a linear layer's, which are not converted: O out, I in. */
  readonly weights: { readonly convolution: string; readonly linear: string };
  /** Where these facts are written. */
  readonly source: string;
}

const everyEps = (
  eps: number,
): { BatchNorm: number; InstanceNorm: number; GroupNorm: number; LayerNorm: number; RMSNorm: number } => ({
  BatchNorm: eps,
  InstanceNorm: eps,
  GroupNorm: eps,
  LayerNorm: eps,
  RMSNorm: eps,
});

/**
 * The table of conventions. Parameters are vectors of C elements everywhere; MegEngine's batch norm may also hold
 * (1, C, 1, 1), and layer norms hold the whole normalized shape.
 *
 * Running statistics: `running = m * new + (1 - m) * old` where momentum m weighs the new value, and
 * `running = m * old + (1 - m) * new` where it weighs the old one.
 *
 * @example
 * conventions.keras.momentum; // { weighs: "old", default: 0.99 }: PyTorch's 0.01
 */
export const conventions: { readonly [Name in Convention]: ConventionRules } = {
  torch: {
    title: "PyTorch",
    keys: {
      weight: ["weight"],
      bias: ["bias"],
      runningMean: ["running_mean"],
      runningVar: ["running_var"],
      numBatchesTracked: ["num_batches_tracked"],
    },
    written: {},
    separator: ".",
    collections: {},
    momentum: { weighs: "new", default: 0.1 },
    eps: { ...everyEps(1e-5), RMSNorm: null },
    ddof: 1,
    layout: "channels-first",
    weights: { convolution: "OIHW", linear: "OI" },
    source: "pytorch 2.14 torch/nn/modules/batchnorm.py, instancenorm.py and normalization.py",
  },
  megengine: {
    title: "MegEngine",
    keys: {
      weight: ["weight"],
      bias: ["bias"],
      runningMean: ["running_mean"],
      runningVar: ["running_var"],
    },
    written: {},
    separator: ".",
    collections: {},
    momentum: { weighs: "old", default: 0.9 },
    eps: { ...everyEps(1e-5), RMSNorm: undefined },
    ddof: 1,
    layout: "channels-first",
    weights: { convolution: "OIHW", linear: "OI" },
    source: "MegEngine 1.13 imperative/python/megengine/module/batchnorm.py and normalization.py",
  },
  keras: {
    title: "Keras",
    keys: {
      weight: ["gamma", "scale"],
      bias: ["beta"],
      runningMean: ["moving_mean"],
      runningVar: ["moving_variance"],
    },
    written: { RMSNorm: { weight: "scale" } },
    separator: "/",
    collections: {},
    momentum: { weighs: "old", default: 0.99 },
    eps: { ...everyEps(1e-3), RMSNorm: 1e-6 },
    ddof: 0,
    layout: "channels-last",
    weights: { convolution: "HWIO", linear: "IO" },
    source: "keras 3 keras/src/layers/normalization/; tfjs-layers 4 src/layers/normalization.ts",
  },
  flax: {
    title: "Flax",
    keys: { weight: ["scale"], bias: ["bias"], runningMean: ["mean"], runningVar: ["var"] },
    written: {},
    separator: "/",
    collections: {
      weight: "params",
      bias: "params",
      runningMean: "batch_stats",
      runningVar: "batch_stats",
    },
    momentum: { weighs: "old", default: 0.99 },
    eps: { ...everyEps(1e-6), BatchNorm: 1e-5 },
    ddof: 0,
    layout: "channels-last",
    weights: { convolution: "HWIO", linear: "IO" },
    source: "flax 0.11 flax/linen/normalization.py and flax/nnx/nn/normalization.py",
  },
  onnx: {
    title: "ONNX",
    keys: {
      weight: ["scale", "Scale"],
      bias: ["B", "bias"],
      runningMean: ["input_mean", "mean"],
      runningVar: ["input_var", "var"],
    },
    written: { GroupNorm: { bias: "bias" }, LayerNorm: { weight: "Scale" } },
    separator: ".",
    collections: {},
    momentum: { weighs: "old", default: 0.9 },
    eps: everyEps(1e-5),
    ddof: 0,
    layout: "channels-first",
    weights: { convolution: "OIHW", linear: "OI" },
    source: "onnx docs/Operators.md: BatchNormalization-15, InstanceNormalization-22, GroupNormalization-21",
  },
  paddle: {
    title: "Paddle",
    keys: {
      weight: ["weight", "scale"],
      bias: ["bias"],
      runningMean: ["_mean"],
      runningVar: ["_variance"],
    },
    written: { InstanceNorm: { weight: "scale" } },
    separator: ".",
    collections: {},
    momentum: { weighs: "old", default: 0.9 },
    eps: everyEps(1e-5),
    ddof: 0,
    layout: "channels-first",
    weights: { convolution: "OIHW", linear: "IO" },
    source: "Paddle 2.6 python/paddle/nn/layer/norm.py; paddle/phi/kernels/cpu/batch_norm_kernel.cc",
  },
  mlx: {
    title: "MLX",
    keys: {
      weight: ["weight"],
      bias: ["bias"],
      runningMean: ["running_mean"],
      runningVar: ["running_var"],
    },
    written: {},
    separator: ".",
    collections: {},
    momentum: { weighs: "new", default: 0.1 },
    eps: everyEps(1e-5),
    // Biased until mlx pull request 3817 of July 2026.
    ddof: 1,
    layout: "channels-last",
    weights: { convolution: "OHWI", linear: "OI" },
    source: "mlx python/mlx/nn/layers/normalization.py; pull request 3817",
  },
};

/** Every convention, the more common one first where a file could be of two. */
export const conventionNames: readonly Convention[] = [
  "torch",
  "keras",
  "flax",
  "onnx",
  "paddle",
  "mlx",
  "megengine",
];

/**
 * Whether a value names a convention.
 *
 * @example
 * isConvention("torch"); // true
 */
export function isConvention(value: unknown): value is Convention {
  return typeof value === "string" && Object.hasOwn(conventions, value);
}
