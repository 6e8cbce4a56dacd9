import { sizeOf } from "../tensor/shape.ts";
import type { Partition } from "./partitions.ts";
import type { Values } from "./values.ts";

/** Mean and mean squared deviation of each statistic of a partition, in the order of its sets. */
export interface SetMoments {
  readonly mean: Float64Array;
  /** Biased variance. */
  readonly variance: Float64Array;
}

interface Table {
  readonly shape: readonly number[];
  readonly mean: Float64Array;
  readonly m2: Float64Array;
  /** Values behind each entry. */
  readonly count: number;
}

/**
 * Moments over any partition of an array.
 *
 * Every set of axes is reduced from a smaller one that is already there, so that all partitions together cost about
 * one pass over the array for each axis.
 */
export function momentsTable(values: Values, shape: readonly number[]): (partition: Partition) => SetMoments {
  const known = new Map<number, Table>();
  /** Tables larger than this part of the array are not kept. */
  const kept = Math.max(4096, values.length / 8);
  const reduceTo = (mask: number): Table => {
    const found = known.get(mask);
    if (found !== undefined) return found;
    const axes = shape.map((_, axis) => axis).filter((axis) => mask & (1 << axis));
    // Last the axis that leaves the smallest table to reduce: the longest are reduced first.
    const last = axes.reduce((best, axis) => (shape[axis] < shape[best] ? axis : best));
    const before = mask & ~(1 << last);
    const place = shape.filter((_, axis) => axis < last && !(before & (1 << axis))).length;
    const table =
      before === 0 ? reduceValues(values, shape, last) : mergeAlong(reduceTo(before), place, shape[last]);
    if (table.mean.length <= kept) known.set(mask, table);
    return table;
  };
  return ({ view, reduced, axisOf, descriptors, count }) => {
    const { groups, groupAxis } = descriptors[0];
    let mask = 0;
    view.forEach((_, axis) => {
      if (reduced[axis] && axisOf[axis] !== groupAxis) mask |= 1 << axisOf[axis];
    });
    let table: Table;
    if (groupAxis === null) table = reduceTo(mask);
    else {
      const extent = shape[groupAxis] / groups;
      if (mask === 0) table = reduceValues(values, view, groupAxis + 1);
      else {
        const base = reduceTo(mask);
        const place =
          base.shape.length - shape.filter((_, axis) => axis >= groupAxis && !(mask & (1 << axis))).length;
        const cut = [...base.shape];
        cut.splice(place, 1, groups, extent);
        table = mergeAlong({ ...base, shape: cut }, place + 1, extent);
      }
    }
    return { mean: table.mean, variance: table.m2.map((m2) => m2 / count) };
  };
}

function reduceValues(values: Values, shape: readonly number[], axis: number): Table {
  const outer = sizeOf(shape.slice(0, axis));
  const extent = shape[axis];
  const inner = sizeOf(shape.slice(axis + 1));
  const mean = new Float64Array(outer * inner);
  const m2 = new Float64Array(outer * inner);
  if (inner === 1) {
    for (let o = 0; o < outer; o++) {
      const start = o * extent;
      // Relative to the first value, so that a large mean costs no digits.
      const first = values[start];
      let sum = 0;
      for (let i = start; i < start + extent; i++) sum += values[i] - first;
      const average = first + sum / extent;
      let squares = 0;
      for (let i = start; i < start + extent; i++) squares += (values[i] - average) ** 2;
      mean[o] = average;
      m2[o] = squares;
    }
  } else {
    for (let o = 0; o < outer; o++) {
      const to = o * inner;
      const start = o * extent * inner;
      for (let e = 1; e < extent; e++) {
        const from = start + e * inner;
        for (let i = 0; i < inner; i++) mean[to + i] += values[from + i] - values[start + i];
      }
      for (let i = 0; i < inner; i++) mean[to + i] = values[start + i] + mean[to + i] / extent;
      for (let e = 0; e < extent; e++) {
        const from = start + e * inner;
        for (let i = 0; i < inner; i++) m2[to + i] += (values[from + i] - mean[to + i]) ** 2;
      }
    }
  }
  return { shape: shape.filter((_, place) => place !== axis), mean, m2, count: extent };
}

/** Merges the entries along one axis of a table: equal counts, so the mean is the means' mean. */
function mergeAlong(table: Table, axis: number, extent: number): Table {
  const { shape, count } = table;
  const outer = sizeOf(shape.slice(0, axis));
  const inner = sizeOf(shape.slice(axis + 1));
  const reduced = reduceValues(table.mean, [outer, extent, inner], 1);
  const m2 = reduced.m2.map((between) => between * count);
  for (let o = 0; o < outer; o++) {
    for (let e = 0; e < extent; e++) {
      const from = (o * extent + e) * inner;
      for (let i = 0; i < inner; i++) m2[o * inner + i] += table.m2[from + i];
    }
  }
  return {
    shape: shape.filter((_, place) => place !== axis),
    mean: reduced.mean,
    m2,
    count: count * extent,
  };
}
