import { withDefaults } from "../functional/checks.ts";
import type { Forward } from "../functional/core.ts";
import { instanceNormForward } from "../functional/instanceNorm.ts";
import { type Tensor, type TensorLike, viewOf, wrap } from "../tensor/tensor.ts";
import { type FullRunningNormOptions, RunningNorm, type RunningNormOptions } from "./runningNorm.ts";

/** Options of {@link InstanceNorm1d}, {@link InstanceNorm2d} and {@link InstanceNorm3d}; affine and trackRunningStats default to false. */
export interface InstanceNormLayerOptions extends RunningNormOptions {}

const defaults: FullRunningNormOptions = {
  eps: 1e-5,
  momentum: 0.1,
  affine: false,
  trackRunningStats: false,
  layout: "channels-first",
  dtype: "float32",
  backend: undefined,
};

abstract class InstanceNorm extends RunningNorm {
  readonly statisticsOver = "instance" as const;
  /** Rank of an input without a batch axis. */
  protected abstract readonly unbatchedRank: number;

  constructor(who: string, numFeatures: number | null, options: InstanceNormLayerOptions) {
    super(who, numFeatures, withDefaults(who, defaults, options));
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    const batched = this.batchedInput(x);
    if (batched === x) return this.#normalize(x, out);
    const { y, backward } = this.#normalize(batched, out && withBatch(this.name, out));
    return {
      y: withoutBatch(y),
      backward: (dy, dxOut) => {
        const grads = backward(withBatch(this.name, dy), dxOut && withBatch(this.name, dxOut));
        return { ...grads, dx: withoutBatch(grads.dx) };
      },
    };
  }

  #normalize(x: Tensor, out: TensorLike | undefined): Forward {
    const hasBuffers = this.runningMean !== null;
    const usesInput = !this.frozen && (this.training || !this.trackRunningStats || !hasBuffers);
    const keepsBuffers = usesInput && !this.trackRunningStats;
    // The count never moves, so that momentum null, a weight of 0, leaves the statistics where they are.
    return instanceNormForward(this.name, x, {
      runningMean: keepsBuffers ? null : this.runningMean,
      runningVar: keepsBuffers ? null : this.runningVar,
      weight: this.weight,
      bias: this.bias,
      useInputStats: usesInput,
      momentum: this.momentum ?? 0,
      eps: this.eps,
      axis: this.channelAxis,
      out,
      backend: this.backend,
    });
  }

  batchedInput(x: Tensor): Tensor {
    this.#checkInput(x);
    return x.shape.length > this.unbatchedRank ? x : withBatch(this.name, x);
  }

  #checkInput(x: Tensor): void {
    const rank = x.shape.length;
    const { unbatchedRank } = this;
    if (rank !== unbatchedRank && rank !== unbatchedRank + 1) {
      throw new RangeError(
        `${this.name}: expected ${unbatchedRank}D or ${unbatchedRank + 1}D input (got ${rank}D input)`,
      );
    }
    const axis = this.channelAxis === -1 ? rank - 1 : rank - unbatchedRank;
    const channels = x.shape[axis];
    if (this.numFeatures === null) this.setNumFeatures(channels);
    if (channels === this.numFeatures) return;
    if (this.affine) {
      throw new RangeError(
        `${this.name}: expected input's size at dim=${axis} to match num_features (${this.numFeatures}), ` +
          `but got: ${channels}.`,
      );
    }
    console.warn(
      `${this.name}: input's size at dim=${axis} does not match num_features (${this.numFeatures}, got ` +
        `${channels}), which is not used because affine is false`,
    );
  }
}

/** (C, *) seen as (1, C, *), over the same memory. */
function withBatch(who: string, value: TensorLike): Tensor {
  const given = wrap(who, "input", value);
  return viewOf(given, [1, ...given.shape]) as Tensor;
}

function withoutBatch(y: Tensor): Tensor {
  return viewOf(y, y.shape.slice(1));
}

/**
 * Instance normalization of (N, C, L) or (C, L):
 * `y = (x - mean) / sqrt(variance + eps) * weight + bias`, per sample and channel, over L.
 *
 * With trackRunningStats, eval uses the running statistics, which follow in training the mean over the
 * samples of the means and unbiased variances; the count of batches is never incremented.
 *
 * Source: Ulyanov, Vedaldi and Lempitsky 2016; PyTorch `torch.nn.InstanceNorm1d`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape, and for a
 *   single spatial element
 * @example
 * const y = new InstanceNorm1d(64, { affine: true }).forward(tensor(data, [8, 64, 100]));
 */
export class InstanceNorm1d extends InstanceNorm {
  readonly name: string = "InstanceNorm1d";
  protected readonly unbatchedRank = 2;

  /** @param numFeatures channels C; null: taken from the first input */
  constructor(numFeatures: number | null, options: InstanceNormLayerOptions = {}) {
    super("InstanceNorm1d", numFeatures, options);
  }
}

/**
 * Instance normalization of (N, C, H, W) or (C, H, W): per sample and channel, over H and W.
 * See {@link InstanceNorm1d}.
 *
 * Source: Ulyanov, Vedaldi and Lempitsky 2016; PyTorch `torch.nn.InstanceNorm2d`.
 *
 * @throws as {@link InstanceNorm1d}
 * @example
 * const y = new InstanceNorm2d(64).forward(tensor(data, [8, 64, 56, 56]));
 */
export class InstanceNorm2d extends InstanceNorm {
  readonly name: string = "InstanceNorm2d";
  protected readonly unbatchedRank = 3;

  /** @param numFeatures channels C; null: taken from the first input */
  constructor(numFeatures: number | null, options: InstanceNormLayerOptions = {}) {
    super("InstanceNorm2d", numFeatures, options);
  }
}

/**
 * Instance normalization of (N, C, D, H, W) or (C, D, H, W): per sample and channel, over D, H and W.
 * See {@link InstanceNorm1d}.
 *
 * Source: Ulyanov, Vedaldi and Lempitsky 2016; PyTorch `torch.nn.InstanceNorm3d`.
 *
 * @throws as {@link InstanceNorm1d}
 * @example
 * const y = new InstanceNorm3d(16).forward(tensor(data, [2, 16, 4, 8, 8]));
 */
export class InstanceNorm3d extends InstanceNorm {
  readonly name: string = "InstanceNorm3d";
  protected readonly unbatchedRank = 4;

  /** @param numFeatures channels C; null: taken from the first input */
  constructor(numFeatures: number | null, options: InstanceNormLayerOptions = {}) {
    super("InstanceNorm3d", numFeatures, options);
  }
}
