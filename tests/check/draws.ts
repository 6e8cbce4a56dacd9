import fc from "fast-check";
import type { Survivor } from "../../src/check/result.ts";
import { type FloatType, type Tensor, tensor } from "../../src/index.ts";
import { castArray } from "../../src/tensor/cast.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { normals, uniforms } from "../random.ts";

/** A normalization with everything that identify is asked to find out. */
export interface Draw {
  readonly seed: number;
  readonly shape: readonly number[];
  readonly reducedAxes: readonly number[];
  readonly groups: number;
  readonly groupAxis: number | null;
  readonly centered: boolean;
  readonly ddof: 0 | 1;
  readonly epsForm: Survivor["epsForm"];
  readonly eps: number;
  readonly affine: Survivor["affine"];
  readonly givesAffine: boolean;
  readonly statistics: Survivor["statistics"];
  readonly offset: number;
  readonly scale: number;
  readonly rounding: FloatType | number;
}

/** A draw's arrays, by plain loops that share no code with src/check. */
export interface Drawn {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly weight?: Tensor;
  readonly bias?: Tensor;
  readonly digits?: number;
}

export const draws: fc.Arbitrary<Draw> = fc
  .integer({ min: 0, max: 2 ** 31 - 1 })
  .map((seed) => drawFrom(seed));

/** The draw of a seed; a large one has more elements than identify looks at first. */
export function drawFrom(seed: number, isLarge = false): Draw {
  const uniform = uniforms(seed);
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(uniform() * values.length)];
  const rank = pick([2, 3, 4, 4, 5]);
  const small = rank === 2 ? [4, 6, 8, 12, 16, 24] : rank === 3 ? [2, 3, 4, 6, 8, 12] : [1, 2, 3, 4, 5, 6];
  const large = rank === 2 ? [72, 96, 120] : rank === 3 ? [18, 24, 30] : rank === 4 ? [8, 10, 12] : [6, 8];
  const extents = isLarge ? large : small;
  const shape = Array.from({ length: rank }, () => pick(extents));
  const every = shape.map((_, axis) => axis);
  const statistics = uniform() < 0.12 ? "fixed" : "batch";
  const usual = [every.filter((a) => a !== 1), every.slice(1), every.slice(-1), every.slice(2), every];
  const random = every.filter(() => uniform() < 0.5);
  let reducedAxes = uniform() < 0.6 ? pick(usual) : random;
  if (reducedAxes.length === 0) reducedAxes = [rank - 1];
  let groups = 1;
  let groupAxis: number | null = null;
  if (uniform() < 0.25) {
    const axis = uniform() < 0.7 ? 1 : rank - 1;
    const divisors =
      every.length > 0 ? [2, 3, 4, 6].filter((d) => shape[axis] % d === 0 && d <= shape[axis]) : [];
    if (divisors.length > 0) {
      groups = pick(divisors);
      groupAxis = axis;
      const others = uniform() < 0.7 ? every.slice(1) : [axis, ...random];
      reducedAxes = every.filter((a) => others.includes(a) || a === axis);
    }
  }
  const draw: Draw = {
    seed,
    shape,
    reducedAxes,
    groups,
    groupAxis,
    centered: uniform() < 0.8,
    ddof: uniform() < 0.3 ? 1 : 0,
    epsForm: pick(["inside", "inside", "inside", "outside", "max", "none"]),
    eps: pick([1e-5, 1e-5, 1e-3, 1e-6, 1e-12, 1e-8, 0.1, 1, 0.037]),
    // Fixed statistics are one for each channel, and so are their weight and bias.
    affine:
      statistics === "fixed"
        ? pick(["none", "channel"])
        : pick(["none", "none", "channel", "last", "element"]),
    givesAffine: uniform() < 0.5,
    statistics,
    offset: pick([0, 0, 1, -3, 20]),
    scale: pick([1, 1, 1, 0.01, 30]),
    rounding: pick(["float64", "float32", "float32", "float16", "bfloat16", 3, 4, 6] as const),
  };
  // One value for a statistic is no normalization.
  const size = sizeOf(draw.shape);
  // Two values of y for one weight and bias are explained by any normalization at all.
  const perParameter =
    size / sizeOf((statistics === "fixed" ? [1] : affineAxesOf(draw)).map((axis) => draw.shape[axis]));
  const isSolvable =
    (draw.affine === "none" && statistics === "batch") ||
    (draw.givesAffine && statistics === "batch") ||
    perParameter > 3;
  return countOf(draw) > 1 && size > 8 && isSolvable ? draw : drawFrom((seed + 7919) % 2 ** 31, isLarge);
}

/** Values behind one statistic. */
function countOf({ shape, reducedAxes, groups, groupAxis }: Draw): number {
  return reducedAxes.reduce((n, axis) => n * (axis === groupAxis ? shape[axis] / groups : shape[axis]), 1);
}

