import { sameShape, sizeOf } from "../tensor/shape.ts";
import type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
import { type Convention, conventionNames, type NormKind } from "./conventions.ts";
import { groupKeys, type KeyGroup, type NormKeys } from "./normKeys.ts";
import { type KindBy, kindInName, kindOf, saysNorm } from "./normKind.ts";
import type { SafetensorsDType } from "./safetensorsHeader.ts";

/** A normalization that a checkpoint holds the tensors of. */
export interface NormLayer {
  /** Name before the keys, without the separator: `module.layer1.0.bn1`; empty if the keys stand alone. */
  readonly name: string;
  readonly kind: NormKind;
  /** What tells the kind; a batch norm and a tracking instance norm have the same keys, as have group and layer norm. */
  readonly kindBy: KindBy;
  readonly convention: Convention;
  /** Elements of each parameter or statistic. */
  readonly size: number;
  /** Shape of the weight, or of the first tensor that is there. */
  readonly shape: readonly number[];
  /** dtype of the same tensor. */
  readonly dtype: SafetensorsDType;
  /** The keys in the checkpoint. */
  readonly keys: NormKeys;
}

type Entries = ReadonlyMap<string, CheckpointEntry>;

/**
 * Finds every normalization in a checkpoint by the names and shapes of its tensors, in the order of the file.
 *
 * A layer is a weight and a bias of one shape, a vector `weight` alone, or running statistics, under one nested name,
 * in any {@link Convention}. Where tensors fit several conventions, the one that explains most of the file counts.
 * Convolutions, embeddings and linear layers have other shapes.
 *
 * @param convention the one convention to look for; default all
 * @example
 * for (const { name, kind, size } of findNormLayers(file)) console.log(name, kind, size); // bn1 BatchNorm 16
 */
export function findNormLayers(
  { entries }: Pick<Checkpoint, "entries">,
  convention?: Convention,
): NormLayer[] {
  if (convention !== undefined) return layersIn(entries, convention);
  const [first, ...others] = conventionNames
    .map((name) => layersIn(entries, name))
    .sort((a, b) => scoreOf(entries, b) - scoreOf(entries, a));
  const layers = [...first];
  const claimed = new Set(first.flatMap(({ keys }) => Object.values(keys)));
  for (const layer of others.flat()) {
    const keys = Object.values(layer.keys);
    // A vector alone is too little to make a second convention of.
    if (layer.keys.weight === undefined || layer.keys.bias === undefined) continue;
    if (keys.some((key) => claimed.has(key))) continue;
    layers.push(layer);
    for (const key of keys) claimed.add(key);
  }
  return layers.length === first.length ? layers : inFileOrder(entries, layers);
}

/** How much of the file a convention explains; one layer of four tensors is better than two of two. */
function scoreOf(entries: Entries, layers: readonly NormLayer[]): number {
  const tensors = layers.reduce((sum, { keys }) => sum + Object.keys(keys).length, 0);
  const typical = layers.some(
    ({ convention, keys }) =>
      convention === "megengine" && isFourAxes(shapeOf(entries, keys.runningVar ?? keys.runningMean)),
  );
  return 2 * tensors - layers.length + (typical ? 0.5 : 0);
}

/** Whether a shape is (1, C, 1, 1), as MegEngine's batch norm holds its tensors. */
function isFourAxes(shape: readonly number[]): boolean {
  return shape.length === 4 && shape[0] === 1 && shape[2] === 1 && shape[3] === 1;
}

function inFileOrder(entries: Entries, layers: readonly NormLayer[]): NormLayer[] {
  const places = new Map([...entries.keys()].map((key, place) => [key, place]));
  const placeOf = ({ keys }: NormLayer): number =>
    Math.min(...Object.values(keys).map((key) => places.get(key) ?? 0));
  return [...layers].sort((a, b) => placeOf(a) - placeOf(b));
}

function layersIn(entries: Entries, convention: Convention): NormLayer[] {
  return groupKeys(entries, convention).flatMap((group) => {
    return isNormalization(entries, group) ? [layerOf(entries, convention, group)] : [];
  });
}

function isNormalization(entries: Entries, { name, keys }: KeyGroup): boolean {
  const { weight, bias, runningMean, runningVar } = keys;
  const tensors = [weight, bias, runningMean, runningVar].filter((key) => key !== undefined);
  if (!tensors.every((key) => isFloating(entries.get(key)))) return false;
  if (runningMean !== undefined && runningVar !== undefined) return true;
  if (tensors.length === 1) return isLoneParameter(entries, name, keys);
  if (runningMean !== undefined || runningVar !== undefined) return true;
  const shape = shapeOf(entries, weight);
  return shape.length > 0 && sameShape(shape, shapeOf(entries, bias));
}

/** Whether one tensor makes a normalization: a vector `weight`, or a parameter of a layer whose name says so. */
function isLoneParameter(entries: Entries, name: string, { weight, bias }: NormKeys): boolean {
  const key = weight ?? bias;
  if (key === undefined) return false;
  const rank = shapeOf(entries, key).length;
  const kind = kindInName(name);
  if (kind === "LayerNorm" || kind === "RMSNorm") return rank > 0;
  return rank === 1 && (saysNorm(name) || (/(^|[./])weight$/.test(key) && !/prelu/i.test(name)));
}

function isFloating(entry: CheckpointEntry | undefined): boolean {
  return entry !== undefined && /^B?F/.test(entry.dtype);
}

function shapeOf(entries: Entries, key: string | undefined): readonly number[] {
  return (key === undefined ? undefined : entries.get(key)?.shape) ?? [];
}

function layerOf(entries: Entries, convention: Convention, { name, keys }: KeyGroup): NormLayer {
  const { weight, bias, runningMean, runningVar } = keys;
  const parameter = weight ?? bias;
  const { shape, dtype } = entries.get(parameter ?? runningMean ?? (runningVar as string)) as CheckpointEntry;
  const kind = kindOf({
    name,
    convention,
    hasStatistics: runningMean !== undefined || runningVar !== undefined,
    hasBias: bias !== undefined,
    parameterRank: parameter === undefined ? undefined : shape.length,
  });
  return { name, ...kind, convention, size: sizeOf(shape), shape, dtype, keys };
}
