import { batchNormForward } from "../functional/batchNorm.ts";
import { withDefaults } from "../functional/checks.ts";
import type { Forward } from "../functional/core.ts";
import { shapeText } from "../tensor/shape.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import { type FullRunningNormOptions, RunningNorm, type RunningNormOptions } from "./runningNorm.ts";

/** Options of {@link BatchNorm1d}, {@link BatchNorm2d} and {@link BatchNorm3d}; affine and trackRunningStats default to true. */
export interface BatchNormLayerOptions extends RunningNormOptions {}

const defaults: FullRunningNormOptions = {
  eps: 1e-5,
  momentum: 0.1,
  affine: true,
  trackRunningStats: true,
  layout: "channels-first",
  dtype: "float32",
  backend: undefined,
};

abstract class BatchNorm extends RunningNorm {
  readonly statisticsOver = "batch" as const;
  /** The spatial axes' names for each rank that the layer takes. */
  protected abstract readonly spatial: readonly (readonly string[])[];

  constructor(who: string, numFeatures: number | null, options: BatchNormLayerOptions) {
    super(who, numFeatures, withDefaults(who, defaults, options));
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    this.batchedInput(x);
    const usesBatch = !this.frozen && (this.training || this.runningMean === null);
    const tracks = this.training && this.trackRunningStats && !this.frozen && this.runningMean !== null;
    const forward = batchNormForward(this.name, x, {
      runningMean: usesBatch && !tracks ? null : this.runningMean,
      runningVar: usesBatch && !tracks ? null : this.runningVar,
      weight: this.weight,
      bias: this.bias,
      training: usesBatch,
      momentum: this.momentum ?? 1 / (this.numBatchesTracked + 1),
      eps: this.eps,
      axis: this.channelAxis,
      out,
      backend: this.backend,
    });
    if (tracks) this.numBatchesTracked += 1;
    return forward;
  }

  batchedInput(x: Tensor): Tensor {
    const names = this.spatial.find((axes) => axes.length + 2 === x.shape.length);
    if (names === undefined) {
      const ranks = this.spatial.map((axes) => `${axes.length + 2}D`).join(" or ");
      throw new RangeError(`${this.name}: expected ${ranks} input (got ${x.shape.length}D input)`);
    }
    const channels = x.shape.at(this.channelAxis) as number;
    if (this.numFeatures === null) this.setNumFeatures(channels);
    if (channels !== this.numFeatures) {
      const axes = this.channelAxis === 1 ? [this.numFeatures, ...names] : [...names, this.numFeatures];
      throw new RangeError(
        `${this.name}: expected input of shape (N, ${axes.join(", ")}), got ${shapeText(x.shape)}`,
      );
    }
    return x;
  }
}

/**
 * Batch normalization of (N, C) or (N, C, L):
 * `y = (x - mean) / sqrt(variance + eps) * weight + bias`, per channel, over N and L.
 *
 * In training the batch's mean and biased variance normalize, and the running ones follow the mean and the
 * unbiased variance by `momentum`; in eval, and when frozen, the running ones normalize.
 *
 * Source: Ioffe and Szegedy 2015; PyTorch `torch.nn.BatchNorm1d`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape, and for
 *   a single value per channel in training
 * @example
 * const bn = new BatchNorm1d(64);
 * const y = bn.forward(tensor(data, [32, 64]));
 */
export class BatchNorm1d extends BatchNorm {
  readonly name: string = "BatchNorm1d";
  protected readonly spatial: readonly (readonly string[])[] = [[], ["L"]];

  /** @param numFeatures channels C; null: taken from the first input */
  constructor(numFeatures: number | null, options: BatchNormLayerOptions = {}) {
    super("BatchNorm1d", numFeatures, options);
  }
}

/**
 * Batch normalization of (N, C, H, W): per channel, over N, H and W. See {@link BatchNorm1d}.
 *
 * Source: Ioffe and Szegedy 2015; PyTorch `torch.nn.BatchNorm2d`.
 *
 * @throws as {@link BatchNorm1d}
 * @example
 * const bn = new BatchNorm2d(64, { eps: 1e-5, momentum: 0.1 });
 * const y = bn.forward(tensor(data, [8, 64, 56, 56]));
 * const dx = bn.backward(dy); // fills bn.weight.grad and bn.bias.grad
 */
export class BatchNorm2d extends BatchNorm {
  readonly name: string = "BatchNorm2d";
  protected readonly spatial: readonly (readonly string[])[] = [["H", "W"]];

  /** @param numFeatures channels C; null: taken from the first input */
  constructor(numFeatures: number | null, options: BatchNormLayerOptions = {}) {
    super("BatchNorm2d", numFeatures, options);
  }
}

/**
 * Batch normalization of (N, C, D, H, W): per channel, over N, D, H and W. See {@link BatchNorm1d}.
 *
 * Source: Ioffe and Szegedy 2015; PyTorch `torch.nn.BatchNorm3d`.
 *
 * @throws as {@link BatchNorm1d}
 * @example
 * const y = new BatchNorm3d(16).forward(tensor(data, [2, 16, 4, 8, 8]));
 */
export class BatchNorm3d extends BatchNorm {
  readonly name: string = "BatchNorm3d";
  protected readonly spatial: readonly (readonly string[])[] = [["D", "H", "W"]];

  /** @param numFeatures channels C; null: taken from the first input */
  constructor(numFeatures: number | null, options: BatchNormLayerOptions = {}) {
    super("BatchNorm3d", numFeatures, options);
  }
}
