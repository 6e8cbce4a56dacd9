/** One way to say which elements share a statistic. */
export interface Descriptor {
  readonly reducedAxes: readonly number[];
  /** Groups that the channel axis is cut into; 1: it is not cut. */
  readonly groups: number;
  /** The axis that is cut, where groups is more than 1. */
  readonly groupAxis: number | null;
}

/** Which elements share a statistic, over the shape with its channel axis cut into groups. */
export interface Partition {
  /** Every way to say it that comes to the same sets of elements in this shape, the plainest first. */
  readonly descriptors: readonly Descriptor[];
  /** The shape, with the cut axis as two. */
  readonly view: readonly number[];
  readonly reduced: readonly boolean[];
  /** Axis of the shape that each axis of the view comes from. */
  readonly axisOf: readonly number[];
  /** Number of statistics, and values behind each. */
  readonly sets: number;
  readonly count: number;
}

/**
 * Every way to share statistics in an array: any set of reduced axes; with channel axis 1 or last cut into any number
 * of groups. Ways that come to the same sets of elements are one partition.
 */
export function partitionsOf(shape: readonly number[]): Partition[] {
  const found = new Map<string, Partition>();
  const rank = shape.length;
  const add = (descriptor: Descriptor): void => {
    const partition = partitionOf(shape, descriptor);
    if (partition.count <= 1) return;
    const key = keyOf(partition);
    const known = found.get(key);
    if (known === undefined) found.set(key, partition);
    else found.set(key, { ...known, descriptors: [...known.descriptors, descriptor] });
  };
  const subsets = subsetsOf(shape.map((_, axis) => axis));
  for (const reducedAxes of subsets) add({ reducedAxes, groups: 1, groupAxis: null });
  for (const groupAxis of rank < 2 ? [] : new Set([1, rank - 1])) {
    for (const groups of divisorsOf(shape[groupAxis])) {
      for (const reducedAxes of subsets) {
        if (reducedAxes.includes(groupAxis)) add({ reducedAxes, groups, groupAxis });
      }
    }
  }
  return [...found.values()];
}

/** The partition of one descriptor. */
export function partitionOf(shape: readonly number[], descriptor: Descriptor): Partition {
  const { reducedAxes, groups, groupAxis } = descriptor;
  const view: number[] = [];
  const reduced: boolean[] = [];
  const axisOf: number[] = [];
  shape.forEach((extent, axis) => {
    if (axis === groupAxis) {
      view.push(groups, extent / groups);
      reduced.push(false, true);
      axisOf.push(axis, axis);
    } else {
      view.push(extent);
      reduced.push(reducedAxes.includes(axis));
      axisOf.push(axis);
    }
  });
  const product = (wanted: boolean): number =>
    view.reduce((size, extent, axis) => (reduced[axis] === wanted ? size * extent : size), 1);
  return { descriptors: [descriptor], view, reduced, axisOf, sets: product(false), count: product(true) };
}

/** Merged runs of axes that play one role: equal keys are equal sets of elements. */
function keyOf({ view, reduced }: Partition): string {
  const runs: { extent: number; isReduced: boolean }[] = [];
  view.forEach((extent, axis) => {
    if (extent === 1) return;
    const last = runs.at(-1);
    if (last !== undefined && last.isReduced === reduced[axis]) last.extent *= extent;
    else runs.push({ extent, isReduced: reduced[axis] });
  });
  return runs.map(({ extent, isReduced }) => `${isReduced ? "r" : "k"}${extent}`).join(",");
}

function subsetsOf(axes: readonly number[]): number[][] {
  const subsets = Array.from({ length: 2 ** axes.length }, (_, mask) =>
    axes.filter((_, place) => mask & (1 << place)),
  );
  return subsets.filter((subset) => subset.length > 0);
}

/** Divisors from 2 to n, n included: as many groups as channels. */
function divisorsOf(n: number): number[] {
  return Array.from({ length: Math.max(0, n - 1) }, (_, i) => i + 2).filter((divisor) => n % divisor === 0);
}

/** For each axis of the view, the step of the statistic's index; 0 where the axis is reduced. */
export function setStrides({ view, reduced }: Partition): number[] {
  const strides = view.map(() => 0);
  let step = 1;
  for (let axis = view.length - 1; axis >= 0; axis--) {
    if (reduced[axis]) continue;
    strides[axis] = step;
    step *= view[axis];
  }
  return strides;
}

/** For each axis of a shape, the step of the index of a parameter that the given axes index. */
export function parameterStrides(shape: readonly number[], axes: readonly number[]): number[] {
  const strides = shape.map(() => 0);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (!axes.includes(axis)) continue;
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}
