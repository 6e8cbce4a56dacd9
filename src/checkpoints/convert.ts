import { describe, sizeOf } from "../tensor/shape.ts";
import { type BatchCounts, countsOf, withCounts } from "./batchCounts.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type Convention, conventionNames, conventions, isConvention } from "./conventions.ts";
import { conversionNotes } from "./conversionNotes.ts";
import { checkpointOf } from "./convertedCheckpoint.ts";
import { type Change, convertLayer, type LayerRequest, type LayerResult } from "./convertLayer.ts";
import type { LazyTensor } from "./namedTensors.ts";
import type { NormLayer } from "./normLayers.ts";
import { sourceLayers } from "./sourceLayers.ts";
import { configurationOf, type LayerConfiguration } from "./targetConfiguration.ts";

/** A value for every layer, or a function from a layer's name in the checkpoint to its value. */
export type PerLayer<T> = T | ((layer: string) => T | undefined);

/** Options of {@link convert}. */
export interface ConvertOptions {
  /** The convention of the checkpoint; `auto`, the default, tells it by the names. */
  readonly from?: Convention | "auto";
  /** The convention to write. */
  readonly to: Convention;
  /**
   * Values per channel in one batch of training, N * H * W, to rescale the running variance where one framework divides
   * by n and the other by n - 1. Without it the variance is copied.
   */
  readonly count?: PerLayer<number>;
  /** What the source's layers were made with, where it is not their framework's default; null is the dtype's epsilon. */
  readonly eps?: PerLayer<number | null>;
  /** As `eps`, in the source's own sense of momentum; null is a cumulative average. */
  readonly momentum?: PerLayer<number | null>;
}

/** What {@link convert} made. */
export interface Conversion {
  readonly from: Convention;
  readonly to: Convention;
  /** What tells `from`. */
  readonly reason: string;
  /** The converted checkpoint; tensors are read from the source when they are asked for. */
  readonly tensors: Checkpoint;
  /** What became different, layer by layer in the order of the file. */
  readonly changes: readonly Change[];
  /** What the target's layers must be made with. */
  readonly configuration: readonly LayerConfiguration[];
  /** What to know that is no change of one tensor. */
  readonly notes: readonly string[];
}

/**
 * A checkpoint in another framework's convention: names, shapes and, where the count is known, the divisor of the running
 * variance of every normalization; with what the target's layers must be made with.
 *
 * Every tensor keeps its dtype, and its bits unless its variance is rescaled. Nothing else in the file is touched:
 * convolution and linear weights keep their names and their axes. The number of batches is kept in the metadata for
 * frameworks that have none, so that a way there and back is the identity.
 *
 * @throws TypeError for an option of the wrong kind; RangeError for a wrong value, for a checkpoint without layers of the
 * convention, with layers of two (where `from` is `auto`), or of two tensors that would get one name
 * @example
 * const file = await openCheckpoint("model.safetensors");
 * const { tensors, configuration } = await convert(file, { to: "keras" });
 * await writeSafetensors("keras.safetensors", lazyTensors(tensors), { metadata: tensors.metadata });
 */
export async function convert(checkpoint: Checkpoint, options: ConvertOptions): Promise<Conversion> {
  const who = "convert";
  const { from: asked, to } = checkedOptions(who, options);
  const { from, reason, layers, notes } = sourceLayers(who, checkpoint, asked);
  const carried = countsOf(checkpoint.metadata);
  const results: (LayerResult & { readonly request: LayerRequest })[] = [];
  for (const layer of layers) {
    const request = await requestOf(who, checkpoint, layer, options, carried ?? new Map());
    results.push({ request, ...convertLayer(who, checkpoint, request) });
  }
  const replaced = new Map<string, readonly [string, LazyTensor][]>();
  for (const { outputs } of results) for (const [key, tensors] of outputs) replaced.set(key, tensors);
  const counts = new Map(results.flatMap(({ carriedCount }) => (carriedCount ? [carriedCount] : [])));
  const metadata = withCounts(checkpoint.metadata, counts);
  const requests = results.map(({ request }) => request);
  return {
    from,
    to,
    reason,
    tensors: checkpointOf(who, assembled(who, checkpoint, replaced), metadata, () => checkpoint.close()),
    changes: results.flatMap(({ changes }) => changes),
    configuration: requests.map(({ layer, name, source }) => configurationOf(layer, name, to, source)),
    notes: [
      ...notes,
      ...(carried === undefined
        ? ["the numbers of batches in the metadata are malformed and are left out"]
        : []),
      ...conversionNotes(checkpoint, from, requests, checkpoint.entries.size - replaced.size),
    ],
  };
}

