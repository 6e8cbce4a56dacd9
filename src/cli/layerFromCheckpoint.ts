import { type Checkpoint, convert, findNormLayers, type NormLayer } from "../checkpoints/index.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type DType,
  type FloatType,
  GroupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type Layer,
  LayerNorm,
  type Layout,
  RMSNorm,
  type Tensor,
} from "../index.ts";
import { sizeText } from "../tensor/shape.ts";

/** What the command line says of a layer; undefined where it leaves it to the checkpoint. */
export interface LayerFlags {
  readonly type?: string | undefined;
  readonly eps?: number | undefined;
  readonly momentum?: number | null | undefined;
  readonly numGroups?: number | undefined;
  readonly layout: Layout;
  readonly dtype: FloatType;
}

const stateKeys = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"] as const;

const layerTypes = [
  "BatchNorm1d",
  "BatchNorm2d",
  "BatchNorm3d",
  "InstanceNorm1d",
  "InstanceNorm2d",
  "InstanceNorm3d",
  "GroupNorm",
  "LayerNorm",
  "RMSNorm",
] as const;

type LayerType = (typeof layerTypes)[number];

/**
 * The layer of that name in a checkpoint, loaded; its type and options follow from the keys where they can.
 *
 * @throws RangeError if there is no such layer, if its type cannot be told from its keys, or if it does not load
 */
export async function layerFromCheckpoint(
  file: Checkpoint,
  name: string,
  x: Tensor,
  flags: LayerFlags,
  isTraining: boolean,
): Promise<Layer> {
  const layers = findNormLayers(file);
  const found = layers.find((layer) => layer.name === name);
  if (found !== undefined && found.convention !== "torch") {
    return layerOfOtherConvention(file, found, x, flags, isTraining);
  }
  const prefix = name === "" ? "" : `${name}.`;
  const state = new Map<string, Tensor<DType>>();
  for (const key of stateKeys) {
    if (file.entries.has(prefix + key)) state.set(key, await file.tensor(prefix + key));
  }
  if (state.size === 0) {
    const names = layers.map((layer) => layer.name).join(", ");
    throw new RangeError(
      `no normalization layer ${JSON.stringify(name)} in the checkpoint; it holds ${names || "none"}`,
    );
  }
  const type =
    flags.type === undefined ? inferType(name, state, found, x, isTraining) : checkedType(flags.type);
  const layer = build(type, state, flags);
  layer.loadStateDict(state as ReadonlyMap<string, Tensor>);
  return layer;
}

/** The layer with PyTorch's names, and with its own framework's eps and momentum where the flags say none. */
async function layerOfOtherConvention(
  file: Checkpoint,
  { name, convention }: NormLayer,
  x: Tensor,
  flags: LayerFlags,
  isTraining: boolean,
): Promise<Layer> {
  const { tensors, configuration } = await convert(file, { from: convention, to: "torch" });
  const converted = configuration.find(({ sourceLayer }) => sourceLayer === name);
  const { eps, momentum } = converted?.options ?? {};
  const own: LayerFlags = {
    ...flags,
    eps: flags.eps ?? (typeof eps === "number" ? eps : undefined),
    momentum: flags.momentum === undefined && typeof momentum === "number" ? momentum : flags.momentum,
  };
  return layerFromCheckpoint(tensors, converted?.layer ?? name, x, own, isTraining);
}

function checkedType(type: string): LayerType {
  const found = layerTypes.find((candidate) => candidate === type);
  if (found === undefined) {
    throw new RangeError(
      `unknown layer type ${JSON.stringify(type)}; the types are ${layerTypes.join(", ")}`,
    );
  }
  return found;
}

function inferType(
  name: string,
  state: ReadonlyMap<string, Tensor<DType>>,
  found: NormLayer | undefined,
  x: Tensor,
  isTraining: boolean,
): LayerType {
  const held = [...state].map(([key, { shape }]) => `${key} ${sizeText(shape)}`).join(", ");
  if (state.has("running_mean")) {
    const dimensions = Math.max(1, x.shape.length - 2);
    // Batch and instance normalization hold the same keys and, by their running statistics, compute the same.
    if (isTraining) {
      throw new RangeError(
        `layer ${name} holds ${held}: BatchNorm${dimensions}d or InstanceNorm${dimensions}d, which differ in training; say --type`,
      );
    }
    return checkedType(`BatchNorm${dimensions}d`);
  }
  if (found === undefined) throw new RangeError(`layer ${name} holds ${held}: not a normalization layer`);
  if (found.kindBy === "keys") return checkedType(found.kind);
  const candidates = state.has("bias")
    ? "LayerNorm, GroupNorm, InstanceNorm or BatchNorm"
    : "RMSNorm or LayerNorm";
  throw new RangeError(`layer ${name} holds ${held}: ${candidates}; say --type`);
}

function build(type: LayerType, state: ReadonlyMap<string, Tensor<DType>>, flags: LayerFlags): Layer {
  const { dtype, layout } = flags;
  const parameter = state.get("weight") ?? state.get("running_mean");
  const shape = parameter?.shape ?? [];
  const channels = shape[0] ?? 0;
  const eps = flags.eps === undefined ? {} : { eps: flags.eps };
  if (type === "GroupNorm") {
    if (flags.numGroups === undefined)
      throw new RangeError("GroupNorm: the checkpoint holds no number of groups; say --num-groups");
    return new GroupNorm(flags.numGroups, channels, { dtype, layout, ...eps });
  }
  if (type === "LayerNorm") return new LayerNorm(shape, { dtype, bias: state.has("bias"), ...eps });
  if (type === "RMSNorm") return new RMSNorm(shape, { dtype, ...eps });
  const options = {
    dtype,
    layout,
    affine: state.has("weight"),
    trackRunningStats: state.has("running_mean"),
    ...eps,
    ...(flags.momentum === undefined ? {} : { momentum: flags.momentum }),
  };
  const kinds = { BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d };
  return new kinds[type](channels, options);
}
