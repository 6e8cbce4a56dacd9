import { finiteNumber, integerFrom, withDefaults } from "../functional/checks.ts";
import type { Forward } from "../functional/core.ts";
import { groupNormForward } from "../functional/groupNorm.ts";
import { shapeText } from "../tensor/shape.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import { channelAxisOf, Layer, type LayerOptions, type Layout } from "./layer.ts";
import { pythonValue } from "./python.ts";

/** Options of {@link GroupNorm}. */
export interface GroupNormLayerOptions extends LayerOptions {
  /** Added to the variance, inside the root. Default 1e-5. */
  readonly eps?: number;
  /** Whether there are weight and bias. Default true. */
  readonly affine?: boolean;
  /** Where the channels are. Default channels-first. */
  readonly layout?: Layout;
}

const defaults = {
  eps: 1e-5,
  affine: true,
  layout: "channels-first" as Layout,
  dtype: "float32" as const,
  backend: undefined,
};

/**
 * Group normalization of (N, C, *): `y = (x - mean) / sqrt(variance + eps) * weight + bias`, per sample and
 * group of C / numGroups neighbouring channels; weight and bias are per channel.
 *
 * Source: Wu and He 2018; PyTorch `torch.nn.GroupNorm`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape
 * @example
 * const y = new GroupNorm(32, 64).forward(tensor(data, [8, 64, 56, 56]));
 */
export class GroupNorm extends Layer {
  readonly name: string = "GroupNorm";
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly affine: boolean;
  readonly layout: Layout;
  /** Whether one value per group is accepted; PyTorch refuses it. */
  protected readonly allowSingleValue: boolean = false;
  readonly #channelAxis: number;

  constructor(numGroups: number, numChannels: number, options: GroupNormLayerOptions = {}) {
    const who = "GroupNorm";
    const full = withDefaults(who, defaults, options);
    super(who, full);
    this.numGroups = integerFrom(who, "numGroups", numGroups, 1);
    this.numChannels = integerFrom(who, "numChannels", numChannels, 0);
    if (numChannels % numGroups !== 0) {
      throw new RangeError(
        `${who}: num_channels (${numChannels}) must be divisible by num_groups (${numGroups})`,
      );
    }
    this.eps = finiteNumber(who, "eps", full.eps);
    this.affine = full.affine;
    this.layout = full.layout;
    this.#channelAxis = channelAxisOf(who, full.layout);
    this.makeParameters([numChannels], this.affine, this.affine);
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    const channels = x.shape.length < 2 ? undefined : x.shape.at(this.#channelAxis);
    if (channels !== this.numChannels) {
      const expected =
        this.layout === "channels-first" ? `N, ${this.numChannels}, *` : `N, *, ${this.numChannels}`;
      throw new RangeError(`${this.name}: expected input of shape (${expected}), got ${shapeText(x.shape)}`);
    }
    return groupNormForward(this.name, x, {
      numGroups: this.numGroups,
      weight: this.weight,
      bias: this.bias,
      eps: this.eps,
      axis: this.#channelAxis,
      allowSingleValue: this.allowSingleValue,
      out,
      backend: this.backend,
    });
  }

  protected describeOptions(): string {
    const { numGroups, numChannels, eps, affine } = this;
    return `${numGroups}, ${numChannels}, eps=${pythonValue(eps)}, affine=${pythonValue(affine)}`;
  }
}
