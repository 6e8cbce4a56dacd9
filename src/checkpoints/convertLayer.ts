import { shapeText, sizeOf } from "../tensor/shape.ts";
import type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
import { type Convention, conventions, type NormRole } from "./conventions.ts";
import { countTensor, filled, scaled } from "./convertedCheckpoint.ts";
import type { LazyTensor } from "./namedTensors.ts";
import type { NormLayer } from "./normLayers.ts";
import { type SourceOptions, targetKind } from "./targetConfiguration.ts";

/** One thing that became different. */
export interface Change {
  /** The layer's name in the source. */
  readonly layer: string;
  readonly change: "renamed" | "reshaped" | "rescaled" | "dropped" | "added";
  /** Key in the source; absent for an added tensor. */
  readonly from?: string;
  /** Key in the target; absent for a dropped tensor. */
  readonly to?: string;
  /** Shapes, the factor, or the value. */
  readonly detail?: string;
}

/** A layer and what is known of it. */
export interface LayerRequest {
  readonly layer: NormLayer;
  readonly to: Convention;
  /** The layer's name in the target. */
  readonly name: string;
  readonly valuesPerChannel: number | undefined;
  readonly batches: bigint | null | undefined;
  readonly source: SourceOptions;
}

/** What becomes of one layer. */
export interface LayerResult {
  /** What stands in the place of each of the source's tensors. */
  readonly outputs: ReadonlyMap<string, readonly [string, LazyTensor][]>;
  readonly changes: readonly Change[];
  /** The count of batches that goes to the metadata, by the layer's name in the target. */
  readonly carriedCount: readonly [string, bigint | null] | undefined;
}

/** The tensors of a layer in the target's convention. */
export function convertLayer(who: string, checkpoint: Checkpoint, request: LayerRequest): LayerResult {
  const { layer, to, name } = request;
  const outputs = new Map<string, [string, LazyTensor][]>();
  const changes: Change[] = [];
  const note = (change: Omit<Change, "layer">): void => {
    changes.push({ layer: layer.name, ...change });
  };
  let last = "";
  for (const [role, key] of Object.entries(layer.keys) as [NormRole, string][]) {
    if (role === "numBatchesTracked" && (to !== "torch" || request.batches === undefined)) {
      outputs.set(key, []);
      note({ change: "dropped", from: key, ...countDetail(request.batches) });
      continue;
    }
    const target = keyOf(to, layer, name, role);
    outputs.set(key, [[target, converted(who, checkpoint, request, role, key, target, note)]]);
    last = key;
  }
  for (const [target, tensor, detail] of additions(who, checkpoint, request)) {
    outputs.get(last)?.push([target, tensor]);
    note({ change: "added", to: target, detail });
  }
  const carried = to !== "torch" && hasStatistics(layer) && request.batches !== undefined;
  return { outputs, changes, carriedCount: carried ? [name, request.batches as bigint | null] : undefined };
}

/** Whether a layer keeps running statistics. */
export function hasStatistics({ keys }: NormLayer): boolean {
  return keys.runningMean !== undefined || keys.runningVar !== undefined;
}

function countDetail(batches: bigint | null | undefined): { readonly detail?: string } {
  return typeof batches === "bigint" ? { detail: `${batches}, kept in the metadata` } : {};
}

/** The key of a tensor in a convention. */
function keyOf(to: Convention, layer: NormLayer, name: string, role: NormRole): string {
  const { keys, written, collections, separator } = conventions[to];
  const last = written[targetKind(layer, to)]?.[role] ?? keys[role]?.[0] ?? role;
  return [collections[role], name, last].filter((part) => part !== undefined && part !== "").join(separator);
}

type Note = (change: Omit<Change, "layer">) => void;

function converted(
  who: string,
  checkpoint: Checkpoint,
  request: LayerRequest,
  role: NormRole,
  key: string,
  target: string,
  note: Note,
): LazyTensor {
  const { dtype, shape } = checkpoint.entries.get(key) as CheckpointEntry;
  if (target !== key) note({ change: "renamed", from: key, to: target });
  const flat = flatShape(request.layer, role, shape);
  if (flat !== shape) {
    const detail = `${shapeText(shape)} to ${shapeText(flat)}`;
    note({ change: "reshaped", from: key, to: target, detail });
  }
  const tensor: LazyTensor = { dtype, shape: flat, bytes: () => checkpoint.bytes(key) };
  const n = request.valuesPerChannel;
  const ddof = conventions[request.layer.convention].ddof;
  const wanted = conventions[request.to].ddof;
  if (role !== "runningVar" || n === undefined || ddof === wanted) return tensor;
  const detail = `times ${n - ddof} / ${n - wanted}`;
  note({ change: "rescaled", from: key, to: target, detail });
  return scaled(who, key, tensor, (n - ddof) / (n - wanted));
}

/** A vector for what has one long axis, as (1, C, 1, 1); a layer norm's shape says what it normalizes and stays. */
function flatShape(layer: NormLayer, role: NormRole, shape: readonly number[]): readonly number[] {
  const isVector = role !== "numBatchesTracked" && hasStatistics(layer);
  if (!isVector || shape.length === 1 || shape.filter((extent) => extent !== 1).length > 1) return shape;
  return [sizeOf(shape)];
}

/** Frameworks whose batch, instance and group norms have both weight and bias or neither. */
const bothOrNeither: ReadonlySet<Convention> = new Set(["torch", "megengine", "onnx", "mlx"]);

/** Whether a layer has one of weight and bias where the target's has both or neither. */
export function lacksTwin({ kind, keys }: NormLayer, to: Convention): boolean {
  const isChannelwise = kind === "BatchNorm" || kind === "InstanceNorm" || kind === "GroupNorm";
  return isChannelwise && bothOrNeither.has(to) && (keys.weight === undefined) !== (keys.bias === undefined);
}

function additions(
  who: string,
  checkpoint: Checkpoint,
  { layer, to, name, batches }: LayerRequest,
): [key: string, tensor: LazyTensor, detail: string][] {
  const added: [string, LazyTensor, string][] = [];
  const { weight, bias, runningMean, runningVar, numBatchesTracked } = layer.keys;
  if (lacksTwin(layer, to) && hasStatistics(layer)) {
    const like = checkpoint.entries.get(weight ?? (bias as string)) as CheckpointEntry;
    const entry = { dtype: like.dtype, shape: [sizeOf(like.shape)] };
    const role = weight === undefined ? "weight" : "bias";
    const value = weight === undefined ? 1 : 0;
    added.push([keyOf(to, layer, name, role), filled(who, entry, value), value === 1 ? "ones" : "zeros"]);
  }
  const hasBoth = runningMean !== undefined && runningVar !== undefined;
  const isCounted = numBatchesTracked !== undefined && batches !== undefined;
  // A layer that had no count in PyTorch gets none back.
  const isKnownBare = batches === null && layer.convention !== "torch";
  if (to !== "torch" || !hasBoth || isCounted || isKnownBare) return added;
  const count = batches ?? 0n;
  const detail = typeof batches === "bigint" ? `${count}, from the metadata` : "int64 0";
  added.push([keyOf(to, layer, name, "numBatchesTracked"), countTensor(count), detail]);
  return added;
}
