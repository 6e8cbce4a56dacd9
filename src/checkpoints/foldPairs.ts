import { childOf, labelOf, type Modules, parentOf, type WeightedLayer } from "./foldModules.ts";
import type { NormLayer } from "./normLayers.ts";

/**
 * What tells that a norm follows a layer: the caller; neighbouring indices of a Sequential; neighbours in a file that is
 * in the network's order; the same number in their names; or that their module holds no other layer.
 */
export type FoundBy = "given" | "index" | "order" | "name" | "only";

/** A norm and the layer that it can be folded into, or why there is none. */
export type PairFinding =
  | { readonly norm: NormLayer; readonly layer: WeightedLayer; readonly foundBy: FoundBy }
  | { readonly norm: NormLayer; readonly layer: WeightedLayer | null; readonly reason: string };

/** Whether a layer has as many output channels as a norm. */
export type Fits = (layer: WeightedLayer, norm: NormLayer) => boolean;

/** The checkpoint's modules, and what has been found out about each group of them. */
interface Search extends Modules {
  readonly fits: Fits;
  readonly memo: Map<string, unknown>;
}

const sayPair = "name the pair";

/**
 * For each norm of a checkpoint the layer before it, as far as names, order and channel counts tell; where they leave a
 * doubt, the reason. An activation between the two cannot be seen, other than as a gap in a Sequential's indices.
 */
export function findPairs(modules: Modules, fits: Fits): PairFinding[] {
  const search: Search = { ...modules, fits, memo: new Map() };
  const findings = [...modules.norms.values()].map((norm) => findingOf(search, norm));
  return eachLayerOnce(modules.isOrdered ? findings : withoutPreActivation(findings));
}

/** Why a norm can be folded into no layer; undefined if it can. */
export function notFoldable({ kind, keys }: NormLayer): string | undefined {
  if (kind === "InstanceNorm" && keys.runningMean !== undefined) {
    return "InstanceNorm takes its statistics from each sample, and running ones in eval alone: it is not folded";
  }
  if (kind !== "BatchNorm") {
    return `${kind} takes its statistics from each input: there is nothing constant to fold`;
  }
  if (keys.runningMean === undefined || keys.runningVar === undefined) {
    return "it has no running statistics: there is nothing constant to fold";
  }
  return undefined;
}

function findingOf(search: Search, norm: NormLayer): PairFinding {
  const refusal = notFoldable(norm);
  if (refusal !== undefined) return { norm, layer: null, reason: refusal };
  if (/^\d+$/.test(childOf(norm.name)) && search.layersIn.has(parentOf(norm.name))) {
    return byIndex(search, norm);
  }
  if (search.isOrdered && isScopeInOrder(search, parentOf(norm.name))) return byOrder(search, norm);
  return byName(search, norm) ?? byPlace(search, norm);
}

/** The layer that a Sequential calls just before: `features.3` of `features.4`. */
function byIndex(search: Search, norm: NormLayer): PairFinding {
  const child = childOf(norm.name);
  const before = `${norm.name.slice(0, norm.name.length - child.length)}${Number(child) - 1}`;
  const layer = search.layers.get(before);
  if (layer !== undefined) return checked(search, norm, layer, "index");
  const reason = `${before} is no convolution or linear layer: an activation may stand between; ${sayPair}`;
  return { norm, layer: null, reason };
}

/** The layer directly before a norm in the file, of the same module and of its size. */
function previous({ names, places, layers, fits }: Search, norm: NormLayer): WeightedLayer | undefined {
  const layer = layers.get(names[(places.get(norm.name) as number) - 1]);
  const isBeside = layer !== undefined && parentOf(layer.name) === parentOf(norm.name);
  return isBeside && fits(layer, norm) ? layer : undefined;
}

/** Whether each batch norm of a module comes directly after a layer of its size: not so where all layers come first. */
function isScopeInOrder(search: Search, scope: string): boolean {
  return once(search, `order of ${scope}`, () =>
    foldableIn(search, scope).every((norm) => previous(search, norm) !== undefined),
  );
}

function byOrder(search: Search, norm: NormLayer): PairFinding {
  const layer = previous(search, norm) as WeightedLayer;
  const rival = namesakes(search, norm).find(
    (each) => each !== layer && comesBefore(search, each, norm) && !hasItsOwnNorm(search, each),
  );
  if (rival === undefined) return { norm, layer, foundBy: "order" };
  const reason = `by the order of the file it follows ${layer.name}, by its name ${rival.name}; ${sayPair}`;
  return { norm, layer: null, reason };
}

function comesBefore({ places }: Search, layer: WeightedLayer, norm: NormLayer): boolean {
  return (places.get(layer.name) as number) < (places.get(norm.name) as number);
}

/** Whether a norm of the layer's channels comes directly after it. */
function hasItsOwnNorm(search: Search, layer: WeightedLayer): boolean {
  const after = search.norms.get(search.names[(search.places.get(layer.name) as number) + 1]);
  return after !== undefined && previous(search, after) === layer;
}

