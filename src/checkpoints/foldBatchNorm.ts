import { finiteNumber, integerFrom, oneOf } from "../functional/checks.ts";
import { storeFloat64, toFloat64 } from "../tensor/cast.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { shapeText } from "../tensor/shape.ts";
import { asTensor, type Tensor, type TensorLike, zerosInArray } from "../tensor/tensor.ts";

/** What comes before the batch normalization; a convolution's dimensions follow from the rank of its weight. */
export type FoldKind = "conv" | "convTranspose" | "linear";

/** The batch normalization to fold: plain tensors, or a BatchNorm layer in eval mode. */
export interface FoldableNorm {
  /** Scale, C elements; absent = 1. */
  readonly weight?: TensorLike | null | undefined;
  /** Shift, C elements; absent = 0. */
  readonly bias?: TensorLike | null | undefined;
  /** Running mean, C elements. */
  readonly runningMean: TensorLike | null;
  /** Running variance, C elements. */
  readonly runningVar: TensorLike | null;
  /** Added to the variance, inside the root. */
  readonly eps: number;
  /** Whether the batch's own statistics normalize, which leaves nothing constant to fold. Default false. */
  readonly training?: boolean | undefined;
  /** Whether the running statistics normalize in training too. Default false. */
  readonly frozen?: boolean | undefined;
}

/** How the weight of the layer before is laid out. */
export interface FoldLayout {
  readonly kind: FoldKind;
  /** Groups of the convolution. Default 1. */
  readonly groups?: number | undefined;
}

/** What a batch normalization does to each channel in eval mode: `y = (x - mean) * scale + bias`. */
export interface ChannelMap {
  readonly mean: Float64Array;
  readonly scale: Float64Array;
  readonly bias: Float64Array;
}

/**
 * Folds a batch normalization in eval mode into the convolution or linear layer before it.
 *
 * Formula: `w' = w * s`, `b' = (b - mean) * s + bias`, `s = weight / sqrt(variance + eps)`, per output channel,
 * in float64, each result rounded once to the dtype of what it replaces.
 * Shapes: convolution (C, in / groups, *), transposed convolution (in, C / groups, *), linear (C, in).
 *
 * Only in eval mode is this the same function: in training the statistics are the batch's.
 *
 * Source: Jacob et al. 2018, section 3.2; PyTorch `torch.nn.utils.fusion.fuse_conv_bn_weights`.
 *
 * @param bias of the layer before, or null; what is null becomes a tensor of the weight's dtype
 * @throws RangeError for a norm in training mode or without statistics, for a variance that is negative, NaN or, with
 *   eps, zero, for shapes that do not fit, and for results that the dtype cannot hold; TypeError for no tensor
 * @example
 * const { weight, bias } = foldBatchNorm(conv.weight, null, bn.eval(), { kind: "conv" });
 */
export function foldBatchNorm(
  weight: TensorLike,
  bias: TensorLike | null | undefined,
  norm: FoldableNorm,
  { kind, groups = 1 }: FoldLayout,
): { readonly weight: Tensor; readonly bias: Tensor } {
  const who = "foldBatchNorm";
  const { mean, scale, bias: shift } = channelMapOf(who, norm);
  const given = asTensor(who, "weight", weight);
  const channels = scale.length;
  checkFoldLayout(who, given.shape, channels, { kind, groups });
  const values = toFloat64(given.data, given.dtype).slice();
  eachRun(given.shape, { kind, groups }, (channel, start, end) => {
    for (let i = start; i < end; i++) values[i] *= scale[channel];
  });
  const before = bias === null || bias === undefined ? null : asTensor(who, "bias", bias);
  if (before !== null && before.size !== channels) {
    throw new RangeError(`${who}: expected a bias of ${channels} elements, got ${before.size}`);
  }
  const old = before === null ? new Float64Array(channels) : toFloat64(before.data, before.dtype);
  const moved = shift.map((value, c) => (old[c] - mean[c]) * scale[c] + value);
  return {
    weight: stored(who, "weight", values, given.shape, given.dtype),
    bias: stored(who, "bias", moved, before?.shape ?? [channels], before?.dtype ?? given.dtype),
  };
}

/**
 * Checks a batch normalization and gives what it does to each channel in eval mode.
 *
 * @throws as {@link foldBatchNorm}
 */
