import { checkOptions } from "../functional/checks.ts";
import { toFloat64 } from "../tensor/cast.ts";
import { asTensor, type Tensor } from "../tensor/tensor.ts";
import { bytesOf } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { checkpointOf } from "./convertedCheckpoint.ts";
import { channelMapOf, type FoldableNorm, type FoldLayout, foldBatchNorm } from "./foldBatchNorm.ts";
import { type Affine, type FoldError, foldError } from "./foldError.ts";
import { isComputable, modulesOf, type WeightedLayer } from "./foldModules.ts";
import { epsFrom, type FoldOptions, fits, givenPairs, layoutsFrom } from "./foldOptions.ts";
import { type FoundBy, findPairs } from "./foldPairs.ts";
import { type LazyTensor, lazyTensors } from "./namedTensors.ts";
import type { NormLayer } from "./normLayers.ts";
import { safetensorsDType } from "./safetensorsHeader.ts";

/** What a fold did to one pair. */
export interface FoldedPair extends FoldLayout {
  /** `layer:norm`. */
  readonly pair: string;
  readonly layer: string;
  readonly norm: string;
  readonly foundBy: FoundBy;
  readonly eps: number;
  /** Whether eps is the caller's, and not the default. */
  readonly isEpsGiven: boolean;
  /** Whether the layer had no bias, and has one now. */
  readonly isBiasAdded: boolean;
  /** What each output channel's weights are multiplied by: `weight / sqrt(variance + eps)`. */
  readonly scale: Float64Array;
  /** Change of each output channel's bias. */
  readonly biasChange: Float64Array;
  /** Distance of the folded layer, as stored, from layer and norm in float64, on random input. */
  readonly error: FoldError;
}

/** A norm that was not folded, or a pair that was asked for and cannot be. */
export interface RefusedPair {
  /** `layer:norm`; `?` for a layer that was not found. */
  readonly pair: string;
  readonly reason: string;
}

/** What {@link fold} gives. */
export interface FoldResult {
  /** The folded checkpoint; tensors that did not change are read from the file when asked for, and it closes that. */
  readonly tensors: Checkpoint;
  readonly folded: readonly FoldedPair[];
  readonly refused: readonly RefusedPair[];
}

const who = "fold";

/**
 * Folds the batch normalizations of a checkpoint into the convolutions and linear layers before them.
 *
 * The norm's tensors go, the layer's weight and bias change (a bias is added where there was none), as
 * {@link foldBatchNorm} says; the result computes the same in eval mode only. The model's code must drop the norms too.
 * What a checkpoint cannot show, such as an activation between the two, is for the caller to know: see `foundBy`.
 *
 * @throws TypeError or RangeError for options that are none or that name no layer; what reading throws
 * @example
 * const file = await openCheckpoint("model.safetensors");
 * const { tensors, folded, refused } = await fold(file, { eps: { bn3: 1e-3 } });
 * await writeSafetensors("folded.safetensors", lazyTensors(tensors), { metadata: file.metadata });
 */
