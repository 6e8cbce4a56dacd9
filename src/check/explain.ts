import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from "../layers/batchNorm.ts";
import { GroupNorm } from "../layers/groupNorm.ts";
import { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } from "../layers/instanceNorm.ts";
import type { Layer } from "../layers/layer.ts";
import { LayerNorm } from "../layers/layerNorm.ts";
import { RMSNorm } from "../layers/rmsNorm.ts";
import { RunningNorm } from "../layers/runningNorm.ts";
import { toFloat64 } from "../tensor/cast.ts";
import { machineEpsilon } from "../tensor/dtype.ts";
import { describe, shapeText } from "../tensor/shape.ts";
import { wholeElements } from "./elements.ts";
import { explanationText } from "./explainText.ts";
import type { Explanation } from "./explanation.ts";
import { momentsTable } from "./moments.ts";
import { type Descriptor, partitionOf } from "./partitions.ts";
import { type ArrayLikeInput, asFloat64, checkedArray, positionOf } from "./values.ts";

/** A layer by its name and options, where there is none to hand over: `{ layer: "GroupNorm", numGroups: 2 }`. */
export interface ExplainOptions {
  /** `BatchNorm2d`, `InstanceNorm1d`, `GroupNorm`, `LayerNorm`, `RMSNorm` ...; its sizes are taken from x. */
  readonly layer: string;
  readonly eps?: number;
  readonly numGroups?: number;
  /** Trailing axes that LayerNorm and RMSNorm normalize. Default 1. */
  readonly normalizedAxes?: number;
  readonly layout?: "channels-first" | "channels-last";
}

/**
 * Says step by step what a layer computes of x: axes, count, mean, variance, rstd, one element through the formula
 * `y = (x - mean) / sqrt(variance + eps) * weight + bias`, and the running statistics before and after.
 *
 * The layer is copied first: its running statistics, count and gradients do not move.
 *
 * @param layer a layer, or its name and options
 * @param element the position of the element to follow; by default the first
 * @throws TypeError if it is no layer that is known; RangeError if x does not fit it, or has no elements
 * @example
 * console.log(explain(new BatchNorm2d(2), x).markdown);
 * explain({ layer: "GroupNorm", numGroups: 2 }, x).text(true);
 */
export function explain(
  layer: Layer | ExplainOptions,
  x: ArrayLikeInput,
  element?: readonly number[],
): Explanation {
  const who = "explain";
  const checked = checkedArray(who, "x", x);
  const { shape, values } = checked;
  if (values.length === 0)
    throw new RangeError(`${who}: expected at least one element, got shape ${shapeText(shape)}`);
  const explained = isLayer(layer) ? copyOf(layer) : layerOf(layer, shape);
  const before = running(explained);
  const y = explained.forward(asFloat64(checked));
  const after = running(explained);
  const { descriptor, centered, eps } = meaningOf(explained, shape);
  const partition = partitionOf(shape, descriptor);
  const usesRunning = before !== null && (!explained.training || explained.frozen);
  const moments = momentsTable(values, shape)(partition);
  const channels = before?.mean.length ?? 1;
  const channelAxis =
    explained instanceof RunningNorm && explained.layout === "channels-last" ? shape.length - 1 : 1;
  const flat = flatOf(element ?? shape.map(() => 0), shape);
  const position = positionOf(flat, shape);
  let mean = moments.mean;
  let variance = moments.variance;
  let set = setAt(flat, values.length, shape, descriptor);
  if (usesRunning && before !== null) {
    mean = before.mean;
    variance = before.var;
    set = position[channelAxis] % channels;
  } else if (!centered) {
    variance = moments.variance.map((value, s) => value + moments.mean[s] ** 2);
    mean = new Float64Array(variance.length);
  }
  const rstd = variance.map((value) => 1 / Math.sqrt(value + eps));
  const [weight, bias] = parametersAt(explained, position, shape, descriptor, channelAxis);
  const xhat = (values[flat] - mean[set]) * rstd[set];
  const facts = {
    layer: String(explained),
    shape,
    training: explained.training,
    reducedAxes: descriptor.reducedAxes,
    groups: descriptor.groups,
    count: partition.count,
    sets: partition.sets,
    centered,
    statistics: usesRunning ? ("running" as const) : ("batch" as const),
    eps,
    mean,
    variance,
    rstd,
    element: {
      position,
      x: values[flat],
      set,
      mean: mean[set],
      variance: variance[set],
      rstd: rstd[set],
      xhat,
      weight,
      bias,
      y: xhat * weight + bias,
    },
    running:
      before === null || after === null || !(explained instanceof RunningNorm)
        ? null
        : {
            momentum: explained.momentum,
            unbiasedBy: partition.count / (partition.count - 1),
            meanBefore: before.mean,
            varBefore: before.var,
            meanAfter: after.mean,
            varAfter: after.var,
          },
    y,
  };
  return {
    ...facts,
    markdown: explanationText(facts, "markdown"),
    text: (colours = false) => explanationText(facts, colours ? "colours" : "plain"),
  };
}

function isLayer(value: Layer | ExplainOptions): value is Layer {
  return typeof value === "object" && value !== null && "forward" in value;
}

