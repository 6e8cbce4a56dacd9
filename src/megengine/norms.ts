import { finiteNumber, integerFrom, withDefaults } from "../functional/checks.ts";
import type { Forward } from "../functional/core.ts";
import { groupNormForward } from "../functional/groupNorm.ts";
import { instanceNormForward } from "../functional/instanceNorm.ts";
import { layerNormForward } from "../functional/layerNorm.ts";
import { localResponseNormForward } from "../functional/localResponseNorm.ts";
import { normalizedShapeOf } from "../functional/trailing.ts";
import { Layer, type LayerOptions } from "../layers/layer.ts";
import { pythonValue } from "../layers/python.ts";
import { describe, frontAxis, shapeText } from "../tensor/shape.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";

/** Options of MegEngine's group, layer, instance and general normalization. */
export interface AffineNormOptions extends LayerOptions {
  /** Added to the variance, inside the root. Default 1e-5. */
  readonly eps?: number;
  /** Whether there are weight and bias. Default true. */
  readonly affine?: boolean;
}

const defaults = { eps: 1e-5, affine: true, dtype: "float32" as const, backend: undefined };

abstract class AffineNorm extends Layer {
  readonly eps: number;
  readonly affine: boolean;

  constructor(who: string, parameterShape: readonly number[], options: AffineNormOptions) {
    const full = withDefaults(who, defaults, options);
    super(who, full);
    this.eps = finiteNumber(who, "eps", full.eps);
    this.affine = full.affine;
    this.makeParameters(parameterShape, full.affine, full.affine);
  }

  /** What every functional norm takes of this layer. */
  protected options(out: TensorLike | undefined): {
    readonly weight: Layer["weight"];
    readonly bias: Layer["bias"];
    readonly eps: number;
    readonly out: TensorLike | undefined;
    readonly backend: Layer["backend"];
  } {
    const { weight, bias, eps, backend } = this;
    return { weight, bias, eps, out, backend };
  }

  protected describeAffine(): string {
    return `eps=${pythonValue(this.eps)}, affine=${pythonValue(this.affine)}`;
  }

  protected checkChannels(x: Tensor, channels: number): void {
    if (x.shape.length < 2 || x.shape[1] !== channels) {
      throw new RangeError(
        `${this.name}: expected input of shape (N, ${channels}, *), got ${shapeText(x.shape)}`,
      );
    }
  }
}

/**
 * MegEngine's group normalization of (N, C, *); as PyTorch's, but a single value per group is not refused.
 *
 * Source: MegEngine `megengine.module.GroupNorm`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape
 * @example
 * const y = new GroupNorm(2, 8).forward(tensor(data, [2, 8, 3, 3]));
 */
export class GroupNorm extends AffineNorm {
  readonly name: string = "GroupNorm";
  readonly numGroups: number;
  readonly numChannels: number;

  constructor(numGroups: number, numChannels: number, options: AffineNormOptions = {}) {
    super("GroupNorm", [integerFrom("GroupNorm", "numChannels", numChannels, 0)], options);
    this.numGroups = integerFrom("GroupNorm", "numGroups", numGroups, 1);
    this.numChannels = numChannels;
    if (numChannels % numGroups !== 0) {
      throw new RangeError(
        `GroupNorm: num_channels (${numChannels}) must be divisible by num_groups (${numGroups})`,
      );
    }
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    this.checkChannels(x, this.numChannels);
    const { numGroups } = this;
    return groupNormForward(this.name, x, { ...this.options(out), numGroups, allowSingleValue: true });
  }

  protected describeOptions(): string {
    return `groups=${this.numGroups}, channels=${this.numChannels}, ${this.describeAffine()}`;
  }
}

/**
 * MegEngine's instance normalization of (N, C, *): affine by default, no running statistics, and a single
 * spatial element is not refused.
 *
 * Source: MegEngine `megengine.module.InstanceNorm`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape
 * @example
 * const y = new InstanceNorm(8).forward(tensor(data, [2, 8, 3, 3]));
 */
export class InstanceNorm extends AffineNorm {
  readonly name: string = "InstanceNorm";
  readonly numChannels: number;

  constructor(numChannels: number, options: AffineNormOptions = {}) {
    super("InstanceNorm", [integerFrom("InstanceNorm", "numChannels", numChannels, 0)], options);
    this.numChannels = numChannels;
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    this.checkChannels(x, this.numChannels);
    return instanceNormForward(this.name, x, { ...this.options(out), allowSingleValue: true });
  }

  protected describeOptions(): string {
    return `channels=${this.numChannels}, ${this.describeAffine()}`;
  }
}

/**
 * MegEngine's layer normalization of (*, normalizedShape).
 *
 * Source: MegEngine `megengine.module.LayerNorm`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape
 * @example
 * const y = new LayerNorm([4, 4]).forward(tensor(data, [2, 3, 4, 4]));
 */
export class LayerNorm extends AffineNorm {
  readonly name: string = "LayerNorm";
  readonly normalizedShape: readonly number[];

