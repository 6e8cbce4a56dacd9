import { finiteNumber, integerFrom } from "../functional/checks.ts";
import { describe } from "../tensor/shape.ts";
import type { FoldLayout } from "./foldBatchNorm.ts";
import type { Modules, WeightedLayer } from "./foldModules.ts";
import { notFoldable, type PairFinding } from "./foldPairs.ts";
import type { NormLayer } from "./normLayers.ts";

/** Options of {@link fold}. */
export interface FoldOptions {
  /** The pairs to fold, `layer:norm` as in `conv4:bn2`. Default: all that names and order tell. */
  readonly pairs?: readonly string[] | undefined;
  /** eps of every norm, or of each by its name; a checkpoint does not hold it. Default 1e-5. */
  readonly eps?: number | Readonly<Record<string, number>> | undefined;
  /** Names of the transposed convolutions, whose output channels are dim 1. Default none. */
  readonly transposed?: readonly string[] | undefined;
  /** Groups of transposed convolutions by their names. Default: what the channels of the norm tell. */
  readonly groups?: Readonly<Record<string, number>> | undefined;
}

/** eps of PyTorch's and MegEngine's batch normalization unless told otherwise. */
const defaultEps = 1e-5;

const who = "fold";

/**
 * How each layer's weight is laid out.
 *
 * @throws TypeError or RangeError if a name is no layer's, or a number of groups is none
 */
export function layoutsFrom(
  { layers }: Modules,
  { transposed = [], groups = {} }: FoldOptions,
): (layer: WeightedLayer, norm: NormLayer) => FoldLayout & { readonly groups: number } {
  checkList("transposed", transposed);
  const groupsOf = recordOf("groups", groups);
  for (const [name, count] of groupsOf) integerFrom(who, `groups of ${name}`, count, 1);
  for (const name of [...transposed, ...groupsOf.keys()]) layerNamed(layers, name);
  return ({ name, shape }, norm) => {
    if (shape.length === 2) return { kind: "linear", groups: groupsOf.get(name) ?? 1 };
    if (!transposed.includes(name)) return { kind: "conv", groups: groupsOf.get(name) ?? 1 };
    // A transposed convolution's weight has the output channels of one group.
    const told = groupsOf.get(name) ?? Math.max(1, Math.floor(norm.size / Math.max(1, shape[1])));
    return { kind: "convTranspose", groups: told };
  };
}

/** Whether a layer has as many output channels as a norm. */
export function fits(
  { shape }: WeightedLayer,
  { size }: NormLayer,
  { kind, groups = 1 }: FoldLayout,
): boolean {
  return kind === "convTranspose" ? shape[1] * groups === size && shape[0] % groups === 0 : shape[0] === size;
}

/**
 * eps of each norm, and whether the caller said it.
 *
 * @throws TypeError or RangeError if a name is no norm's, or an eps is no number
 */
export function epsFrom(
  { norms }: Modules,
  eps: FoldOptions["eps"] = {},
): (norm: NormLayer) => { readonly eps: number; readonly isEpsGiven: boolean } {
  if (typeof eps === "number") {
    const same = finiteNumber(who, "eps", eps);
    return () => ({ eps: same, isEpsGiven: true });
  }
  const epsOf = recordOf("eps", eps);
  for (const [name, value] of epsOf) {
    if (!norms.has(name)) throw unknown("norm", name, norms.keys());
    finiteNumber(who, `eps of ${name}`, value);
  }
  return ({ name }) => ({ eps: epsOf.get(name) ?? defaultEps, isEpsGiven: epsOf.has(name) });
}

/**
 * The pairs that the caller names.
 *
 * @throws TypeError if they are no list of text; RangeError if one is not `layer:norm` of the checkpoint
 */
export function givenPairs({ layers, norms }: Modules, pairs: readonly string[]): PairFinding[] {
  checkList("pairs", pairs);
  const used = new Set<string>();
  return pairs.map((pair) => {
    const [before, after, ...more] = pair.split(":");
    if (after === undefined || more.length > 0) {
      throw new RangeError(`${who}: expected a pair "layer:norm", got ${describe(pair)}`);
    }
    const layer = layerNamed(layers, before);
    const norm = norms.get(after);
    if (norm === undefined) throw unknown("norm", after, norms.keys());
    const isTaken = used.has(before) || used.has(`:${after}`);
    used.add(before).add(`:${after}`);
    const reason = isTaken ? "another pair has one of the two already" : notFoldable(norm);
    return reason === undefined ? { norm, layer, foundBy: "given" } : { norm, layer, reason };
  });
}

function layerNamed(layers: ReadonlyMap<string, WeightedLayer>, name: string): WeightedLayer {
  const layer = layers.get(name);
  if (layer === undefined) throw unknown("convolution or linear layer", name, layers.keys());
  return layer;
}

function unknown(what: string, name: string, known: Iterable<string>): RangeError {
  const names = [...known];
  const more = names.length > 12 ? `, ... (${names.length})` : "";
  const listed = names.slice(0, 12).join(", ") + more;
  return new RangeError(
    `${who}: expected the name of a ${what}, ${listed || "of which there is none"}, got ${describe(name)}`,
  );
}

function checkList(name: string, values: readonly string[]): void {
  if (!Array.isArray(values) || !values.every((value) => typeof value === "string")) {
    throw new TypeError(`${who}: expected ${name} to be a list of names, got ${describe(values)}`);
  }
}

function recordOf(name: string, values: Readonly<Record<string, number>>): Map<string, number> {
  if (typeof values !== "object" || values === null) {
    throw new TypeError(
      `${who}: expected ${name} to be an object of numbers by name, got ${describe(values)}`,
    );
  }
  return new Map(Object.entries(values));
}
