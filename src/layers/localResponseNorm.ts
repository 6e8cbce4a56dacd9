import { finiteNumber, integerFrom, withDefaults } from "../functional/checks.ts";
import type { Forward } from "../functional/core.ts";
import { localResponseNormForward } from "../functional/localResponseNorm.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import { channelAxisOf, Layer, type Layout } from "./layer.ts";
import { pythonValue } from "./python.ts";

/** Options of {@link LocalResponseNorm} and {@link CrossMapLRN2d}. */
export interface LocalResponseNormLayerOptions {
  /** Factor of the mean square over the window. Default 1e-4. */
  readonly alpha?: number;
  /** Exponent. Default 0.75. */
  readonly beta?: number;
  /** Added to the mean square. Default 1. */
  readonly k?: number;
  /** Where the channels are. Default channels-first. */
  readonly layout?: Layout;
}

const defaults = { alpha: 1e-4, beta: 0.75, k: 1, layout: "channels-first" as Layout };

/**
 * Local response normalization of (N, C, *):
 * `y = x / (k + alpha / size * sum of x^2 over size neighbouring channels)^beta`.
 *
 * Near the first and last channel the window is cut, the divisor stays `size`; an even size takes its extra
 * channel on the low side.
 *
 * Source: Krizhevsky, Sutskever and Hinton 2012; PyTorch `torch.nn.LocalResponseNorm`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape
 * @example
 * const y = new LocalResponseNorm(5).forward(tensor(data, [8, 64, 56, 56]));
 */
export class LocalResponseNorm extends Layer {
  readonly name: string = "LocalResponseNorm";
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
  readonly layout: Layout;
  readonly #channelAxis: number;

  constructor(size: number, options: LocalResponseNormLayerOptions = {}) {
    const who = "LocalResponseNorm";
    super(who, {});
    const full = withDefaults(who, defaults, options);
    this.size = integerFrom(who, "size", size, 1);
    this.alpha = finiteNumber(who, "alpha", full.alpha);
    this.beta = finiteNumber(who, "beta", full.beta);
    this.k = finiteNumber(who, "k", full.k);
    this.layout = full.layout;
    this.#channelAxis = channelAxisOf(who, full.layout);
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    if (x.shape.length < 3) {
      throw new RangeError(
        `${this.name}: Expected 3D or higher dimensionality input (got ${x.shape.length} dimensions)`,
      );
    }
    const { size, alpha, beta, k } = this;
    return localResponseNormForward(this.name, x, {
      size,
      alpha,
      beta,
      k,
      axis: this.#channelAxis,
      ...this.window(),
      out,
    });
  }

  /** Channels on either side of the one normalized. */
  protected window(): { readonly channelsBefore: number; readonly channelsAfter: number } {
    const channelsBefore = Math.floor(this.size / 2);
    return { channelsBefore, channelsAfter: this.size - 1 - channelsBefore };
  }

  protected describeOptions(): string {
    const { size, alpha, beta, k } = this;
    return `${size}, alpha=${pythonValue(alpha)}, beta=${pythonValue(beta)}, k=${pythonValue(k)}`;
  }
}

/**
 * Local response normalization with a symmetric window: as {@link LocalResponseNorm}, but an even size sums
 * size - 1 channels and still divides by size.
 *
 * Source: PyTorch `torch.nn.CrossMapLRN2d`.
 *
 * @throws as {@link LocalResponseNorm}
 * @example
 * const y = new CrossMapLRN2d(3).forward(tensor(data, [1, 8, 5, 5]));
 */
export class CrossMapLRN2d extends LocalResponseNorm {
  override readonly name: string = "CrossMapLRN2d";

  protected override window(): { readonly channelsBefore: number; readonly channelsAfter: number } {
    const side = Math.floor((this.size - 1) / 2);
    return { channelsBefore: side, channelsAfter: side };
  }

  protected override describeOptions(): string {
    const { size, alpha, beta, k } = this;
    return `${size}, alpha=${pythonValue(alpha)}, beta=${pythonValue(beta)}, k=${k}`;
  }
}