  constructor(normalizedShape: number | readonly number[], options: AffineNormOptions = {}) {
    const shape = normalizedShapeOf("LayerNorm", normalizedShape);
    super("LayerNorm", shape, options);
    this.normalizedShape = shape;
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    return layerNormForward(this.name, x, { ...this.options(out), normalizedShape: this.normalizedShape });
  }

  protected describeOptions(): string {
    return `normalized_shape=${shapeText(this.normalizedShape)}, ${this.describeAffine()}`;
  }
}

/**
 * MegEngine's normalization over any axes: `y = (x - mean) / sqrt(variance + eps) * weight + bias`, the mean and
 * the biased variance over `normalizedAxis`, weight and bias of `normalizedShape`, the extents of those axes.
 *
 * Source: MegEngine `megengine.module.GeneralNorm`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape
 * @example
 * const y = new GeneralNorm([3], [1]).forward(tensor(data, [2, 3, 2, 1]));
 */
export class GeneralNorm extends AffineNorm {
  readonly name: string = "GeneralNorm";
  readonly normalizedShape: readonly number[];
  readonly normalizedAxis: readonly number[];

  constructor(
    normalizedShape: number | readonly number[],
    normalizedAxis: number | readonly number[] = 0,
    options: AffineNormOptions = {},
  ) {
    const who = "GeneralNorm";
    const shape = normalizedShapeOf(who, normalizedShape);
    super(who, shape, options);
    const axes = [normalizedAxis].flat();
    if (!axes.every((axis) => Number.isInteger(axis))) {
      throw new TypeError(
        `${who}: expected normalizedAxis to be an integer or a list of integers, got ${describe(normalizedAxis)}`,
      );
    }
    if (axes.length !== shape.length) {
      throw new RangeError(
        `${who}: expected one axis for each extent of normalizedShape ${shapeText(shape)}, got ${describe(axes)}`,
      );
    }
    this.normalizedShape = shape;
    this.normalizedAxis = axes;
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    const { normalizedShape, normalizedAxis } = this;
    const extents = normalizedAxis.map((axis) => x.shape[frontAxis(this.name, axis, x.shape.length)]);
    if (extents.some((extent, place) => extent !== normalizedShape[place])) {
      throw new RangeError(
        `${this.name}: expected extents ${shapeText(normalizedShape)} at axes ${shapeText(normalizedAxis)}, ` +
          `got input of shape ${shapeText(x.shape)}`,
      );
    }
    return layerNormForward(this.name, x, { ...this.options(out), axes: normalizedAxis });
  }

  protected describeOptions(): string {
    const { normalizedShape, normalizedAxis } = this;
    return (
      `normalized_shape=${shapeText(normalizedShape)}, normalized_axis=${shapeText(normalizedAxis)}, ` +
      this.describeAffine()
    );
  }
}

/** Options of MegEngine's local response normalization, with its defaults. */
export interface LocalResponseNormOptions {
  /** Channels of the window; an even size sums one more, symmetrically. Default 5. */
  readonly kernelSize?: number;
  /** Added to the sum of squares. Default 2. */
  readonly k?: number;
  /** Factor of the sum of squares, not divided by the size. Default 1e-4. */
  readonly alpha?: number;
  /** Exponent. Default 0.75. */
  readonly beta?: number;
}

const lrnDefaults = { kernelSize: 5, k: 2, alpha: 1e-4, beta: 0.75 };

/**
 * MegEngine's local response normalization of (N, C, H, W):
 * `y = x / (k + alpha * sum of x^2 over floor(kernelSize / 2) channels on either side)^beta`.
 *
 * Source: MegEngine `megengine.module.LocalResponseNorm`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape
 * @example
 * const y = new LocalResponseNorm({ kernelSize: 3, k: 1 }).forward(tensor(data, [2, 9, 2, 2]));
 */
export class LocalResponseNorm extends Layer {
  readonly name: string = "LocalResponseNorm";
  readonly kernelSize: number;
  readonly k: number;
  readonly alpha: number;
  readonly beta: number;

  constructor(options: LocalResponseNormOptions = {}) {
    const who = "LocalResponseNorm";
    const full = withDefaults(who, lrnDefaults, options);
    super(who, {});
    this.kernelSize = integerFrom(who, "kernelSize", full.kernelSize, 1);
    this.k = finiteNumber(who, "k", full.k);
    this.alpha = finiteNumber(who, "alpha", full.alpha);
    this.beta = finiteNumber(who, "beta", full.beta);
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    if (x.shape.length < 2) {
      throw new RangeError(`${this.name}: expected input of shape (N, C, *), got ${shapeText(x.shape)}`);
    }
    const side = Math.floor(this.kernelSize / 2);
    return localResponseNormForward(this.name, x, {
      size: this.kernelSize,
      k: this.k,
      alpha: this.alpha,
      beta: this.beta,
      alphaDivisor: 1,
      channelsBefore: side,
      channelsAfter: side,
      out,
    });
  }

  protected describeOptions(): string {
    const { kernelSize, k, alpha, beta } = this;
    return `kernel_size=${kernelSize}, k=${pythonValue(k)}, alpha=${pythonValue(alpha)}, beta=${pythonValue(beta)}`;
  }
}
