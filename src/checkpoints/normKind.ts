import type { Convention, NormKind } from "./conventions.ts";

/** What tells the kind of a layer: tensors that only it has, its own name, or only how common the kind is. */
export type KindBy = "keys" | "name" | "guess";

/** What a layer holds, as far as its kind depends on it. */
export interface KindClues {
  readonly name: string;
  readonly convention: Convention;
  readonly hasStatistics: boolean;
  readonly hasBias: boolean;
  /** Number of axes of the weight and bias; undefined if there are none. */
  readonly parameterRank: number | undefined;
}

/** The kind of a normalization, and what tells it. */
export function kindOf(clues: KindClues): { readonly kind: NormKind; readonly kindBy: KindBy } {
  const named = kindInName(clues.name);
  if (clues.hasStatistics) {
    if (named === "BatchNorm" || named === "InstanceNorm") return { kind: named, kindBy: "name" };
    // PyTorch's instance norm alone may have running statistics.
    return { kind: "BatchNorm", kindBy: clues.convention === "torch" ? "guess" : "keys" };
  }
  if ((clues.parameterRank ?? 1) > 1) {
    const rms = named === "RMSNorm" && !clues.hasBias;
    return rms ? { kind: "RMSNorm", kindBy: "name" } : { kind: "LayerNorm", kindBy: "keys" };
  }
  if (named !== undefined && !(named === "RMSNorm" && clues.hasBias)) return { kind: named, kindBy: "name" };
  return { kind: clues.hasBias ? "LayerNorm" : "RMSNorm", kindBy: "guess" };
}

const spelledOut: readonly (readonly [part: string, kind: NormKind])[] = [
  ["batchnorm", "BatchNorm"],
  ["instancenorm", "InstanceNorm"],
  ["groupnorm", "GroupNorm"],
  ["layernorm", "LayerNorm"],
  ["rmsnorm", "RMSNorm"],
];

const abbreviated: Readonly<Record<string, NormKind>> = {
  bn: "BatchNorm",
  syncbn: "BatchNorm",
  inorm: "InstanceNorm",
  gn: "GroupNorm",
  ln: "LayerNorm",
  rms: "RMSNorm",
};

/**
 * The kind that a layer's own name says: `bn1`, `BatchNorm_0`, `layer_norm`, `ln_f`, `in4`; for a number, as in
 * `bns.0`, what the name before it says.
 */
export function kindInName(name: string): NormKind | undefined {
  const own = ownName(name);
  const joined = own.toLowerCase().replaceAll(/[_-]/g, "");
  const spelled = spelledOut.find(([part]) => joined.includes(part));
  if (spelled !== undefined) return spelled[1];
  for (const word of wordsOf(own)) {
    const short = word.replace(/s$/, "");
    if (Object.hasOwn(abbreviated, word)) return abbreviated[word];
    if (Object.hasOwn(abbreviated, short)) return abbreviated[short];
  }
  return /^in\d+$/.test(own) ? "InstanceNorm" : undefined;
}

/** Whether a layer's own name says that it is a normalization of some kind. */
export function saysNorm(name: string): boolean {
  return kindInName(name) !== undefined || /norm/i.test(ownName(name));
}

/** The last part of a nested name that is not a number. */
function ownName(name: string): string {
  return name.split(/[./]/).findLast((part) => !/^\d*$/.test(part)) ?? "";
}

/** Lower-case words without digits: `preBN_2` is pre, bn. */
function wordsOf(own: string): string[] {
  return own
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== "");
}