function checkedOptions(who: string, options: ConvertOptions): { from: Convention | "auto"; to: Convention } {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${who}: expected options with a convention to write, got ${describe(options)}`);
  }
  const { from = "auto", to } = options;
  const known = conventionNames.join(", ");
  if (!isConvention(to))
    throw new RangeError(`${who}: expected to to be one of ${known}, got ${describe(to)}`);
  if (from !== "auto" && !isConvention(from)) {
    throw new RangeError(`${who}: expected from to be auto or one of ${known}, got ${describe(from)}`);
  }
  return { from, to };
}

async function requestOf(
  who: string,
  checkpoint: Checkpoint,
  layer: NormLayer,
  { to, count, eps, momentum }: ConvertOptions,
  carried: BatchCounts,
): Promise<LayerRequest> {
  const { keys, convention, kind, name } = layer;
  const sizes = new Set(
    Object.entries(keys).map(([role, key]) =>
      role === "numBatchesTracked" ? layer.size : sizeOf(checkpoint.entries.get(key)?.shape ?? []),
    ),
  );
  if (sizes.size > 1) {
    throw new RangeError(
      `${who}: layer ${JSON.stringify(name)}: expected tensors of one size, got ${[...sizes].join(" and ")} elements`,
    );
  }
  const rules = conventions[convention];
  const given = valueFor(eps, name);
  return {
    layer,
    to,
    name: targetName(name, to),
    valuesPerChannel: checkedCount(who, name, valueFor(count, name)),
    batches: await batchesOf(checkpoint, layer, carried),
    source: {
      eps: given === undefined ? rules.eps[kind] : checkedNumber(who, "eps", given),
      momentum: checkedNumber(
        who,
        "momentum",
        valueFor(momentum, name) ?? usualMomentum(momentum, name, layer),
      ),
    },
  };
}

/** The default where nothing is given; null where null is. */
function usualMomentum(
  momentum: ConvertOptions["momentum"],
  name: string,
  { convention }: NormLayer,
): number | null {
  return valueFor(momentum, name) === null ? null : conventions[convention].momentum.default;
}

function valueFor<T extends number | null>(value: PerLayer<T> | undefined, layer: string): T | undefined {
  return typeof value === "function" ? value(layer) : value;
}

function checkedNumber(who: string, what: string, value: unknown): number | null {
  if (value === null) return null;
  if (typeof value !== "number") {
    throw new TypeError(`${who}: expected ${what} to be a number or null, got ${describe(value)}`);
  }
  if (value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw new RangeError(`${who}: expected ${what} to be 0 or more, got ${value}`);
}

function checkedCount(who: string, layer: string, count: unknown): number | undefined {
  if (count === undefined) return undefined;
  if (typeof count !== "number") {
    throw new TypeError(`${who}: expected count to be a number, got ${describe(count)}`);
  }
  if (Number.isSafeInteger(count) && count >= 2) return count;
  throw new RangeError(
    `${who}: layer ${JSON.stringify(layer)}: expected a count of 2 or more values per channel, got ${count}`,
  );
}

/** How many batches a layer has seen; null if it is known to have no count, undefined if nothing is known. */
async function batchesOf(
  checkpoint: Checkpoint,
  { keys, name, convention }: NormLayer,
  carried: BatchCounts,
): Promise<bigint | null | undefined> {
  if (convention !== "torch") return carried.get(name);
  if (keys.numBatchesTracked === undefined) return null;
  const { dtype, shape } = checkpoint.entries.get(keys.numBatchesTracked) ?? { dtype: "", shape: [] };
  if (dtype !== "I64" || shape.length > 0) return undefined;
  const { data } = await checkpoint.tensor(keys.numBatchesTracked);
  return BigInt(data[0]);
}

/** A nested name with the target's separator; one that already has it stays, so that the way back finds it. */
function targetName(name: string, to: Convention): string {
  const { separator } = conventions[to];
  const other = separator === "." ? "/" : ".";
  return name.includes(separator) ? name : name.replaceAll(other, separator);
}

/** The tensors in the order of the source, those of layers replaced. */
function assembled(
  who: string,
  checkpoint: Checkpoint,
  replaced: ReadonlyMap<string, readonly [string, LazyTensor][]>,
): Map<string, LazyTensor> {
  const tensors = new Map<string, LazyTensor>();
  const origin = new Map<string, string>();
  for (const [key, { dtype, shape }] of checkpoint.entries) {
    const same: readonly [string, LazyTensor] = [key, { dtype, shape, bytes: () => checkpoint.bytes(key) }];
    for (const [name, tensor] of replaced.get(key) ?? [same]) {
      if (tensors.has(name)) {
        throw new RangeError(
          `${who}: expected different names, got ${JSON.stringify(name)} for ${origin.get(name)} and for ${key}`,
        );
      }
      tensors.set(name, tensor);
      origin.set(name, key);
    }
  }
  return tensors;
}
