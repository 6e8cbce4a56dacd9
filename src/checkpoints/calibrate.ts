import { checkOptions } from "../functional/checks.ts";
import type { RunningNorm } from "../layers/runningNorm.ts";
import { describe } from "../tensor/shape.ts";
import type { TensorLike } from "../tensor/tensor.ts";
import {
  type CalibrateResult,
  type CalibrationOptions,
  type CalibrationProgress,
  calibration,
} from "./calibration.ts";

/** Options of {@link calibrate}. */
export interface CalibrateOptions extends CalibrationOptions {
  /** Stops the calibration; the layer keeps its statistics. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch. */
  readonly onProgress?: ((progress: CalibrationProgress) => void) | undefined;
}

const who = "calibrate";

/**
 * Computes a layer's running statistics again, over activations that come batch by batch.
 *
 * Formula: `mean = sum(x) / n`, `variance = sum((x - mean)^2) / (n - ddof)` over all samples (BatchNorm), or the means
 * over the samples of each one's own (InstanceNorm). The layer's weight, bias and mode stay.
 * `numBatchesTracked` becomes 1 (precise: all data is one batch), the number of batches (cumulative), or that many more
 * (momentum); an InstanceNorm's stays.
 *
 * Source: Wu and Johnson 2021, "Rethinking Batch in BatchNorm", section 3; PyTorch `torch.optim.swa_utils.update_bn`.
 *
 * @throws TypeError if the layer is none with running statistics, or a batch no float tensor; RangeError for a frozen or
 *   lazy layer, a wrong shape or option, NaN or Infinity, or no values; the signal's reason. The layer keeps its statistics then
 * @example
 * await calibrate(bn, activations); // any iterable or async iterable of tensors (N, C, H, W)
 */
export async function calibrate(
  layer: RunningNorm,
  batches: Iterable<TensorLike> | AsyncIterable<TensorLike>,
  options: CalibrateOptions = {},
): Promise<CalibrateResult> {
  checkOptions(who, options);
  const all = batchesOf(batches);
  const work = calibration(layer, options);
  options.signal?.throwIfAborted();
  for await (const batch of all) {
    options.signal?.throwIfAborted();
    work.add(batch);
    if (options.onProgress !== undefined) {
      const { samples, batches: count } = work;
      options.onProgress({ samples, batches: count });
    }
  }
  options.signal?.throwIfAborted();
  return work.finish();
}

/**
 * Any iterable of batches as an async one.
 *
 * @throws TypeError if it is no iterable of tensors
 * @example
 * for await (const batch of batchesOf([x])) work.add(batch);
 */
export function batchesOf(
  batches: Iterable<TensorLike> | AsyncIterable<TensorLike>,
): AsyncGenerator<TensorLike> {
  const isIterable =
    typeof batches === "object" &&
    batches !== null &&
    (Symbol.iterator in batches || Symbol.asyncIterator in batches) &&
    !ArrayBuffer.isView(batches);
  if (!isIterable) {
    throw new TypeError(`${who}: expected an iterable of tensors, got ${describe(batches)}`);
  }
  return (async function* () {
    yield* batches;
  })();
}
