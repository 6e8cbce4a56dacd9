import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Candidate } from "./candidate.ts";
import { wholeElements } from "./elements.ts";
import { plainEps } from "./epsForms.ts";
import { factorsAt } from "./epsSearch.ts";
import { momentsTable } from "./moments.ts";
import { type Descriptor, partitionOf } from "./partitions.ts";
import { spreadOf } from "./problem.ts";

/** A candidate under one of its names: a function of arrays of other shapes too. */
export interface Applicable {
  readonly candidate: Candidate;
  readonly descriptor: Descriptor;
}

/** What a function makes of another input. */
function applied(
  { candidate, descriptor }: Applicable,
  x: Float64Array,
  shape: readonly number[],
): Float64Array | null {
  const { local, partition: original, weight, bias, deviation, affineAxes, kind } = candidate;
  if (local !== undefined) return null;
  const y = new Float64Array(x.length);
  if (original === null || candidate.statistics === "fixed") {
    if (original !== null) return null;
    wholeElements(
      x,
      x,
      shape,
      null,
      affineAxes,
    )(({ count, x: values, flat, parameters }) => {
      for (let j = 0; j < count; j++) {
        const p = parameters[j];
        y[flat[j]] = values[j] * (weight?.[p] ?? 1) + (bias?.[p] ?? 0);
      }
    });
    return y;
  }
  const partition = partitionOf(shape, descriptor);
  if (partition.count <= 1) return null;
  const spread = spreadOf(momentsTable(x, shape)(partition), partition.count, kind);
  const { low, high } = { low: candidate.eps[0], high: candidate.eps[1] };
  // The largest eps that fits differs most from none at all.
  const eps = low > 0 ? plainEps(candidate.eps) : Number.isFinite(high) ? high : 1;
  const factor = factorsAt(spread, deviation, eps);
  wholeElements(
    x,
    x,
    shape,
    partition,
    affineAxes,
  )(({ count, x: values, flat, sets, parameters }) => {
    for (let j = 0; j < count; j++) {
      const xhat = (values[j] - spread.mean[sets[j]]) * factor[sets[j]];
      y[flat[j]] = xhat * (weight?.[parameters[j]] ?? 1) + (bias?.[parameters[j]] ?? 0);
    }
  });
  return y;
}

/** Difference of two results, as a part of their size, from which anybody sees it. */
const visible = 1e-3;

/** Elements of a probe, at most, and functions that are compared. */
const largestProbe = 20_000;
const compared = 16;

/**
 * The smallest input that tells the most of these functions apart: extents that parameters and groups need are kept,
 * the others are 1, 2 or 3; the values have a spread of 1, or one that eps matters for.
 */
export function probeFor(
  functions: readonly Applicable[],
  shape: readonly number[],
): Tensor<"float64"> | null {
  if (functions.length < 2) return null;
  const some = functions.slice(0, compared);
  const scales = new Set([1]);
  for (const { candidate } of some) {
    const [low, high] = candidate.eps;
    const eps = low > 0 ? low : high;
    if (eps > 0 && Number.isFinite(eps))
      scales.add(candidate.deviation.epsForm === "outside" ? eps : Math.sqrt(eps));
  }
  scales.add(1e-3);
  let best: Tensor<"float64"> | null = null;
  let most = 0;
  const pairs = (some.length * (some.length - 1)) / 2;
  for (const extents of smallShapes(some, shape)) {
    for (const scale of scales) {
      const x = probeValues(extents, scale);
      const apart = pairsApart(some, x, extents);
      if (apart > most) {
        most = apart;
        best = new Tensor("float64", extents, x);
      }
      if (most === pairs) return best;
    }
  }
  return best;
}

function smallShapes(functions: readonly Applicable[], shape: readonly number[]): number[][] {
  const isKept = shape.map((_, axis) =>
    functions.some(
      ({ candidate, descriptor }) =>
        descriptor.groupAxis === axis || (candidate.hasAffine && candidate.affineAxes.includes(axis)),
    ),
  );
  let shapes: number[][] = [[]];
  shape.forEach((extent, axis) => {
    const choices = isKept[axis] ? [extent] : [1, 2, 3];
    shapes = shapes.flatMap((start) => choices.map((choice) => [...start, choice]));
  });
  return shapes
    .filter((extents) => sizeOf(extents) > 1 && sizeOf(extents) <= largestProbe)
    .sort((a, b) => sizeOf(a) - sizeOf(b));
}

/** Numbers of no pattern, in four digits so that they can be typed; the first index scales them differently. */
function probeValues(shape: readonly number[], scale: number): Float64Array {
  let state = 7;
  const first = sizeOf(shape.slice(1));
  const digits = Number(scale.toPrecision(2));
  return Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const spread = 1 + 0.7 * (Math.floor(i / first) % 3);
    return Number((digits * spread * Number(((state / 2 ** 32) * 4 - 1.5).toFixed(3))).toPrecision(6));
  });
}

function pairsApart(functions: readonly Applicable[], x: Float64Array, shape: readonly number[]): number {
  const results = functions.map((each) => applied(each, x, shape));
  let apart = 0;
  for (let i = 0; i < results.length; i++) {
    for (let j = i + 1; j < results.length; j++) {
      const [a, b] = [results[i], results[j]];
      if (a === null || b === null) continue;
      const size = a.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      if (a.some((value, k) => Math.abs(value - b[k]) > visible * size)) apart++;
    }
  }
  return apart;
}
