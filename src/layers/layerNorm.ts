import { finiteNumber, withDefaults } from "../functional/checks.ts";
import type { Forward } from "../functional/core.ts";
import { layerNormForward } from "../functional/layerNorm.ts";
import { normalizedShapeOf } from "../functional/trailing.ts";
import { shapeText } from "../tensor/shape.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import { Layer, type LayerOptions } from "./layer.ts";
import { pythonValue } from "./python.ts";

/** Options of {@link LayerNorm}. */
export interface LayerNormLayerOptions extends LayerOptions {
  /** Added to the variance, inside the root. Default 1e-5. */
  readonly eps?: number;
  /** Whether there are weight and bias. Default true. */
  readonly elementwiseAffine?: boolean;
  /** Whether an affine layer has a bias. Default true. */
  readonly bias?: boolean;
}

const defaults = {
  eps: 1e-5,
  elementwiseAffine: true,
  bias: true,
  dtype: "float32" as const,
  backend: undefined,
};

/**
 * Layer normalization of (*, normalizedShape): `y = (x - mean) / sqrt(variance + eps) * weight + bias`, per
 * sample, over the normalized shape; weight and bias have that whole shape.
 *
 * Source: Ba, Kiros and Hinton 2016; PyTorch `torch.nn.LayerNorm`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape
 * @example
 * const y = new LayerNorm(768).forward(tensor(data, [8, 196, 768]));
 */
export class LayerNorm extends Layer {
  readonly name: string = "LayerNorm";
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly elementwiseAffine: boolean;

  constructor(normalizedShape: number | readonly number[], options: LayerNormLayerOptions = {}) {
    const who = "LayerNorm";
    const full = withDefaults(who, defaults, options);
    super(who, full);
    this.normalizedShape = normalizedShapeOf(who, normalizedShape);
    this.eps = finiteNumber(who, "eps", full.eps);
    this.elementwiseAffine = full.elementwiseAffine;
    this.makeParameters(this.normalizedShape, full.elementwiseAffine, full.elementwiseAffine && full.bias);
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    const { normalizedShape, weight, bias, eps, backend } = this;
    return layerNormForward(this.name, x, { normalizedShape, weight, bias, eps, out, backend });
  }

  protected describeOptions(): string {
    const { normalizedShape, eps, elementwiseAffine } = this;
    return `${shapeText(normalizedShape)}, eps=${pythonValue(eps)}, elementwise_affine=${pythonValue(elementwiseAffine)}`;
  }
}
