import { machineEpsilon } from "../tensor/dtype.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor/tensor.ts";
import type { Forward, Gradients } from "./core.ts";
import { type TrailingNormOptions, trailingBackward, trailingForward } from "./trailing.ts";

/** Options of {@link rmsNorm} and {@link rmsNormBackward}; one of `normalizedShape` and `axes` is needed. */
export interface RMSNormOptions extends Omit<TrailingNormOptions, "bias"> {
  /** Added to the mean square, inside the root. Null or absent: the machine epsilon of the dtype. */
  readonly eps?: number | null | undefined;
}

/**
 * Root mean square normalization: `y = x / sqrt(mean(x^2) + eps) * weight`, the mean taken over the
 * normalized axes of each sample; no mean is subtracted and there is no bias.
 *
 * Shapes: x (*, normalizedShape) or any with `axes`; weight of the normalized shape.
 *
 * Source: Zhang and Sennrich 2019; PyTorch `torch.nn.functional.rms_norm`.
 *
 * @returns y, of x's dtype and shape
 * @throws TypeError if an argument is no tensor; RangeError if a shape is wrong
 * @example
 * const y = rmsNorm(x, { normalizedShape: [768], weight, eps: 1e-6 });
 */
export function rmsNorm(x: TensorLike, options: RMSNormOptions): Tensor {
  return rmsNormForward("rmsNorm", x, options).y;
}

/**
 * Gradients of {@link rmsNorm}; dBias is null.
 *
 * Formula: `dx = rstd * (g - xhat * mean(g * xhat))`, `g = dy * weight`, `xhat = x * rstd`.
 *
 * @throws as {@link rmsNorm}; RangeError if dy has not x's shape
 * @example
 * const { dx, dWeight } = rmsNormBackward(x, dy, { normalizedShape: [768], weight });
 */
export function rmsNormBackward(x: TensorLike, dy: TensorLike, options: RMSNormOptions): Gradients {
  const who = "rmsNormBackward";
  return trailingBackward(who, x, dy, options, epsOf(who, x, options), false);
}

/** {@link rmsNorm}, and its backward. */
export function rmsNormForward(who: string, x: TensorLike, options: RMSNormOptions): Forward {
  return trailingForward(who, x, options, epsOf(who, x, options), false);
}

function epsOf(who: string, x: TensorLike, options: RMSNormOptions): number {
  return options?.eps ?? machineEpsilon(asTensor(who, "input", x).dtype);
}
