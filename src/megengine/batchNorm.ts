import { batchNormForward } from "../functional/batchNorm.ts";
import { finiteNumber, withDefaults } from "../functional/checks.ts";
import type { Forward } from "../functional/core.ts";
import type { LayerOptions } from "../layers/layer.ts";
import { RunningNorm } from "../layers/runningNorm.ts";
import type { StateDictLike, StateEntry } from "../layers/stateDict.ts";
import { shapeText, sizeOf } from "../tensor/shape.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";

/** Options of MegEngine's batch normalization, with its defaults. */
export interface BatchNormOptions extends LayerOptions {
  /** Added to the variance, inside the root. Default 1e-5. */
  readonly eps?: number;
  /** Weight of the OLD value in the running statistics. Default 0.9, which is PyTorch's 0.1. */
  readonly momentum?: number;
  /** Whether there are weight and bias. Default true. */
  readonly affine?: boolean;
  /** Whether there are running statistics. Default true. */
  readonly trackRunningStats?: boolean;
  /** Whether the running statistics normalize and nothing is learned, in training too. Default false. */
  readonly freeze?: boolean;
}

const defaults = {
  eps: 1e-5,
  momentum: 0.9,
  affine: true,
  trackRunningStats: true,
  freeze: false,
  dtype: "float32" as const,
  backend: undefined,
};

abstract class BatchNorm extends RunningNorm {
  readonly statisticsOver = "batch" as const;

  override get weightOfNewBatch(): number {
    return 1 - (this.momentum as number);
  }

  /** Ranks that the layer takes. */
  protected abstract readonly ranks: readonly number[];

  constructor(who: string, numFeatures: number, options: BatchNormOptions) {
    const { freeze, ...full } = withDefaults(who, defaults, options);
    if (freeze && !full.trackRunningStats) {
      throw new RangeError(`${who}: track_running_stats must be initialized to True if freeze is True`);
    }
    super(who, numFeatures, {
      ...full,
      momentum: finiteNumber(who, "momentum", full.momentum),
      layout: "channels-first",
    });
    if (freeze) this.freeze();
  }

  protected compute(x: Tensor, out: TensorLike | undefined): Forward {
    this.batchedInput(x);
    const usesBatch = !this.frozen && (this.training || this.runningMean === null);
    const tracks = usesBatch && this.training && this.trackRunningStats;
    return batchNormForward(this.name, x, {
      runningMean: usesBatch && !tracks ? null : this.runningMean,
      runningVar: usesBatch && !tracks ? null : this.runningVar,
      weight: this.weight,
      bias: this.bias,
      training: usesBatch,
      momentum: this.momentum as number,
      momentumWeighs: "old",
      eps: this.eps,
      allowSingleValue: true,
      out,
      backend: this.backend,
    });
  }

  protected override featureShape(numFeatures: number): readonly number[] {
    return [1, numFeatures, 1, 1];
  }

  /** MegEngine counts no batches; a checkpoint holds parameters flat (v1.0) or as (1, C, 1, 1) (v1.1). */
  protected override stateEntries(dict?: StateDictLike, prefix?: string): StateEntry[] {
    return super
      .stateEntries(dict, prefix)
      .filter(({ key }) => key !== "num_batches_tracked")
      .map((entry) => ({
        ...entry,
        value: flat(entry.value),
        accepts: (shape) =>
          sizeOf(shape) === this.numFeatures && shape.length === 4 && shape[1] === sizeOf(shape),
      }));
  }

  batchedInput(x: Tensor): Tensor {
    if (!this.ranks.includes(x.shape.length)) {
      const ranks = this.ranks.map((rank) => `${rank}D`).join(" or ");
      throw new RangeError(`${this.name}: expected ${ranks} input (got ${x.shape.length}D input)`);
    }
    if (x.shape[1] !== this.numFeatures) {
      throw new RangeError(
        `${this.name}: expected input of shape (N, ${this.numFeatures}, *), got ${shapeText(x.shape)}`,
      );
    }
    return x;
  }
}

/** A parameter or buffer as the state dict writes it: 1-D. */
function flat(value: StateEntry["value"]): StateEntry["value"] {
  return { dtype: value.dtype, shape: [value.data.length], data: value.data };
}

/**
 * MegEngine's batch normalization of (N, C) or (N, C, L).
 *
 * Formula: `y = (x - mean) / sqrt(variance + eps) * weight + bias`;
 * `running = momentum * running + (1 - momentum) * batch`, the running variance from the unbiased one. Parameters
 * and statistics have shape (1, C, 1, 1); `stateDict()` writes them flat. One value per channel is not refused.
 *
 * Source: MegEngine `megengine.module.BatchNorm1d`.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape
 * @example
 * const bn = new BatchNorm1d(64, { momentum: 0.9, freeze: true });
 */
export class BatchNorm1d extends BatchNorm {
  readonly name: string = "BatchNorm1d";
  protected readonly ranks: readonly number[] = [2, 3];

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super("BatchNorm1d", numFeatures, options);
  }
}

/**
 * MegEngine's batch normalization of (N, C, H, W). See {@link BatchNorm1d}.
 *
 * Source: MegEngine `megengine.module.BatchNorm2d`.
 *
 * @throws as {@link BatchNorm1d}
 * @example
 * const y = new BatchNorm2d(64).forward(tensor(data, [8, 64, 56, 56]));
 */
export class BatchNorm2d extends BatchNorm {
  readonly name: string = "BatchNorm2d";
  protected readonly ranks: readonly number[] = [4];

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super("BatchNorm2d", numFeatures, options);
  }
}