export async function fold(checkpoint: Checkpoint, options: FoldOptions = {}): Promise<FoldResult> {
  checkOptions(who, options);
  const modules = modulesOf(checkpoint);
  const layoutOf = layoutsFrom(modules, options);
  const epsOf = epsFrom(modules, options.eps);
  const findings =
    options.pairs === undefined
      ? findPairs(modules, (layer, norm) => fits(layer, norm, layoutOf(layer, norm)))
      : givenPairs(modules, options.pairs);
  const tensors = new Map<string, LazyTensor>(lazyTensors(checkpoint));
  const newBiases = new Map<string, LazyTensor>();
  const folded: FoldedPair[] = [];
  const refused: RefusedPair[] = [];
  for (const finding of findings) {
    const { layer, norm } = finding;
    const pair = `${layer?.name ?? "?"}:${norm.name}`;
    const reason = "reason" in finding ? finding.reason : unreadable(checkpoint, finding);
    if (reason !== undefined || "reason" in finding) {
      refused.push({ pair, reason: reason as string });
      continue;
    }
    const before = await readLayer(checkpoint, finding.layer);
    const statistics = await readNorm(checkpoint, norm);
    try {
      const layout = layoutOf(finding.layer, norm);
      const { after, ...done } = foldPair(before, { ...statistics, ...epsOf(norm) }, layout);
      const { keys, name } = finding.layer;
      tensors.set(keys.weight, lazyOf(after.weight));
      if (keys.bias === undefined) newBiases.set(keys.weight, lazyOf(after.bias));
      else tensors.set(keys.bias, lazyOf(after.bias));
      for (const key of Object.values(norm.keys)) tensors.delete(key);
      const { foundBy } = finding;
      folded.push({ pair, layer: name, norm: norm.name, foundBy, ...layout, ...epsOf(norm), ...done });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      refused.push({ pair, reason: error.message.replace(/^\w+: /, "") });
    }
  }
  const all = withBiases(tensors, newBiases);
  return { tensors: checkpointOf(who, all, checkpoint.metadata, () => checkpoint.close()), folded, refused };
}

type Done = Pick<FoldedPair, "isBiasAdded" | "scale" | "biasChange" | "error"> & {
  readonly after: { readonly weight: Tensor; readonly bias: Tensor };
};

function foldPair(before: Affine, norm: FoldableNorm, layout: FoldLayout): Done {
  const after = foldBatchNorm(before.weight, before.bias, norm, layout);
  const map = channelMapOf(who, norm);
  const now = toFloat64(after.bias.data, after.bias.dtype);
  const old = before.bias && toFloat64(before.bias.data, before.bias.dtype);
  return {
    after,
    isBiasAdded: before.bias === null,
    scale: map.scale,
    biasChange: now.map((value, c) => value - (old?.[c] ?? 0)),
    error: foldError(before, map, after, layout),
  };
}

async function readLayer(checkpoint: Checkpoint, { keys }: WeightedLayer): Promise<Affine> {
  const weight = asTensor(who, keys.weight, await checkpoint.tensor(keys.weight));
  const bias = keys.bias === undefined ? null : asTensor(who, keys.bias, await checkpoint.tensor(keys.bias));
  return { weight, bias };
}

async function readNorm(checkpoint: Checkpoint, { keys }: NormLayer): Promise<Omit<FoldableNorm, "eps">> {
  const read = async (key: string | undefined): Promise<Tensor | null> =>
    key === undefined ? null : asTensor(who, key, await checkpoint.tensor(key));
  return {
    weight: await read(keys.weight),
    bias: await read(keys.bias),
    runningMean: await read(keys.runningMean),
    runningVar: await read(keys.runningVar),
  };
}

/** Why a pair's tensors cannot be computed with; undefined if they can. */
function unreadable(
  { entries }: Checkpoint,
  { layer, norm }: { readonly layer: WeightedLayer; readonly norm: NormLayer },
): string | undefined {
  const { weight, bias, runningMean, runningVar } = norm.keys;
  for (const key of [layer.keys.weight, layer.keys.bias, weight, bias, runningMean, runningVar]) {
    const entry = key === undefined ? undefined : entries.get(key);
    if (entry !== undefined && !isComputable(entry)) {
      return `expected ${key} to be F64, F32, F16 or BF16, got ${entry.dtype}`;
    }
  }
  return undefined;
}

function lazyOf({ dtype, shape, data }: Tensor): LazyTensor {
  return { dtype: safetensorsDType(dtype), shape, bytes: () => bytesOf(data) };
}

/** The tensors in the order of the file, each new bias after its weight. */
function withBiases(
  tensors: ReadonlyMap<string, LazyTensor>,
  newBiases: ReadonlyMap<string, LazyTensor>,
): Map<string, LazyTensor> {
  const result = new Map<string, LazyTensor>();
  for (const [key, value] of tensors) {
    result.set(key, value);
    const bias = newBiases.get(key);
    if (bias !== undefined) result.set(key.replace(/weight$/, "bias"), bias);
  }
  return result;
}
