import { type BatchNormOptions, batchNormForward } from "../functional/batchNorm.ts";
import { withDefaults } from "../functional/checks.ts";
import { type Forward, gradients, type Request } from "../functional/core.ts";
import { BatchNorm, type BatchNormLayerOptions } from "../layers/batchNorm.ts";
import type { CallOptions } from "../layers/layer.ts";
import { describe } from "../tensor/shape.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import { checkedGroup, checkTimeout, type ProcessGroup, type Step } from "./processGroup.ts";
import type { Rounds, Spread } from "./reduction.ts";
import { type SyncForward, syncBackward, syncForward } from "./syncBatch.ts";

/** What {@link SyncBatchNorm} takes besides the options of batch normalization. */
export interface SyncOptions {
  /** The ranks that share the batch; null: this one alone. */
  readonly group?: ProcessGroup | null;
  /** What errors call the layer, such as `layer1.bn1`. Default none. */
  readonly name?: string;
  /** Seconds that each exchange waits for the other ranks. Default the group's. */
  readonly timeout?: number | undefined;
}

/** Options of {@link SyncBatchNorm}. */
export interface SyncBatchNormOptions extends BatchNormLayerOptions, SyncOptions {}

const syncDefaults: Required<SyncOptions> = { group: null, name: "", timeout: undefined };

/**
 * Batch normalization of (N, C, *) whose batch is spread over ranks: in training the mean and the variance are those
 * of the samples of all ranks, which may hold different numbers of them, also none.
 *
 * Every rank makes the same calls in the same order; forward and backward in training block until all have come.
 * dx is the gradient over all ranks; `weight.grad` and `bias.grad` are this rank's part of the sums, as in PyTorch, to
 * be added or averaged with those of the others. In eval and when frozen it is {@link BatchNorm2d} and
 * sends nothing. However the samples are divided among ranks, results and running statistics have the same bits.
 *
 * When an exchange fails, on every rank, the running statistics and gradients are as before the call; what
 * was given as `out` may be partly written.
 *
 * Source: PyTorch `torch.nn.SyncBatchNorm`; merging by Chan, Golub and LeVeque 1979.
 *
 * @throws TypeError for an option or input of the wrong kind; RangeError for a wrong value or shape, and for a single value
 *   per channel in all ranks together; Error naming the ranks that are missing or out of step
 * @example
 * const group = await mpi();
 * const bn = new SyncBatchNorm(64, { group, name: "layer1.bn1" });
 * const y = bn.forward(x); // this rank's samples
 */
export class SyncBatchNorm extends BatchNorm {
  override readonly name: string = "SyncBatchNorm";
  /** The ranks that share the batch. */
  readonly group: ProcessGroup | null;
  /** What errors call the layer. */
  readonly label: string;
  /** Seconds that each exchange waits; undefined: the group's. */
  readonly timeout: number | undefined;
  #spread: Spread | undefined;
  #isSynchronized = false;
  #exchanges = 0;

  /** @param numFeatures channels C; null: taken from the first input */
  constructor(numFeatures: number | null, options: SyncBatchNormOptions = {}) {
    const { group, name, timeout, ...rest } = options;
    super("SyncBatchNorm", numFeatures, rest);
    const given = withDefaults("SyncBatchNorm", syncDefaults, { group, name, timeout });
    this.group = checkedGroup("SyncBatchNorm", given.group);
    if (typeof given.name !== "string") {
      throw new TypeError(`SyncBatchNorm: expected name to be a string, got ${describe(given.name)}`);
    }
    this.label = given.name;
    if (given.timeout !== undefined) checkTimeout("SyncBatchNorm", given.timeout);
    this.timeout = given.timeout;
  }

