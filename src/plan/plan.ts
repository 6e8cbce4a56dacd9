import { shapeText } from "../tensor/shape.ts";

/**
 * A normalization as five extents: the input is seen as `[batch, pool, group, channel, inner]`.
 *
 * | extent  | shares statistics? | shares weight and bias? |
 * |---------|--------------------|-------------------------|
 * | batch   | no                 | yes                     |
 * | pool    | yes                | yes                     |
 * | group   | no                 | no                      |
 * | channel | yes                | no                      |
 * | inner   | yes                | yes                     |
 */
export interface Plan {
  readonly batch: number;
  readonly pool: number;
  readonly group: number;
  readonly channel: number;
  readonly inner: number;
  /** Elements of the input. */
  readonly size: number;
  /** Number of statistics: batch * group, indexed `[batch, group]`. */
  readonly statistics: number;
  /** Values that share one statistic: pool * channel * inner. */
  readonly count: number;
  /** Length of weight and bias: group * channel, indexed `[group, channel]`. */
  readonly parameters: number;
  /** Whether the mean is subtracted; false for RMS normalization. */
  readonly centered: boolean;
}

/** Which axes of an input a normalization reduces, and which its weight and bias index. */
export interface Axes {
  readonly shape: readonly number[];
  /** Axes over which the mean and the variance are taken. */
  readonly reduced: readonly number[];
  /** Axes that weight and bias index; named also when there is no weight, since they fix the order. */
  readonly affine: readonly number[];
  readonly centered?: boolean;
}

const order = ["batch", "pool", "group", "channel", "inner"] as const;

type Role = (typeof order)[number];

/**
 * The five extents of a normalization.
 *
 * An affine axis is `channel` if it is reduced, else `group`. One that is not affine is `batch` if it is
 * not reduced, else `pool` before the first affine axis and `inner` after it. Axes of size 1 change nothing.
 *
 * @throws RangeError if the axes cannot be put in that order without a transpose
 * @example
 * planOf({ shape: [8, 64, 56, 56], reduced: [0, 2, 3], affine: [1] }); // 1, 8, 64, 1, 3136
 */
export function planOf({ shape, reduced, affine, centered = true }: Axes): Plan {
  const extents: Record<Role, number> = { batch: 1, pool: 1, group: 1, channel: 1, inner: 1 };
  const firstAffine = Math.min(...affine, shape.length);
  let reached = 0;
  shape.forEach((extent, axis) => {
    if (extent === 1) return;
    const role = roleOf(axis, reduced.includes(axis), affine.includes(axis), firstAffine);
    const place = order.indexOf(role);
    if (place < reached) {
      throw new RangeError(
        `plan: axis ${axis} of shape ${shapeText(shape)} (${role}) comes after a ${order[reached]} axis: ` +
          `with reduced axes ${shapeText(reduced)} and affine axes ${shapeText(affine)} the input needs a transpose`,
      );
    }
    reached = place;
    extents[role] *= extent;
  });
  return planFrom(extents, centered);
}

/**
 * The plan of a norm over channels: the channel axis in `groups` groups, statistics for each sample (axis 0) or over all.
 *
 * The same as {@link planOf} gives, by three products: this is on the way of every call.
 */
export function channelPlan(
  shape: readonly number[],
  axis: number,
  perSample: boolean,
  groups: number = shape[axis],
): Plan {
  const batch = perSample ? shape[0] : 1;
  const pool = product(shape, perSample ? 1 : 0, axis);
  const inner = product(shape, axis + 1, shape.length);
  return planFrom({ batch, pool, group: groups, channel: groups === 0 ? 1 : shape[axis] / groups, inner });
}

/** The plan of a norm over the last axes: from `first` on, each with parameters of its own. */
export function trailingPlan(shape: readonly number[], first: number, centered: boolean): Plan {
  const channel = product(shape, first, shape.length);
  return planFrom({ batch: product(shape, 0, first), pool: 1, group: 1, channel, inner: 1 }, centered);
}

/** A plan from its five extents. */
export function planFrom(extents: Readonly<Record<Role, number>>, centered = true): Plan {
  const { batch, pool, group, channel, inner } = extents;
  return {
    batch,
    pool,
    group,
    channel,
    inner,
    size: batch * pool * group * channel * inner,
    statistics: batch * group,
    count: pool * channel * inner,
    parameters: group * channel,
    centered,
  };
}

function product(shape: readonly number[], from: number, to: number): number {
  let extents = 1;
  for (let axis = from; axis < to; axis++) extents *= shape[axis];
  return extents;
}

function roleOf(axis: number, isReduced: boolean, isAffine: boolean, firstAffine: number): Role {
  if (isAffine) return isReduced ? "channel" : "group";
  if (!isReduced) return "batch";
  return axis < firstAffine ? "pool" : "inner";
}