function layerOf({ layer, ...options }: ExplainOptions, shape: readonly number[]): Layer {
  const last = shape.length - 1;
  const channels = shape[options.layout === "channels-last" ? last : Math.min(1, last)] ?? 0;
  const shared = { dtype: "float64" as const, ...(options.eps === undefined ? {} : { eps: options.eps }) };
  const spatial = { ...shared, ...(options.layout === undefined ? {} : { layout: options.layout }) };
  const trailing = shape.slice(shape.length - (options.normalizedAxes ?? 1));
  if (Object.hasOwn(runningKinds, layer))
    return new runningKinds[layer as keyof typeof runningKinds](channels, spatial);
  if (layer === "GroupNorm") return new GroupNorm(options.numGroups ?? 1, channels, spatial);
  if (layer === "LayerNorm") return new LayerNorm(trailing, shared);
  if (layer === "RMSNorm") return new RMSNorm(trailing, shared);
  throw new TypeError(
    `explain: expected a layer or one of ${Object.keys(runningKinds).join(", ")}, GroupNorm, LayerNorm, RMSNorm, got ${describe(layer)}`,
  );
}

const runningKinds = {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
};

/** A layer of the same options, state and mode, so that the given one does not move, nor its gradient. */
function copyOf(layer: Layer): Layer {
  const { dtype } = layer;
  let copy: Layer | null = null;
  if (layer instanceof RunningNorm && Object.hasOwn(runningKinds, layer.name)) {
    const { eps, momentum, affine, layout } = layer;
    const trackRunningStats = layer.runningMean !== null;
    const options = { dtype, eps, momentum, affine, layout, trackRunningStats };
    copy = new runningKinds[layer.name as keyof typeof runningKinds](layer.numFeatures, options);
  } else if (layer instanceof GroupNorm) {
    const { eps, affine, layout } = layer;
    copy = new GroupNorm(layer.numGroups, layer.numChannels, { dtype, eps, affine, layout });
  } else if (layer instanceof LayerNorm) {
    const { eps, elementwiseAffine } = layer;
    const options = { dtype, eps, elementwiseAffine, bias: layer.bias !== null };
    copy = new LayerNorm(layer.normalizedShape, options);
  } else if (layer instanceof RMSNorm) {
    const { eps, elementwiseAffine } = layer;
    copy = new RMSNorm(layer.normalizedShape, { dtype, eps, elementwiseAffine });
  }
  if (copy === null)
    throw new TypeError(`explain: ${layer.name} takes no mean and variance that can be shown`);
  if (!(layer instanceof RunningNorm) || layer.numFeatures !== null) copy.loadStateDict(layer.stateDict());
  copy.train(layer.training);
  return layer.frozen ? copy.freeze() : copy;
}

interface RunningState {
  readonly mean: Float64Array;
  readonly var: Float64Array;
}

function running(layer: Layer): RunningState | null {
  if (!(layer instanceof RunningNorm) || layer.runningMean === null || layer.runningVar === null) return null;
  return {
    mean: toFloat64(layer.runningMean.data, layer.runningMean.dtype).slice(),
    var: toFloat64(layer.runningVar.data, layer.runningVar.dtype).slice(),
  };
}

/** Which axes a layer reduces, whether it subtracts the mean, and its eps. */
function meaningOf(
  layer: Layer,
  shape: readonly number[],
): { readonly descriptor: Descriptor; readonly centered: boolean; readonly eps: number } {
  const every = shape.map((_, axis) => axis);
  const plain = (reducedAxes: readonly number[]): Descriptor => ({ reducedAxes, groups: 1, groupAxis: null });
  if (layer instanceof LayerNorm || layer instanceof RMSNorm) {
    const descriptor = plain(every.slice(shape.length - layer.normalizedShape.length));
    const eps = layer.eps ?? machineEpsilon("float64");
    return { descriptor, centered: layer instanceof LayerNorm, eps };
  }
  if (layer instanceof GroupNorm) {
    const axis = layer.layout === "channels-last" ? shape.length - 1 : 1;
    const descriptor = { reducedAxes: every.slice(1), groups: layer.numGroups, groupAxis: axis };
    return { descriptor, centered: true, eps: layer.eps };
  }
  if (layer instanceof RunningNorm) {
    const axis = layer.layout === "channels-last" ? shape.length - 1 : 1;
    const isInstance = layer.name.startsWith("InstanceNorm");
    const reduced = every.filter((other) => other !== axis && !(isInstance && other === 0));
    return { descriptor: plain(reduced), centered: true, eps: layer.eps };
  }
  throw new TypeError(`explain: ${layer.name} takes no mean and variance`);
}

function flatOf(position: readonly number[], shape: readonly number[]): number {
  const fits =
    position.length === shape.length &&
    position.every((index, axis) => Number.isInteger(index) && index >= 0 && index < shape[axis]);
  if (!fits) {
    throw new RangeError(`explain: expected a position in ${shapeText(shape)}, got [${position.join(", ")}]`);
  }
  return position.reduce((flat, index, axis) => flat * shape[axis] + index, 0);
}

function setAt(flat: number, size: number, shape: readonly number[], descriptor: Descriptor): number {
  let found = 0;
  const none = new Float64Array(size);
  wholeElements(
    none,
    none,
    shape,
    partitionOf(shape, descriptor),
    [],
  )((block) => {
    for (let j = 0; j < block.count; j++) if (block.flat[j] === flat) found = block.sets[j];
  });
  return found;
}

function parametersAt(
  layer: Layer,
  position: readonly number[],
  shape: readonly number[],
  { reducedAxes }: Descriptor,
  channelAxis: number,
): [weight: number, bias: number] {
  const isTrailing = layer instanceof LayerNorm || layer instanceof RMSNorm;
  const isLast = layer instanceof GroupNorm && layer.layout === "channels-last";
  const axes = isTrailing ? reducedAxes : [isLast ? shape.length - 1 : channelAxis];
  const index = axes.reduce((at, axis) => at * shape[axis] + position[axis], 0);
  const read = (parameter: Layer["weight"], absent: number): number =>
    parameter === null ? absent : toFloat64(parameter.data, parameter.dtype)[index];
  return [read(layer.weight, 1), read(layer.bias, 0)];
}