/** The arrays of a draw. */
export function drawn(draw: Draw): Drawn {
  const { shape, seed, centered, ddof, epsForm, eps, rounding } = draw;
  const size = shape.reduce((a, b) => a * b, 1);
  const uniform = uniforms(seed + 1);
  const setScales = Array.from({ length: 64 }, () => 0.5 + 1.5 * uniform());
  const raw = normals(size, seed + 2);
  const positions = Array.from({ length: size }, (_, flat) => positionIn(flat, shape));
  const exact = raw.map(
    (v, i) =>
      draw.offset * draw.scale +
      v * draw.scale * setScales[(positions[i][0] * 7 + (positions[i][1] ?? 0)) % 64],
  );
  // The layer gets an input of the storage type; printed arrays are rounded afterwards.
  const isPrinted = typeof rounding === "number";
  const x = isPrinted ? exact : castedBack(exact, rounding);
  const setOf = (p: readonly number[]): string =>
    p
      .map((index, axis) =>
        axis === draw.groupAxis
          ? Math.floor(index / (shape[axis] / draw.groups))
          : draw.reducedAxes.includes(axis)
            ? 0
            : index,
      )
      .join();
  const sets = new Map<string, number[]>();
  positions.forEach((p, i) => {
    const key = setOf(p);
    const known = sets.get(key);
    if (known) known.push(i);
    else sets.set(key, [i]);
  });
  const y = new Float64Array(size);
  if (draw.statistics === "fixed") {
    const channels = shape[1];
    const mean = Array.from({ length: channels }, () => uniform() - 0.5 + draw.offset);
    const variance = Array.from({ length: channels }, () => 0.3 + uniform());
    positions.forEach((p, i) => {
      y[i] = (x[i] - mean[p[1]]) / Math.sqrt(variance[p[1]] + eps);
    });
  } else {
    for (const members of sets.values()) {
      const n = members.length;
      const mean = centered ? members.reduce((sum, i) => sum + x[i], 0) / n : 0;
      const variance = members.reduce((sum, i) => sum + (x[i] - mean) ** 2, 0) / (n - ddof);
      const deviation =
        epsForm === "inside"
          ? Math.sqrt(variance + eps)
          : epsForm === "outside"
            ? Math.sqrt(variance) + eps
            : epsForm === "max"
              ? Math.sqrt(Math.max(variance, eps))
              : Math.sqrt(variance);
      for (const i of members) y[i] = deviation === 0 ? 0 : (x[i] - mean) / deviation;
    }
  }
  const axes = affineAxesOf(draw);
  let parameters: { readonly weight: Float64Array; readonly bias: Float64Array } | null = null;
  if (axes.length > 0) {
    const count = axes.reduce((n, axis) => n * shape[axis], 1);
    const weight = Float64Array.from({ length: count }, () => Math.fround(0.5 + uniform()));
    const bias = Float64Array.from({ length: count }, () => Math.fround(uniform() - 0.5));
    positions.forEach((p, i) => {
      const index = axes.reduce((at, axis) => at * shape[axis] + p[axis], 0);
      y[i] = y[i] * weight[index] + bias[index];
    });
    parameters = { weight, bias };
  }
  const given =
    parameters !== null && draw.givesAffine
      ? {
          weight: tensor(
            parameters.weight,
            axes.map((axis) => shape[axis]),
          ) as Tensor,
          bias: tensor(
            parameters.bias,
            axes.map((axis) => shape[axis]),
          ) as Tensor,
        }
      : {};
  if (isPrinted) {
    const print = (values: Float64Array): Float64Array => values.map((v) => Number(v.toFixed(rounding)));
    return {
      x: tensor(print(x), shape) as Tensor,
      y: tensor(print(y), shape) as Tensor,
      digits: rounding,
      ...given,
    };
  }
  return {
    x: tensor(castArray(x, "float64", rounding), shape, { dtype: rounding }) as Tensor,
    y: tensor(castArray(y, "float64", rounding), shape, { dtype: rounding }) as Tensor,
    ...given,
  };
}

/** The axes that a draw's weight and bias index. */
export function affineAxesOf({ affine, shape, reducedAxes }: Draw): number[] {
  if (affine === "channel") return [1];
  if (affine === "last") return [shape.length - 1];
  return affine === "element" ? [...reducedAxes] : [];
}

function castedBack(values: Float64Array, dtype: FloatType): Float64Array {
  return castArray(castArray(values, "float64", dtype), dtype, "float64");
}

function positionIn(flat: number, shape: readonly number[]): number[] {
  const position: number[] = [];
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    position.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return position;
}

/** Whether a survivor is the truth of a draw. */
export function isTruth(draw: Draw, survivor: Survivor): boolean {
  const sameAxes = survivor.reducedAxes.join() === draw.reducedAxes.join();
  const inEps = survivor.eps[0] <= draw.eps * (1 + 1e-6) && draw.eps * (1 - 1e-6) <= survivor.eps[1];
  if (draw.statistics === "fixed") return survivor.statistics === "fixed" || survivor.op === "Identity";
  return (
    survivor.statistics === "batch" &&
    sameAxes &&
    survivor.groups === draw.groups &&
    (draw.groups === 1 || survivor.groupAxis === draw.groupAxis) &&
    survivor.centered === draw.centered &&
    survivor.ddof === draw.ddof &&
    survivor.epsForm === draw.epsForm &&
    (draw.epsForm === "none" || inEps) &&
    survivor.affine === draw.affine
  );
}
