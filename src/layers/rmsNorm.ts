import { finiteNumber, withDefaults } from "../functional/checks.ts";
import type { Forward } from "../functional/core.ts";
import { rmsNormForward } from "../functional/rmsNorm.ts";
import { normalizedShapeOf } from "../functional/trailing.ts";
import { shapeText } from "../tensor/shape.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import { Layer, type LayerOptions } from "./layer.ts";
import { pythonValue } from "./python.ts";

/** Options of {@link RMSNorm}. */
export interface RMSNormLayerOptions extends LayerOptions {
  /** Added to the mean square, inside the root. Default null: the machine epsilon of the input's dtype. */
  readonly eps?: number | null;
  /** Whether there is a weight. Default true. */
  readonly elementwiseAffine?: boolean;
}

const defaults = {
  eps: null,
  elementwiseAffine: true,
  dtype: "float32" as const,
  backend: undefined,
};

/**
 * Root mean square normalization of (*, normalizedShape): `y = x / sqrt(mean(x^2) + eps) * weight`, per sample,
 * over the normalized shape; no mean is subtracted and there is no bias.
 *
 * Source: Zhang and Sennrich 2019; PyTorch `torch.nn.RMSNorm`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape
 * @example
 * const y = new RMSNorm(768, { eps: 1e-6 }).forward(tensor(data, [8, 196, 768]));
 */
export class RMSNorm extends Layer {
  readonly name: string = "RMSNorm";
  readonly normalizedShape: readonly number[];
  readonly eps: number | null;
  readonly elementwiseAffine: boolean;

  constructor(normalizedShape: number | readonly number[], options: RMSNormLayerOptions = {}) {
    const who = "RMSNorm";
    const full = withDefaults(who, defaults, options);
    super(who, full);
    this.normalizedShape = normalizedShapeOf(who, normalizedShape);
    this.eps = full.eps === null ? null : finiteNumber(who, "eps", full.eps);
    this.elementwiseAffine = full.elementwiseAffine;
    this.makeParameters(this.normalizedShape, full.elementwiseAffine, false);
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    const { normalizedShape, weight, eps, backend } = this;
    return rmsNormForward(this.name, x, { normalizedShape, weight, eps, out, backend });
  }

  protected describeOptions(): string {
    const { normalizedShape, eps, elementwiseAffine } = this;
    return `${shapeText(normalizedShape)}, eps=${pythonValue(eps)}, elementwise_affine=${pythonValue(elementwiseAffine)}`;
  }
}
