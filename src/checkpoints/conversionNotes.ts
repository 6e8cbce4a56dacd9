import type { Checkpoint } from "./checkpoint.ts";
import { type Convention, conventions } from "./conventions.ts";
import { hasStatistics, type LayerRequest, lacksTwin } from "./convertLayer.ts";
import type { NormLayer } from "./normLayers.ts";
import { targetKind } from "./targetConfiguration.ts";

/** What a user must know that no single change says. */
export function conversionNotes(
  checkpoint: Checkpoint,
  from: Convention,
  requests: readonly LayerRequest[],
  copied: number,
): string[] {
  const layers = requests.map(({ layer }) => layer);
  const to = requests[0]?.to ?? from;
  return [
    "eps and momentum are not in the file: " +
      `where none is given, ${conventions[from].title}'s defaults stand for the source's`,
    ...varianceNotes(from, to, requests),
    ...mlxNotes(from, to, layers),
    ...frozenNotes(from, layers),
    ...momentumNotes(to, requests),
    ...groupNotes(layers),
    ...twinNotes(to, layers),
    ...layoutNotes(from, to),
    ...layerNormNotes(from, to, layers),
    ...instanceNormNotes(to, layers),
    ...(to === "megengine" && layers.some(({ kind }) => kind === "RMSNorm")
      ? ["MegEngine has no RMSNorm; its tensors keep PyTorch's names"]
      : []),
    ...copiedNotes(from, to, copied),
    ...(checkpoint.metadata.get("format") === "pt" && to !== "torch"
      ? ["the metadata still says format: pt, which some loaders read"]
      : []),
  ];
}

const tracked = ({ keys }: NormLayer): boolean => keys.runningVar !== undefined;

function varianceNotes(from: Convention, to: Convention, requests: readonly LayerRequest[]): string[] {
  const { ddof, title } = conventions[from];
  const wanted = conventions[to];
  const withVariance = requests.filter(({ layer }) => tracked(layer));
  if (withVariance.length === 0) return [];
  const rescaled = withVariance.filter(({ valuesPerChannel }) => valuesPerChannel !== undefined);
  if (ddof === wanted.ddof) {
    return rescaled.length > 0 ? ["the count is not used: both divide the running variance alike"] : [];
  }
  const divisor = (value: 0 | 1): string => (value === 1 ? "n - 1" : "n");
  const notes: string[] = [];
  if (rescaled.length < withVariance.length) {
    notes.push(
      `${title} divides the running variance by ${divisor(ddof)}, ${wanted.title} by ${divisor(wanted.ddof)}; ` +
        "it is copied as it is, which is right for inference. To rescale it, say the count of values per channel",
    );
  }
  if (rescaled.length > 0) {
    notes.push(
      "the rescaled variance is exact only if every batch had that count: a running average mixes batches, and its " +
        "first value 1",
    );
  }
  return notes;
}

function mlxNotes(from: Convention, to: Convention, layers: readonly NormLayer[]): string[] {
  return (from === "mlx") !== (to === "mlx") && layers.some(tracked)
    ? ["MLX divided the running variance by n before July 2026, and divides it by n - 1 since"]
    : [];
}

function frozenNotes(from: Convention, layers: readonly NormLayer[]): string[] {
  const bare = layers.filter((layer) => tracked(layer) && layer.keys.numBatchesTracked === undefined);
  if (from !== "torch" || bare.length === 0) return [];
  return [
    `${nameSome(bare)}: no num_batches_tracked; if this is torchvision's FrozenBatchNorm2d its eps may be 0 ` +
      "(before 0.9, and in its pretrained detection models since), which only you can tell: say eps",
  ];
}

function momentumNotes(to: Convention, requests: readonly LayerRequest[]): string[] {
  const cumulative = requests.filter(({ layer, source }) => tracked(layer) && source.momentum === null);
  if (to === "torch" || cumulative.length === 0) return [];
  const names = nameSome(cumulative.map(({ layer }) => layer));
  return [`${names}: ${conventions[to].title} has no cumulative average (momentum None); choose a momentum`];
}

function groupNotes(layers: readonly NormLayer[]): string[] {
  const groups = layers.filter(({ kind }) => kind === "GroupNorm");
  return groups.length > 0 ? [`${nameSome(groups)}: the file does not say the number of groups`] : [];
}

/** A kind that only the name tells is too little to add a tensor for. */
function twinNotes(to: Convention, layers: readonly NormLayer[]): string[] {
  const alone = layers.filter((layer) => lacksTwin(layer, to) && !hasStatistics(layer));
  if (alone.length === 0) return [];
  return [
    `${nameSome(alone)}: weight or bias alone; ${conventions[to].title} has both or neither: give it ones for the ` +
      "weight, zeros for the bias",
  ];
}

function layerNormNotes(from: Convention, to: Convention, layers: readonly NormLayer[]): string[] {
  const notes: string[] = [];
  const wide = layers.filter(({ shape, ...layer }) => shape.length > 1 && !tracked(layer as NormLayer));
  if (wide.length > 0 && conventions[from].layout !== conventions[to].layout) {
    notes.push(
      `${nameSome(wide)}: weight and bias keep the order of their axes; transpose them if the channels move to ` +
        "another axis",
    );
  }
  if (wide.length > 0 && to === "mlx") notes.push(`${nameSome(wide)}: MLX normalizes the last axis only`);
  const bare = layers.filter(({ kind, keys }) => kind === "LayerNorm" && keys.bias === undefined);
  if (bare.length > 0 && to === "megengine") {
    notes.push(`${nameSome(bare)}: MegEngine's LayerNorm always has a bias; give it zeros`);
  }
  return notes;
}

function instanceNormNotes(to: Convention, layers: readonly NormLayer[]): string[] {
  const tracking = layers.filter((layer) => targetKind(layer, to) !== layer.kind);
  if (tracking.length === 0) return [];
  return [
    `${nameSome(tracking)}: an instance norm with running statistics, which ${conventions[to].title} does not have; ` +
      "a batch norm computes the same by them in inference, but not in training",
  ];
}

function layoutNotes(from: Convention, to: Convention): string[] {
  const { layout, title } = conventions[to];
  if (layout === conventions[from].layout) return [];
  return [
    `${conventions[from].title} is ${conventions[from].layout}, ${title} ${layout} unless told otherwise`,
  ];
}

function copiedNotes(from: Convention, to: Convention, copied: number): string[] {
  if (copied === 0) return [];
  const before = conventions[from].weights;
  const after = conventions[to].weights;
  const same = before.convolution === after.convolution && before.linear === after.linear;
  const axes =
    `convolutions are ${before.convolution} in ${conventions[from].title} and ${after.convolution} in ` +
    `${conventions[to].title}, linear layers ${before.linear} and ${after.linear}`;
  return [
    `${copied} other ${copied === 1 ? "tensor is" : "tensors are"} copied, names and axes as they are${same ? "" : `; ${axes}`}`,
  ];
}

/** The names of layers, or the first and how many more. */
function nameSome(layers: readonly NormLayer[]): string {
  const [first, ...others] = layers.map(({ name }) => name || "the layer");
  return others.length > 2 ? `${first} and ${others.length} more` : [first, ...others].join(", ");
}