  /**
   * The same layer over the ranks of a group: it takes over the parameters and running statistics themselves, so
   * that an optimizer that holds them goes on, and the mode.
   *
   * @throws TypeError if `layer` is no batch normalization
   * @example
   * const bn = SyncBatchNorm.from(model.bn1, group, { name: "bn1" });
   */
  static from(
    layer: BatchNorm,
    group: ProcessGroup | null,
    options: Omit<SyncOptions, "group"> = {},
  ): SyncBatchNorm {
    if (!(layer instanceof BatchNorm)) {
      throw new TypeError(`SyncBatchNorm.from: expected a batch normalization, got ${describe(layer)}`);
    }
    const { numFeatures, eps, momentum, affine, layout, dtype, backend } = layer;
    const hasStatistics = numFeatures === null ? layer.trackRunningStats : layer.runningMean !== null;
    const common = { eps, momentum, affine, layout, dtype, backend, trackRunningStats: hasStatistics };
    const made = new SyncBatchNorm(numFeatures, { ...common, ...options, group });
    made.trackRunningStats = layer.trackRunningStats;
    made.numBatchesTracked = layer.numBatchesTracked;
    made.weight = layer.weight;
    made.bias = layer.bias;
    made.runningMean = layer.runningMean;
    made.runningVar = layer.runningVar;
    if (layer.frozen) made.freeze();
    return made.train(layer.training);
  }

  override forward(input: TensorLike, options: CallOptions = {}): Tensor {
    const isSynchronized = this.training && !this.frozen;
    return this.#together(isSynchronized, "forward", () => {
      const y = super.forward(input, options);
      this.#isSynchronized = isSynchronized;
      return y;
    });
  }

  override backward(dy: TensorLike, options: CallOptions = {}): Tensor {
    return this.#together(this.#isSynchronized, "backward", () => super.backward(dy, options));
  }

  protected override normalize(x: Tensor, options: BatchNormOptions): Forward {
    if (!this.training || !options.training) return super.normalize(x, options);
    return batchNormForward(this.name, x, { ...options, allowSingleValue: true }, (request) =>
      this.#normalize(request),
    );
  }

  protected spatialAxes(rank: number): readonly string[] {
    if (rank < 2) throw new RangeError(`${this.name}: expected at least 2D input (got ${rank}D input)`);
    return Array.from({ length: rank - 2 }, (_, axis) => `D${axis + 1}`);
  }

  #normalize(request: Request): Forward & Pick<SyncForward, "moments"> {
    const { rank, size } = this.group ?? { rank: 0, size: 1 };
    const terms = this.#terms(request.x);
    const rounds = syncForward(request, { rank, size, before: this.#spread });
    const { y, moments, saved, spread } = this.#exchange("forward", terms, rounds);
    this.#spread = spread;
    const backward: Forward["backward"] = (dy, out) =>
      gradients(saved, dy, out, (_, upstream, __, dx) =>
        this.#exchange("backward", terms, syncBackward(saved, upstream, dx, rank, spread)),
      );
    return { y, moments, backward };
  }

  /** What all ranks must have in common. */
  #terms(x: Tensor): string {
    const { numFeatures, eps, momentum } = this;
    return `${numFeatures} channels, ${x.dtype}, eps ${eps}, momentum ${momentum}`;
  }

  #step(direction: string, terms: string): Step {
    const { timeout } = this;
    return { what: `${[this.name, this.label].join(" ").trim()}, ${direction}`, terms, timeout };
  }

  #exchange<Result>(direction: string, terms: string, rounds: Rounds<Result>): Result {
    const step = this.#step(direction, terms);
    let next = rounds.next();
    while (!next.done) {
      this.#exchanges++;
      next = rounds.next(gathered(this.group, next.value, step));
    }
    return next.value;
  }

  /** Runs a call; where it fails before its first exchange, the others, who wait for this rank, are told why. */
  #together<Result>(isSynchronized: boolean, direction: string, call: () => Result): Result {
    const before = this.#exchanges;
    try {
      return call();
    } catch (error) {
      if (isSynchronized && this.group !== null && this.#exchanges === before) {
        const reason = error instanceof Error ? error.message : String(error);
        tell(this.group, this.#step(direction, `an error: ${reason}`));
      }
      throw error;
    }
  }
}

function gathered(group: ProcessGroup | null, message: Float64Array, step: Step): readonly Float64Array[] {
  if (group === null) return [message];
  const bytes = new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  return group
    .allGather(bytes, step)
    .map((each) => new Float64Array(each.buffer, each.byteOffset, each.byteLength / 8));
}

/** Takes part in an exchange that fails unless all ranks say the same. */
function tell(group: ProcessGroup, step: Step): void {
  try {
    group.allGather(new Uint8Array(0), step);
  } catch {
    // The caller throws what was told.
  }
}
