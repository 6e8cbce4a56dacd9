import type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
import { findNormLayers, type NormLayer } from "./normLayers.ts";

/** A convolution or linear layer of a checkpoint. */
export interface WeightedLayer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly keys: { readonly weight: string; readonly bias: string | undefined };
}

/** The modules of a checkpoint, by what tells that one follows another. */
export interface Modules {
  readonly layers: ReadonlyMap<string, WeightedLayer>;
  readonly norms: ReadonlyMap<string, NormLayer>;
  /** Names of all modules that hold tensors, in the order of the file. */
  readonly names: readonly string[];
  /** Place of each in {@link Modules.names}. */
  readonly places: ReadonlyMap<string, number>;
  /** Whether the file's order is the network's, and not that of names. */
  readonly isOrdered: boolean;
  /** The layers directly in a module, by the module's name. */
  readonly layersIn: ReadonlyMap<string, readonly WeightedLayer[]>;
  /** The norms directly in a module, by the module's name. */
  readonly normsIn: ReadonlyMap<string, readonly NormLayer[]>;
  /** Layers by {@link labelOf}, the first few of each. */
  readonly labelled: ReadonlyMap<string, readonly WeightedLayer[]>;
}

/** More layers of one label than this tell no more than two would. */
const mostOfOneLabel = 16;

/** The norms, convolutions and linear layers of a checkpoint with PyTorch's or MegEngine's names. */
export function modulesOf({ entries }: Pick<Checkpoint, "entries">): Modules {
  const norms = new Map(findNormLayers({ entries }, "torch").map((norm) => [norm.name, norm]));
  const names = [...new Set([...entries.keys()].map(parentOf))];
  const layers = new Map<string, WeightedLayer>();
  for (const name of names) {
    const [weight, bias] = name === "" ? ["weight", "bias"] : [`${name}.weight`, `${name}.bias`];
    const entry = entries.get(weight);
    if (entry === undefined || norms.has(name)) continue;
    if (entry.shape.length < 2 || entry.shape.length > 5) continue;
    const keys = { weight, bias: entries.has(bias) ? bias : undefined };
    layers.set(name, { name, shape: entry.shape, keys });
  }
  return {
    layers,
    norms,
    names,
    places: new Map(names.map((name, place) => [name, place])),
    isOrdered: !isSortedByName(entries),
    layersIn: grouped(layers.values(), parentOf),
    normsIn: grouped(norms.values(), parentOf),
    labelled: grouped(layers.values(), labelOf, mostOfOneLabel),
  };
}

function grouped<Module extends { readonly name: string }>(
  modules: Iterable<Module>,
  keyOf: (name: string) => string,
  most = Number.POSITIVE_INFINITY,
): Map<string, Module[]> {
  const groups = new Map<string, Module[]>();
  for (const module of modules) {
    const key = keyOf(module.name);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [module]);
    else if (group.length < most) group.push(module);
  }
  return groups;
}

const kindWords =
  /sync_?bn|batch_?norm(_?[123]d)?|bn|norm|conv(olution)?(_?transpose)?(_?[123]d)?|linear|dense|fc|lin|[_-]/gi;

/** A name without the words for its kind: `layer1.0.1` of `layer1.0.conv1` and of `layer1.0.bn1`. */
export function labelOf(name: string): string {
  return name.replaceAll(kindWords, "");
}

/** What comes before the last point of a name: `layer1.0` of `layer1.0.bn1`. */
export function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf(".")));
}

/** The last part of a nested name. */
export function childOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** Whether a tensor's dtype is one that is computed with. */
export function isComputable({ dtype }: CheckpointEntry): boolean {
  return dtype === "F64" || dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

/**
 * Whether the keys of each dtype are sorted, as the safetensors library writes them; in the order of a network, a
 * norm's weight comes before its bias.
 */
function isSortedByName(entries: ReadonlyMap<string, CheckpointEntry>): boolean {
  const last = new Map<string, string>();
  for (const [key, { dtype }] of entries) {
    const before = last.get(dtype);
    if (before !== undefined && before > key) return false;
    last.set(dtype, key);
  }
  return true;
}