/** Undefined if no layer has the norm's number. */
function byName(search: Search, norm: NormLayer): PairFinding | undefined {
  const [alike] = search.labelled.get(labelOf(norm.name)) ?? [];
  if (alike === undefined) return undefined;
  const [layer, other] = namesakes(search, norm);
  if (layer === undefined) return checked(search, norm, alike, "name");
  if (other !== undefined) {
    return {
      norm,
      layer: null,
      reason: `by its name it follows ${layer.name} or ${other.name}; ${sayPair}`,
    };
  }
  if (search.isOrdered && !comesBefore(search, layer, norm)) {
    return { norm, layer, reason: `${layer.name} has its number but comes after it in the file; ${sayPair}` };
  }
  const scopes = [parentOf(layer.name), parentOf(norm.name)] as const;
  const doubt = once(search, `numbers of ${scopes.join(" and ")}`, () => doubtOfNumbers(search, ...scopes));
  return doubt === undefined ? { norm, layer, foundBy: "name" } : { norm, layer, reason: doubt };
}

/** Why the numbers in the names of a module do not tell; undefined if they do. */
function doubtOfNumbers(search: Search, layerScope: string, normScope: string): string | undefined {
  const layers = search.layersIn.get(layerScope) ?? [];
  const norms = foldableIn(search, normScope);
  const layerLabels = new Set(layers.map(({ name }) => labelOf(name)));
  const odd = norms.find(({ name }) => !layerLabels.has(labelOf(name)));
  if (odd !== undefined)
    return `${odd.name} has no layer of its number, so that numbers do not tell; ${sayPair}`;
  if (search.isOrdered) return undefined;
  const normLabels = new Set(norms.map(({ name }) => labelOf(name)));
  const bare = layers.find(({ name, shape }) => shape.length > 2 && !normLabels.has(labelOf(name)));
  if (bare === undefined) return undefined;
  return `${bare.name} has no norm of its number, and the file is sorted by name: neither tells; ${sayPair}`;
}

/** The last resort: a module with one layer and one norm. */
function byPlace(search: Search, norm: NormLayer): PairFinding {
  const scope = parentOf(norm.name);
  const layers = search.layersIn.get(scope) ?? [];
  const isAlone = layers.length === 1 && search.normsIn.get(scope)?.length === 1;
  if (isAlone && (!search.isOrdered || comesBefore(search, layers[0], norm))) {
    return checked(search, norm, layers[0], "only");
  }
  const sorted = search.isOrdered ? "" : ", and the file is sorted by name";
  return { norm, layer: null, reason: `no name tells which layer comes before it${sorted}; ${sayPair}` };
}

function checked({ fits }: Search, norm: NormLayer, layer: WeightedLayer, foundBy: FoundBy): PairFinding {
  if (fits(layer, norm)) return { norm, layer, foundBy };
  const reason =
    `it has ${norm.size} channels, the weight of ${layer.name} has shape (${layer.shape.join(", ")}); ` +
    "a transposed convolution must be named as one";
  return { norm, layer, reason };
}

/** The layers of a norm's number and size. */
function namesakes({ labelled, fits }: Search, norm: NormLayer): WeightedLayer[] {
  return (labelled.get(labelOf(norm.name)) ?? []).filter((layer) => fits(layer, norm));
}

function foldableIn({ normsIn }: Search, scope: string): NormLayer[] {
  return (normsIn.get(scope) ?? []).filter((norm) => notFoldable(norm) === undefined);
}

function once<Result>({ memo }: Search, key: string, compute: () => Result): Result {
  if (!memo.has(key)) memo.set(key, compute());
  return memo.get(key) as Result;
}

/**
 * In a file sorted by name, a norm with the input channels of its namesake shows a network whose norms come first; then
 * no name tells.
 */
function withoutPreActivation(findings: readonly PairFinding[]): readonly PairFinding[] {
  const sign = findings.find(
    ({ norm, layer, ...rest }) =>
      "reason" in rest &&
      layer !== null &&
      labelOf(layer.name) === labelOf(norm.name) &&
      norm.size === layer.shape[1] &&
      norm.size !== layer.shape[0],
  );
  if (sign === undefined) return findings;
  const reason =
    `${sign.norm.name} has the input channels of ${sign.layer?.name}: the norms of this network may come before the ` +
    `layers of their number; ${sayPair}`;
  return findings.map((finding) => {
    if ("reason" in finding || finding.foundBy === "index") return finding;
    return { norm: finding.norm, layer: finding.layer, reason };
  });
}

function eachLayerOnce(findings: readonly PairFinding[]): PairFinding[] {
  const first = new Map<WeightedLayer, NormLayer>();
  const shared = new Set<WeightedLayer>();
  for (const finding of findings) {
    if ("reason" in finding) continue;
    if (first.has(finding.layer)) shared.add(finding.layer);
    else first.set(finding.layer, finding.norm);
  }
  return findings.map((finding) => {
    if ("reason" in finding || !shared.has(finding.layer)) return finding;
    const { norm, layer } = finding;
    return { norm, layer, reason: `more than one norm may follow ${layer.name}; ${sayPair}` };
  });
}
