import type { Candidate } from "./candidate.ts";
import type { Descriptor } from "./partitions.ts";
import type { AffineKind } from "./result.ts";

/** A candidate under one of its names. */
export interface Named {
  readonly op: string;
  readonly aliases: readonly string[];
  readonly descriptor: Descriptor;
  readonly affine: AffineKind;
  readonly channelsLast: boolean;
  /** Lower is plainer. */
  readonly order: number;
}

const sameAxes = (a: readonly number[], b: readonly number[]): boolean => a.join() === b.join();

/** Every way to say a candidate that is the same function of arrays of this shape, the plainest first. */
export function namesOf(candidate: Candidate, shape: readonly number[]): Named[] {
  if (candidate.local !== undefined) {
    const { axis } = candidate.local;
    const descriptor = { reducedAxes: [axis], groups: 1, groupAxis: null };
    const channelsLast = axis === shape.length - 1 && axis !== 1;
    return [{ op: "LocalResponseNorm", aliases: [], descriptor, affine: "none", channelsLast, order: 0 }];
  }
  if (candidate.partition === null) return fixedNames(candidate, shape);
  const named = candidate.partition.descriptors.flatMap((descriptor) =>
    affineKindsOf(candidate, descriptor, shape).map((affine) => nameOf(candidate, descriptor, affine, shape)),
  );
  return named.sort((a, b) => a.order - b.order);
}

function fixedNames(candidate: Candidate, shape: readonly number[]): Named[] {
  const every = shape.map((_, axis) => axis);
  const { affineAxes } = candidate;
  if (candidate.freedom === 0) {
    const descriptor = { reducedAxes: [], groups: 1, groupAxis: null };
    return [{ op: "Identity", aliases: [], descriptor, affine: "none", channelsLast: false, order: 0 }];
  }
  const effective = affineAxes.filter((axis) => shape[axis] > 1);
  const isChannel = effective.every((axis) => axis === 1) && shape.length > 1;
  const isLast = effective.every((axis) => axis === shape.length - 1);
  const kinds: AffineKind[] = isChannel
    ? ["channel", "none"]
    : isLast
      ? ["last", "channel", "none"]
      : ["element"];
  if (isChannel && isLast) kinds.push("last");
  const descriptor = {
    reducedAxes: every.filter((axis) => !affineAxes.includes(axis)),
    groups: 1,
    groupAxis: null,
  };
  const isNorm = affineAxes.length === 1 && shape.length > 1;
  return kinds.map((affine, order) => ({
    op: isNorm ? `BatchNorm${dimensions(shape)}` : "Affine",
    aliases: isNorm
      ? ["Affine", ...(shape.length > 2 ? [`InstanceNorm${dimensions(shape)} (eval)`] : [])]
      : [],
    descriptor,
    affine,
    channelsLast: isLast && !isChannel,
    order,
  }));
}

function affineKindsOf(
  { hasAffine, affineAxes }: Candidate,
  { reducedAxes }: Descriptor,
  shape: readonly number[],
): AffineKind[] {
  if (!hasAffine) return ["none"];
  const last = shape.length - 1;
  const isOver = (axes: readonly number[]): boolean =>
    sameAxes(
      affineAxes.filter((axis) => shape[axis] > 1),
      axes.filter((axis) => shape[axis] > 1),
    );
  const kinds: AffineKind[] = [];
  if (shape.length > 1 && isOver([1])) kinds.push("channel");
  if (isOver([last])) kinds.push("last");
  if (isOver([last]) && !kinds.includes("channel") && !reducedAxes.includes(last)) kinds.push("channel");
  const inner = shape.map((_, axis) => axis).slice(1);
  if (isOver(reducedAxes) || isOver(inner)) kinds.push("element");
  return kinds;
}

function dimensions(shape: readonly number[]): string {
  return `${Math.max(1, shape.length - 2)}d`;
}

function nameOf(
  { kind }: Candidate,
  descriptor: Descriptor,
  affine: AffineKind,
  shape: readonly number[],
): Named {
  const { reducedAxes, groups, groupAxis } = descriptor;
  const rank = shape.length;
  const every = shape.map((_, axis) => axis);
  const is = (axes: readonly number[]): boolean => groups === 1 && sameAxes(reducedAxes, axes);
  const isTrailing = groups === 1 && sameAxes(reducedAxes, every.slice(-reducedAxes.length));
  const named = (op: string, order: number, channelsLast = false, aliases: string[] = []): Named => ({
    op,
    order: order + (affine === "element" ? 0.2 : affine === "last" ? 0.1 : 0),
    descriptor,
    affine,
    channelsLast,
    aliases,
  });
  if (kind === "l2") return named("L2Normalize", reducedAxes.length === 1 ? 0 : 1);
  if (kind === "rms") return isTrailing ? named("RMSNorm", 1) : named("RMS", 6);
  const isNormalized =
    affine === "none" || affine === "element" || (affine === "last" && reducedAxes.length === 1);
  if (rank >= 2 && is(every.filter((axis) => axis !== 1)) && affine !== "element") {
    return named(`BatchNorm${dimensions(shape)}`, 0);
  }
  if (rank >= 3 && is(every.slice(2)) && affine !== "element")
    return named(`InstanceNorm${dimensions(shape)}`, 1, false, groupNormAlias(shape));
  if (isTrailing && reducedAxes.length < rank && isNormalized) {
    const isAll = reducedAxes.length === rank - 1 && rank > 1 && affine === "none";
    return named("LayerNorm", 2, false, isAll ? ["GroupNorm(1)"] : []);
  }
  if (rank >= 2 && groupAxis === 1 && sameAxes(reducedAxes, every.slice(1)) && affine !== "last") {
    return named("GroupNorm", groups === shape[1] ? 3.5 : 3);
  }
  if (rank >= 3 && is(every.slice(1)) && affine === "channel") return named("GroupNorm", 3);
  if (rank >= 3 && is(every.slice(0, -1)) && affine !== "element") {
    return named(`BatchNorm${dimensions(shape)}`, 4, true);
  }
  if (rank >= 3 && is(every.slice(1, -1))) return named(`InstanceNorm${dimensions(shape)}`, 4.1, true);
  if (rank >= 3 && groupAxis === rank - 1 && sameAxes(reducedAxes, every.slice(1))) {
    return named("GroupNorm", groups === shape[rank - 1] ? 4.6 : 4.2, true);
  }
  if (isTrailing) return named("Standardization", 5, false, reducedAxes.length < rank ? ["LayerNorm"] : []);
  return named("Standardization", groups > 1 ? 7 : 6);
}

function groupNormAlias(shape: readonly number[]): string[] {
  return shape[1] > 1 ? [`GroupNorm(${shape[1]})`] : [];
}
