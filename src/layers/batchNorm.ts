import { type BatchNormOptions, batchNormForward } from "../functional/batchNorm.ts";
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

/** The modes and checks of batch normalization, for inputs of any rank. */
export abstract class BatchNorm extends RunningNorm {
  readonly statisticsOver = "batch" as const;

  /**
   * The names of the spatial axes of an input with so many axes.
   *
   * @throws RangeError if the layer takes no such input
   */
  protected abstract spatialAxes(rank: number): readonly string[];

  constructor(who: string, numFeatures: number | null, options: BatchNormLayerOptions) {
    super(who, numFeatures, withDefaults(who, defaults, options));
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    this.batchedInput(x);
    const usesBatch = !this.frozen && (this.training || this.runningMean === null);
    const tracks = this.training && this.trackRunningStats && !this.frozen && this.runningMean !== null;
    const forward = this.normalize(x, {
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
    if (tracks) this.countBatch();
    return forward;
  }

  /** Normalizes a checked input; layers that take the batch's statistics in another way override it. */
  protected normalize(x: Tensor, options: BatchNormOptions): Forward {
    return batchNormForward(this.name, x, options);
  }

  batchedInput(x: Tensor): Tensor {
    const names = this.spatialAxes(x.shape.length);
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

/** The one of `allowed` whose input has so many axes, the batch's and the channels' included. */
function axesOfRank(who: string, rank: number, allowed: readonly (readonly string[])[]): readonly string[] {
  const names = allowed.find((axes) => axes.length + 2 === rank);
  if (names === undefined) {
    const ranks = allowed.map((axes) => `${axes.length + 2}D`).join(" or ");
    throw new RangeError(`${who}: expected ${ranks} input (got ${rank}D input)`);
  }
  return names;
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

  /** @param numFeatures channels C; null: taken from the first input */
  constructor(numFeatures: number | null, options: BatchNormLayerOptions = {}) {
    super("BatchNorm1d", numFeatures, options);
  }

  protected spatialAxes(rank: number): readonly string[] {
    return axesOfRank(this.name, rank, [[], ["L"]]);
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

  /** @param numFeatures channels C; null: taken from the first input */
  constructor(numFeatures: number | null, options: BatchNormLayerOptions = {}) {
    super("BatchNorm2d", numFeatures, options);
  }

  protected spatialAxes(rank: number): readonly string[] {
    return axesOfRank(this.name, rank, [["H", "W"]]);
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

  /** @param numFeatures channels C; null: taken from the first input */
  constructor(numFeatures: number | null, options: BatchNormLayerOptions = {}) {
    super("BatchNorm3d", numFeatures, options);
  }

  protected spatialAxes(rank: number): readonly string[] {
    return axesOfRank(this.name, rank, [["D", "H", "W"]]);
  }
}
