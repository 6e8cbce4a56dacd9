import {
  type Backend,
  type GradNeeds,
  type Normalized,
  type ParameterGrads,
  type Statistics,
  statisticsOf,
} from "../backends/backend.ts";
import { type BackendName, backendFor } from "../backends/select.ts";
import type { Moments } from "../plan/moments.ts";
import type { Plan } from "../plan/plan.ts";
import { storeFloat64, toFloat64 } from "../tensor/cast.ts";
import { sameShape, shapeText } from "../tensor/shape.ts";
import { asTensor, emptyLike, overlapsPartly, type Tensor, type TensorLike } from "../tensor/tensor.ts";
import { finiteNumber } from "./checks.ts";

/** Options that every normalization with weight and bias takes. */
export interface NormOptions {
  /** Scale, one element per parameter of the norm; absent = 1. */
  readonly weight?: TensorLike | null | undefined;
  /** Shift, of the weight's shape; absent = 0. */
  readonly bias?: TensorLike | null | undefined;
  /** Where the result goes: a tensor of the input's dtype and shape. By default a new one. */
  readonly out?: TensorLike | undefined;
  /** Which backend computes; by default the one of `setBackend`. */
  readonly backend?: BackendName | undefined;
}

/** One normalization, its arguments checked. */
export interface Request {
  readonly who: string;
  readonly plan: Plan;
  readonly x: Tensor;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly eps: number;
  readonly out: TensorLike | undefined;
  readonly backend: BackendName | undefined;
  /** The kernels for the norm's kind of plan. */
  readonly wasm: Backend;
}

/** What backward needs of a forward. */
export interface Saved {
  readonly who: string;
  readonly plan: Plan;
  readonly x: Tensor;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly statistics: Statistics;
  /** Whether the statistics were given (running ones), and so do not depend on x. */
  readonly fixed: boolean;
  readonly backend: Backend;
}

/** Gradients of a normalization; dWeight and dBias are null where the norm has no such parameter. */
export interface Gradients {
  /** Gradient of the input, of its dtype and shape. */
  readonly dx: Tensor;
  /** Gradient of the weight, of its shape. */
  readonly dWeight: Tensor | null;
  /** Gradient of the bias, of its shape. */
  readonly dBias: Tensor | null;
}

/** Gradients for this dy, by what a forward kept. */
export type Backward = (dy: TensorLike, out?: TensorLike) => Gradients;

/** A result, and its backward. */
export interface Forward {
  readonly y: Tensor;
  readonly backward: Backward;
}

/** A result normalized by the batch's moments, its backward, and the moments. */
export interface BatchForward extends Forward {
  readonly moments: Moments;
}

/** Moments of the input itself: `xhat = (x - mean) / sqrt(variance + eps)`. */
export function normalizeByBatch(request: Request): BatchForward {
  const backend = backendFor(request);
  const y = outputFor(request.who, "out", request.x, request.out);
  const eps = finiteNumber(request.who, "eps", request.eps);
  const { moments, statistics } = forwardBy(backend, request, eps, y);
  const saved = savedFrom(request, statistics, false, backend);
  return { y, moments, backward: (dy, out) => gradients(saved, dy, out) };
}

/** Given statistics, one mean and variance for each of the plan's: `xhat = (x - mean) / sqrt(variance + eps)`. */
export function normalizeByFixed(request: Request, mean: Tensor, variance: Tensor): Forward {
  const backend = backendFor(request);
  const y = outputFor(request.who, "out", request.x, request.out);
  const statistics = fixedStatistics(request, mean, variance);
  backend.normalize(request.plan, request.x, statistics, request, y);
  const saved = savedFrom(request, statistics, true, backend);
  return { y, backward: (dy, out) => gradients(saved, dy, out) };
}

/** What backward needs, without a forward: the moments are taken of x again. */
export function saveByBatch(request: Request): Saved {
  const backend = backendFor(request);
  const eps = finiteNumber(request.who, "eps", request.eps);
  const statistics = statisticsOf(backend.moments(request.plan, request.x), eps);
  return savedFrom(request, statistics, false, backend);
}

/** What backward needs, without a forward, where the statistics are given. */
export function saveByFixed(request: Request, mean: Tensor, variance: Tensor): Saved {
  return savedFrom(request, fixedStatistics(request, mean, variance), true, backendFor(request));
}

