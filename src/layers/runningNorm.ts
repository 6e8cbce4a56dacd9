import { finiteNumber, integerFrom } from "../functional/checks.ts";
import type { StatisticsKind } from "../plan/statisticsState.ts";
import { sameShape, sizeOf } from "../tensor/shape.ts";
import { type Tensor, type TensorLike, wrap, zerosInArray } from "../tensor/tensor.ts";
import { type CallOptions, channelAxisOf, fill, Layer, type LayerOptions, type Layout } from "./layer.ts";
import { pythonValue } from "./python.ts";
import {
  entriesUnder,
  type LoadOptions,
  type LoadResult,
  type StateDictLike,
  type StateEntry,
  versionOf,
} from "./stateDict.ts";

/** Options of batch and instance normalization. */
export interface RunningNormOptions extends LayerOptions {
  /** Added to the variance, inside the root. Default 1e-5. */
  readonly eps?: number;
  /** Weight of the new value in the running statistics; null: the cumulative average. Default 0.1. */
  readonly momentum?: number | null;
  /** Whether there are weight and bias. */
  readonly affine?: boolean;
  /** Whether there are running statistics. */
  readonly trackRunningStats?: boolean;
  /** Where the channels are. Default channels-first. */
  readonly layout?: Layout;
}

/** The options, each with a value. */
export type FullRunningNormOptions = Required<Omit<RunningNormOptions, "backend">> &
  Pick<RunningNormOptions, "backend">;

/** Per-channel parameters and running statistics, shared by batch and instance normalization. */
export abstract class RunningNorm extends Layer {
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly layout: Layout;
  /** Whether the running statistics move; switching it off later leaves the buffers in use by eval. */
  trackRunningStats: boolean;
  /** Running mean, C elements, or null. */
  runningMean: Tensor | null = null;
  /** Running variance, C elements, or null. */
  runningVar: Tensor | null = null;
  /** Whether the running statistics are of all samples together, or means of each sample's own. */
  abstract readonly statisticsOver: StatisticsKind;
  protected readonly channelAxis: number;
  #numFeatures: number | null;
  readonly #hasBuffers: boolean;
  readonly #tracked = zerosInArray([], "int64");

  constructor(who: string, numFeatures: number | null, options: FullRunningNormOptions) {
    super(who, options);
    this.eps = finiteNumber(who, "eps", options.eps);
    this.momentum = options.momentum === null ? null : finiteNumber(who, "momentum", options.momentum);
    this.affine = options.affine;
    this.layout = options.layout;
    this.channelAxis = channelAxisOf(who, options.layout);
    this.trackRunningStats = options.trackRunningStats;
    this.#hasBuffers = options.trackRunningStats;
    this.#numFeatures = null;
    if (numFeatures !== null) this.setNumFeatures(integerFrom(who, "numFeatures", numFeatures, 0));
  }

  /** Weight of a new batch in the running statistics; null: the cumulative average. */
  get weightOfNewBatch(): number | null {
    return this.momentum;
  }

  /** Number of channels; null until a lazy layer has seen its first input. */
  get numFeatures(): number | null {
    return this.#numFeatures;
  }

  /** Training batches seen. */
  get numBatchesTracked(): number {
    return Number(this.#tracked.data[0]);
  }

  set numBatchesTracked(count: number) {
    this.#tracked.data[0] = BigInt(count);
  }

  /** One more training batch seen. */
  protected countBatch(): void {
    this.#tracked.data[0] += 1n;
  }

  /** Sets the running mean to 0, the running variance to 1 and the count to 0. */
  resetRunningStats(): void {
    if (this.runningMean) fill(this.runningMean, 0);
    if (this.runningVar) fill(this.runningVar, 1);
    this.numBatchesTracked = 0;
  }

  /** Freezes; the layer must have running statistics. */
  override freeze(): this {
    if (!this.#hasBuffers) {
      throw new RangeError(`${this.name}: freeze needs running statistics (trackRunningStats: true)`);
    }
    return super.freeze();
  }

  override forward(input: TensorLike, options: CallOptions = {}): Tensor {
    if (this.#numFeatures !== null) return super.forward(input, options);
    return this.#lazyAgainOnError(() => super.forward(input, options));
  }

  override loadStateDict(dict: StateDictLike, options: LoadOptions = {}): LoadResult {
    return this.#lazyAgainOnError(() => super.loadStateDict(dict, options));
  }

  /**
   * The input with a batch axis, once its shape is found to fit; a lazy layer takes its size from it.
   *
   * @throws RangeError if it does not fit
   */
  abstract batchedInput(x: Tensor): Tensor;

  /** Makes parameters and buffers for this many channels. */
  protected setNumFeatures(numFeatures: number): void {
    this.#numFeatures = numFeatures;
    this.makeParameters(this.featureShape(numFeatures), this.affine, this.affine);
    if (this.#hasBuffers) {
      this.runningMean = zerosInArray(this.featureShape(numFeatures), this.dtype);
      this.runningVar = zerosInArray(this.featureShape(numFeatures), this.dtype);
      this.resetRunningStats();
    }
  }

  /** Shape of parameters and buffers. */
  protected featureShape(numFeatures: number): readonly number[] {
    return [numFeatures];
  }

  protected override stateEntries(dict?: StateDictLike, prefix = ""): StateEntry[] {
    if (dict && this.#numFeatures === null) this.#materializeFrom(dict, prefix);
    const entries = super.stateEntries();
    if (this.runningMean && this.runningVar) {
      // A dict that states no version may be of version 1, which had no count.
      const version = dict && versionOf(dict, prefix);
      entries.push(
        { key: "running_mean", value: this.runningMean },
        { key: "running_var", value: this.runningVar },
        {
          key: "num_batches_tracked",
          value: this.#tracked,
          optional: version === undefined || version < 2,
          // Tensors without axes were written with one in PyTorch 0.3.
          accepts: (shape) => sameShape(shape, [1]),
        },
      );
    }
    return entries;
  }

  protected describeOptions(): string {
    const { eps, momentum, affine, trackRunningStats } = this;
    return (
      `${this.#numFeatures ?? 0}, eps=${pythonValue(eps)}, momentum=${pythonValue(momentum)}, ` +
      `affine=${pythonValue(affine)}, track_running_stats=${pythonValue(trackRunningStats)}`
    );
  }

  /** A lazy layer that a call has sized is lazy again when the call throws. */
  #lazyAgainOnError<Result>(call: () => Result): Result {
    const wasLazy = this.#numFeatures === null;
    try {
      return call();
    } catch (error) {
      if (wasLazy) {
        this.#numFeatures = null;
        this.weight = null;
        this.bias = null;
        this.runningMean = null;
        this.runningVar = null;
      }
      throw error;
    }
  }

  #materializeFrom(dict: StateDictLike, prefix: string): void {
    const given = entriesUnder(this.name, dict, prefix);
    const sized = given.get("weight") ?? given.get("running_mean");
    if (sized !== undefined) this.setNumFeatures(sizeOf(wrap(this.name, "weight", sized).shape));
  }
}
