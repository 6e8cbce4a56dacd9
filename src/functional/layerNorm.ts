import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Forward, Gradients } from "./core.ts";
import { type TrailingNormOptions, trailingBackward, trailingForward } from "./trailing.ts";

/** Options of {@link layerNorm} and {@link layerNormBackward}; one of `normalizedShape` and `axes` is needed. */
export interface LayerNormOptions extends TrailingNormOptions {
  /** Added to the variance, inside the root. Default 1e-5. */
  readonly eps?: number | undefined;
}

/**
 * Layer normalization: `y = (x - mean) / sqrt(variance + eps) * weight + bias`, the mean and the biased
 * variance taken over the normalized axes of each sample.
 *
 * Shapes: x (*, normalizedShape) or any with `axes`; weight, bias of the normalized shape.
 *
 * Source: Ba, Kiros and Hinton 2016; PyTorch `torch.nn.functional.layer_norm`, WebNN `layerNormalization`.
 *
 * @returns y, of x's dtype and shape
 * @throws TypeError if an argument is no tensor; RangeError if a shape is wrong
 * @example
 * const y = layerNorm(x, { normalizedShape: [768], weight, bias });
 */
export function layerNorm(x: TensorLike, options: LayerNormOptions): Tensor {
  return layerNormForward("layerNorm", x, options).y;
}

/**
 * Gradients of {@link layerNorm}.
 *
 * Formula: `dx = rstd * (g - mean(g) - xhat * mean(g * xhat))`, `g = dy * weight`; dWeight and dBias have
 * the weight's shape.
 *
 * @throws as {@link layerNorm}; RangeError if dy has not x's shape
 * @example
 * const { dx, dWeight, dBias } = layerNormBackward(x, dy, { normalizedShape: [768], weight, bias });
 */
export function layerNormBackward(x: TensorLike, dy: TensorLike, options: LayerNormOptions): Gradients {
  return trailingBackward("layerNormBackward", x, dy, options, options?.eps ?? 1e-5, true);
}

/** {@link layerNorm}, and its backward. */
export function layerNormForward(who: string, x: TensorLike, options: LayerNormOptions): Forward {
  return trailingForward(who, x, options, options?.eps ?? 1e-5, true);
}
