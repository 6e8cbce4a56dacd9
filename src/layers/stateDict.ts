import { castArray } from "../tensor/cast.ts";
import type { DType, TypedArray } from "../tensor/dtype.ts";
import { describe, sameShape, shapeText } from "../tensor/shape.ts";
import { Tensor, type TensorLike, wrap } from "../tensor/tensor.ts";

/** Tensors by PyTorch's names: `weight`, `bias`, `running_mean`, `running_var`, `num_batches_tracked`. */
export type StateDict = Record<string, Tensor<DType>>;

/** What {@link Layer.loadStateDict} reads: an object or a map of tensors. */
export type StateDictLike = Readonly<Record<string, TensorLike>> | ReadonlyMap<string, TensorLike>;

/** Options of {@link Layer.loadStateDict}. */
export interface LoadOptions {
  /** Text before each of the layer's keys, such as `layer1.0.bn1.`. Default none. */
  readonly prefix?: string;
  /** Whether missing and unexpected keys are an error. Default true. */
  readonly strict?: boolean;
}

/** Keys that a non-strict load passed over, without their prefix. */
export interface LoadResult {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
}

/** One tensor of a layer's state, and the shapes in which a dict may hold it. */
export interface StateEntry {
  readonly key: string;
  readonly value: { readonly dtype: DType; readonly shape: readonly number[]; readonly data: TypedArray };
  /** Whether a dict without it loads, the layer keeping its own. */
  readonly optional?: boolean;
  /** Whether this shape is accepted besides the entry's own. */
  readonly accepts?: (shape: readonly number[]) => boolean;
}

/** Version of the batch-norm state dict that holds `num_batches_tracked`. */
const stateDictVersion = 2;

/** Copies of the entries, under `prefix`; the version is a hidden `_metadata`, as in PyTorch. */
export function stateDictOf(entries: readonly StateEntry[], prefix: string): StateDict {
  const dict: StateDict = {};
  for (const { key, value } of entries) {
    dict[prefix + key] = new Tensor(value.dtype, [...value.shape], value.data.slice() as TypedArray);
  }
  const metadata = { [prefix.replace(/\.$/, "")]: { version: stateDictVersion } };
  Object.defineProperty(dict, "_metadata", { value: metadata, enumerable: false });
  return dict;
}

/** Version that a dict says for the layer at `prefix`; undefined where it says none. */
export function versionOf(dict: StateDictLike, prefix: string): number | undefined {
  const { _metadata } = dict as { _metadata?: Record<string, { version?: number }> };
  return _metadata?.[prefix.replace(/\.$/, "")]?.version;
}

/**
 * Copies a dict's tensors into the entries, converted to their dtypes; nothing is written unless all of them fit.
 *
 * @throws TypeError if `dict` is no dict of tensors; RangeError naming every missing and unexpected key and every size mismatch
 */
export function loadStateDict(
  who: string,
  entries: readonly StateEntry[],
  dict: StateDictLike,
  { prefix = "", strict = true }: LoadOptions,
): LoadResult {
  const given = entriesUnder(who, dict, prefix);
  const known = new Set(entries.map(({ key }) => key));
  const missingKeys = entries
    .filter(({ key, optional }) => !optional && !given.has(key))
    .map(({ key }) => key);
  const unexpectedKeys = [...given.keys()].filter((key) => !known.has(key));
  const problems: string[] = [];
  if (strict && missingKeys.length > 0) {
    problems.push(`Missing key(s) in state_dict: ${quoted(missingKeys, prefix)}.`);
  }
  if (strict && unexpectedKeys.length > 0) {
    problems.push(`Unexpected key(s) in state_dict: ${quoted(unexpectedKeys, prefix)}.`);
  }
  const copies: (() => void)[] = [];
  for (const { key, value, accepts } of entries) {
    const source = given.get(key);
    if (source === undefined) continue;
    const seen = wrap(who, prefix + key, source);
    if (!sameShape(seen.shape, value.shape) && !accepts?.(seen.shape)) {
      problems.push(
        `size mismatch for ${prefix}${key}: copying a param with shape ${shapeText(seen.shape)} from checkpoint, ` +
          `the shape in current model is ${shapeText(value.shape)}.`,
      );
      continue;
    }
    const converted = seen.dtype === value.dtype ? seen.data : castArray(seen.data, seen.dtype, value.dtype);
    copies.push(() => (value.data as Float64Array).set(converted as Float64Array));
  }
  if (problems.length > 0) {
    throw new RangeError(`Error(s) in loading state_dict for ${who}:\n\t${problems.join("\n\t")}`);
  }
  for (const copy of copies) copy();
  return { missingKeys, unexpectedKeys };
}

/** The dict's tensors whose key starts with `prefix`, by the rest of the key. */
export function entriesUnder(who: string, dict: StateDictLike, prefix: string): Map<string, TensorLike> {
  if (typeof dict !== "object" || dict === null) {
    throw new TypeError(
      `${who}: expected a state dict (an object or a Map of tensors), got ${describe(dict)}`,
    );
  }
  const all = dict instanceof Map ? [...dict.entries()] : Object.entries(dict as Record<string, TensorLike>);
  return new Map(
    all.filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
  );
}

function quoted(keys: readonly string[], prefix: string): string {
  return keys.map((key) => JSON.stringify(prefix + key)).join(", ");
}
