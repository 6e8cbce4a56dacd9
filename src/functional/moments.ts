import { backendFor } from "../backends/select.ts";
import { anyChoice } from "../backends/wasm/choice.ts";
import { wasmFor } from "../backends/wasm/wasm.ts";
import { varianceOf } from "../plan/moments.ts";
import { planOf } from "../plan/plan.ts";
import { describe, frontAxis } from "../tensor/shape.ts";
import { asTensor, Tensor, type TensorLike } from "../tensor/tensor.ts";
import { oneOf } from "./checks.ts";
import { transpose } from "./transpose.ts";

const wasm = /* @__PURE__ */ wasmFor(anyChoice);

/** Options of {@link moments}. */
export interface MomentsOptions {
  /** Axes that are averaged over, negative ones counted from the back; by default all. */
  readonly axes?: readonly number[] | undefined;
  /** Divisor n - ddof of the variance. Default 0. */
  readonly ddof?: 0 | 1 | undefined;
}

/**
 * Mean and variance over some axes, never computed as E[x^2] - E[x]^2.
 *
 * Formula: `mean = sum(x) / n`, `variance = sum((x - mean)^2) / (n - ddof)`.
 * Shapes: float64 tensors of x's shape with every reduced axis of extent 1.
 *
 * Source: NumPy `mean` and `var(ddof)` with keepdims; TensorFlow `tf.nn.moments`.
 *
 * @throws TypeError if x is no tensor; RangeError if an axis does not exist or is named twice
 * @example
 * const { mean, variance } = moments(x, { axes: [0, 2, 3] });
 */
export function moments(
  input: TensorLike,
  options: MomentsOptions = {},
): { readonly count: number; readonly mean: Tensor<"float64">; readonly variance: Tensor<"float64"> } {
  const who = "moments";
  const ddof = oneOf(who, "ddof", options.ddof ?? 0, [0, 1]);
  const x = asTensor(who, "input", input);
  const every = x.shape.map((_, axis) => axis);
  const axes = (options.axes ?? every).map((axis) => frontAxis(who, axis, x.shape.length));
  if (new Set(axes).size !== axes.length) {
    throw new RangeError(`${who}: expected distinct axes, got ${describe(options.axes)}`);
  }
  const kept = every.filter((axis) => !axes.includes(axis));
  const moved = transpose(x, [...kept, ...axes]);
  const plan = planOf({
    shape: moved.shape,
    reduced: axes.map((_, place) => kept.length + place),
    affine: [],
  });
  const taken = backendFor({ backend: undefined, plan, wasm }).moments(plan, moved);
  const shape = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  return {
    count: taken.count,
    // A copy: the buffer may be shared with other results.
    mean: new Tensor("float64", shape, taken.mean.slice()),
    variance: new Tensor("float64", shape, varianceOf(taken, ddof)),
  };
}
