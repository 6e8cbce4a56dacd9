import { storeFloat64, toFloat64 } from "../tensor/cast.ts";
import { frontAxis, sizeOf } from "../tensor/shape.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor/tensor.ts";
import { checkOptions, finiteNumber } from "./checks.ts";
import { gradientOf, outputFor } from "./core.ts";

/** Options of {@link lpNormalize} and {@link lpNormalizeBackward}. */
export interface LpNormalizeOptions {
  /** Exponent of the norm. Default 2. */
  readonly p?: number | undefined;
  /** Axis whose vectors are scaled to norm 1. Default 1. */
  readonly axis?: number | undefined;
  /** Smallest divisor. Default 1e-12. */
  readonly eps?: number | undefined;
  /** Where the result goes: a tensor of the input's dtype and shape. By default a new one. */
  readonly out?: TensorLike | undefined;
}

/**
 * Scales the vectors along an axis to norm 1: `y = x / max(||x||_p, eps)`.
 *
 * Shapes: x of any rank with `axis`; y of x's.
 *
 * Source: PyTorch `torch.nn.functional.normalize`; ONNX `LpNormalization` (eps 0), Keras `UnitNormalization`.
 *
 * @throws TypeError if an argument is of the wrong kind; RangeError if the axis does not exist or p < 1
 * @example
 * lpNormalize(tensor([[3, 4]])).data; // [0.6, 0.8]
 */
export function lpNormalize(input: TensorLike, options: LpNormalizeOptions = {}): Tensor {
  const who = "lpNormalize";
  const { x, p, eps, forEachVector } = vectorsOf(who, input, options);
  const out = outputFor(who, "out", x, options.out);
  const values = toFloat64(x.data, x.dtype);
  const y = new Float64Array(values.length);
  forEachVector((indices) => {
    const divisor = Math.max(normOf(values, indices, p), eps);
    for (const i of indices) y[i] = values[i] / divisor;
  });
  storeFloat64(y, out.data, out.dtype);
  return out;
}

/**
 * Gradient of {@link lpNormalize}.
 *
 * Formula: with r = ||x||_p, `dx = dy / r - (sum(dy * x) / r^2) * sign(x) (|x| / r)^(p - 1)`; `dy / eps` where
 * r <= eps.
 *
 * @throws as {@link lpNormalize}; RangeError if dy has not x's shape
 * @example
 * const { dx } = lpNormalizeBackward(x, dy, { p: 2, axis: -1 });
 */
export function lpNormalizeBackward(
  input: TensorLike,
  dy: TensorLike,
  options: LpNormalizeOptions = {},
): { readonly dx: Tensor } {
  const who = "lpNormalizeBackward";
  const { x, p, eps, forEachVector } = vectorsOf(who, input, options);
  const upstream = gradientOf(who, x, dy);
  const out = outputFor(who, "out", x, options.out);
  const values = toFloat64(x.data, x.dtype);
  const incoming = toFloat64(upstream.data, upstream.dtype);
  const dx = new Float64Array(values.length);
  forEachVector((indices) => {
    const norm = normOf(values, indices, p);
    if (norm <= eps) {
      for (const i of indices) dx[i] = incoming[i] / eps;
      return;
    }
    let dot = 0;
    for (const i of indices) dot += incoming[i] * values[i];
    for (const i of indices) {
      const slope = Math.sign(values[i]) * (Math.abs(values[i]) / norm) ** (p - 1);
      dx[i] = incoming[i] / norm - (dot / norm ** 2) * slope;
    }
  });
  storeFloat64(dx, out.data, out.dtype);
  return { dx: out };
}

function vectorsOf(
  who: string,
  input: TensorLike,
  options: LpNormalizeOptions,
): {
  readonly x: Tensor;
  readonly p: number;
  readonly eps: number;
  readonly forEachVector: (visit: (indices: readonly number[]) => void) => void;
} {
  checkOptions(who, options);
  const x = asTensor(who, "input", input);
  const axis = frontAxis(who, options.axis ?? 1, x.shape.length);
  const p = finiteNumber(who, "p", options.p ?? 2);
  if (p < 1) throw new RangeError(`${who}: expected p to be at least 1, got ${p}`);
  const outer = sizeOf(x.shape.slice(0, axis));
  const length = x.shape[axis];
  const inner = sizeOf(x.shape.slice(axis + 1));
  const forEachVector = (visit: (indices: readonly number[]) => void): void => {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        visit(Array.from({ length }, (_, place) => (o * length + place) * inner + i));
      }
    }
  };
  return { x, p, eps: finiteNumber(who, "eps", options.eps ?? 1e-12), forEachVector };
}

function normOf(values: Float64Array, indices: readonly number[], p: number): number {
  let largest = 0;
  for (const i of indices) largest = Math.max(largest, Math.abs(values[i]));
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  // Relative to the largest, no power overflows.
  let sum = 0;
  for (const i of indices) sum += (Math.abs(values[i]) / largest) ** p;
  return largest * sum ** (1 / p);
}