/**
 * Gradients of a normalization.
 *
 * Formula: `dx = rstd * (g - mean(g) - xhat * mean(g * xhat))` with `g = dy * weight`; without the mean
 * terms where the statistics were fixed. `dWeight = sum(dy * xhat)`, `dBias = sum(dy)`.
 *
 * @param by writes dx and gives the sums of the parameters
 */
export function gradients(
  saved: Saved,
  dy: TensorLike,
  out: TensorLike | undefined,
  by: typeof backwardBy = backwardBy,
): Gradients {
  const { who, x, weight, bias, fixed } = saved;
  const upstream = gradientOf(who, x, dy);
  const dx = outputFor(who, "out", x, out);
  if (out !== undefined) checkOverlap(who, "out", "dy", upstream, dx);
  const needs = { fixed, parameters: weight !== null || bias !== null };
  const sums = by(saved, upstream, needs, dx);
  return {
    dx,
    dWeight: sums && weight && parameterGradient(weight, sums.dWeight),
    dBias: sums && bias && parameterGradient(bias, sums.dBias),
  };
}

function forwardBy(backend: Backend, { plan, x, weight, bias }: Request, eps: number, y: Tensor): Normalized {
  if (backend.forward !== undefined) return backend.forward(plan, x, eps, { weight, bias }, y);
  const moments = backend.moments(plan, x);
  const statistics = statisticsOf(moments, eps);
  backend.normalize(plan, x, statistics, { weight, bias }, y);
  return { moments, statistics };
}

function backwardBy(saved: Saved, dy: Tensor, needs: GradNeeds, dx: Tensor): ParameterGrads | null {
  const { plan, x, weight, statistics, backend } = saved;
  return backend.backward(plan, x, dy, statistics, weight, needs, dx);
}

/** dy as a tensor of x's shape. */
export function gradientOf(who: string, x: Tensor, dy: TensorLike): Tensor {
  const upstream = asTensor(who, "dy", dy);
  if (!sameShape(upstream.shape, x.shape)) {
    throw new RangeError(
      `${who}: expected dy of the input's shape ${shapeText(x.shape)}, got ${shapeText(upstream.shape)}`,
    );
  }
  return upstream;
}

/** The given `out` if it can take the result, else a new tensor like x, living where x lives. */
export function outputFor(who: string, what: string, x: Tensor, out: TensorLike | undefined): Tensor {
  if (out === undefined) return emptyLike(x);
  const given = asTensor(who, what, out);
  if (given.dtype !== x.dtype || !sameShape(given.shape, x.shape)) {
    throw new RangeError(`${who}: expected ${what} to be a ${x}, got a ${given}`);
  }
  checkOverlap(who, what, "the input", x, given);
  return given;
}

/** A result may take the place of what it is computed from, but not lie across it. */
function checkOverlap(who: string, what: string, from: string, x: Tensor, out: Tensor): void {
  if (overlapsPartly(x, out)) {
    throw new RangeError(
      `${who}: expected ${what} to be ${from} itself or memory apart from it, got a part of the same memory`,
    );
  }
}

function parameterGradient(parameter: Tensor, values: Float64Array): Tensor {
  const gradient = emptyLike(parameter);
  storeFloat64(values, gradient.data, gradient.dtype);
  return gradient;
}

function fixedStatistics(request: Request, mean: Tensor, variance: Tensor): Statistics {
  const eps = finiteNumber(request.who, "eps", request.eps);
  const seen = toFloat64(mean.data, mean.dtype);
  // A copy, also of float64: the running ones may move before backward.
  const means = mean.dtype === "float64" ? seen.slice() : seen;
  // No copy of float32, as of float64.
  const variances = variance.dtype === "float32" ? variance.data : toFloat64(variance.data, variance.dtype);
  const rstd = new Float64Array(variance.size);
  for (let s = 0; s < rstd.length; s++) rstd[s] = 1 / Math.sqrt((variances[s] as number) + eps);
  return { mean: means, rstd };
}

/** What backward needs of a request that these statistics normalized. */
export function savedFrom(request: Request, statistics: Statistics, fixed: boolean, backend: Backend): Saved {
  const { who, plan, x, weight, bias } = request;
  return { who, plan, x, weight, bias, statistics, fixed, backend };
}