export function channelMapOf(who: string, norm: FoldableNorm): ChannelMap {
  if (norm.training === true && norm.frozen !== true) {
    throw new RangeError(
      `${who}: Fusion only for eval! In training the batch's own statistics normalize; call eval() first`,
    );
  }
  if (!norm.runningMean || !norm.runningVar) {
    throw new RangeError(`${who}: expected running statistics, got none: there is nothing constant to fold`);
  }
  const eps = finiteNumber(who, "eps", norm.eps);
  const variance = valuesOf(who, "runningVar", norm.runningVar);
  const channels = variance.length;
  const perChannel = (name: string, value: TensorLike | null | undefined, absent: number): Float64Array => {
    if (value === null || value === undefined) return new Float64Array(channels).fill(absent);
    const values = valuesOf(who, name, value);
    if (values.length !== channels) {
      throw new RangeError(
        `${who}: expected ${name} to have ${channels} elements as runningVar has, got ${values.length}`,
      );
    }
    checkEach(who, name, values, Number.isFinite, "a finite number");
    return values;
  };
  checkEach(who, "runningVar", variance, (v) => v >= 0 && v < Number.POSITIVE_INFINITY, "0 or more");
  checkEach(
    who,
    "runningVar + eps",
    variance.map((v) => v + eps),
    (v) => v > 0,
    "a positive number",
  );
  const mean = perChannel("runningMean", norm.runningMean, 0);
  const weight = perChannel("weight", norm.weight, 1);
  const bias = perChannel("bias", norm.bias, 0);
  return { mean, scale: weight.map((w, c) => w / Math.sqrt(variance[c] + eps)), bias };
}

/**
 * Checks that a weight of this shape has that many output channels.
 *
 * @throws RangeError if it has not
 */
export function checkFoldLayout(
  who: string,
  shape: readonly number[],
  channels: number,
  { kind, groups = 1 }: FoldLayout,
): void {
  oneOf(who, "kind", kind, ["conv", "convTranspose", "linear"]);
  integerFrom(who, "groups", groups, 1);
  const rank = shape.length;
  if (kind === "linear" ? rank !== 2 : rank < 3 || rank > 5) {
    const wanted = kind === "linear" ? "2 axes" : "3, 4 or 5 axes";
    throw new RangeError(`${who}: expected a ${kind} weight of ${wanted}, got shape ${shapeText(shape)}`);
  }
  if (kind === "linear" && groups !== 1) {
    throw new RangeError(`${who}: expected 1 group for a linear layer, got ${groups}`);
  }
  const found = kind === "convTranspose" ? shape[1] * groups : shape[0];
  if (found !== channels) {
    throw new RangeError(
      `${who}: expected a ${kind} weight of ${channels} output channels as the norm has, ` +
        `got ${found} (shape ${shapeText(shape)}${groups > 1 ? `, ${groups} groups` : ""})`,
    );
  }
  if (shape[0] % groups !== 0) {
    throw new RangeError(`${who}: expected dim 0 of ${shapeText(shape)} to be divisible by ${groups} groups`);
  }
}

/** Visits the runs of consecutive weights that belong to one output channel. */
export function eachRun(
  shape: readonly number[],
  { kind, groups = 1 }: FoldLayout,
  visit: (channel: number, start: number, end: number) => void,
): void {
  const [first, second, ...taps] = shape;
  const perTap = taps.reduce((size, extent) => size * extent, 1);
  if (kind !== "convTranspose") {
    const length = second * perTap;
    for (let c = 0; c < first; c++) visit(c, c * length, (c + 1) * length);
    return;
  }
  const inputsPerGroup = first / groups;
  for (let input = 0; input < first; input++) {
    const firstChannel = Math.floor(input / inputsPerGroup) * second;
    for (let output = 0; output < second; output++) {
      const start = (input * second + output) * perTap;
      visit(firstChannel + output, start, start + perTap);
    }
  }
}

function valuesOf(who: string, name: string, value: TensorLike): Float64Array {
  const { data, dtype } = asTensor(who, name, value);
  return toFloat64(data, dtype);
}

function checkEach(
  who: string,
  name: string,
  values: Float64Array,
  holds: (value: number) => boolean,
  wanted: string,
): void {
  const channel = values.findIndex((value) => !holds(value));
  if (channel === -1) return;
  const others = values.filter((value) => !holds(value)).length - 1;
  throw new RangeError(
    `${who}: expected ${name} to be ${wanted} in every channel, got ${values[channel]} in channel ${channel}` +
      (others > 0 ? ` (and in ${others} more)` : ""),
  );
}

function stored(
  who: string,
  name: string,
  values: Float64Array,
  shape: readonly number[],
  dtype: FloatType,
): Tensor {
  const tensor = zerosInArray(shape, dtype);
  storeFloat64(values, tensor.data, dtype);
  const at = toFloat64(tensor.data, dtype).findIndex((value) => !Number.isFinite(value));
  if (at !== -1) {
    throw new RangeError(
      `${who}: expected a folded ${name} that ${dtype} can hold, got ${values[at]} at element ${at}`,
    );
  }
  return tensor;
}
