import { checkOptions, finiteNumber, integerFrom, oneOf } from "../functional/checks.ts";
import { updateRunning } from "../functional/running.ts";
import { RunningNorm } from "../layers/runningNorm.ts";
import { type StatisticsAccumulator, statisticsAccumulator } from "../plan/exactStatistics.ts";
import type { StatisticsState } from "../plan/statisticsState.ts";
import { castArray, toFloat64 } from "../tensor/cast.ts";
import { describe, shapeText, sizeOf } from "../tensor/shape.ts";
import { asTensor, Tensor, type TensorLike } from "../tensor/tensor.ts";

/** How running statistics are computed again; see {@link CalibrationOptions.method}. */
export type CalibrateMethod = "precise" | "cumulative" | "momentum";

/** Options of {@link calibration}. */
export interface CalibrationOptions {
  /**
   * `precise`: of all values together, without rounding: the same bits whatever the batches and their order.
   * `cumulative`: the average of the batches' statistics, as PyTorch with momentum null.
   * `momentum`: starts from the layer's statistics and moves by `momentum` per batch, as training does.
   * The last two depend on how the data is split into batches, by definition. Default precise.
   */
  readonly method?: CalibrateMethod | undefined;
  /** Weight of each new batch with method momentum. Default: the layer's. */
  readonly momentum?: number | undefined;
  /** Divisor n - ddof of the variance: 1 in PyTorch and MegEngine, 0 in ONNX, Keras and TF.js. Default 1. */
  readonly ddof?: 0 | 1 | undefined;
  /** Where an earlier calibration with the same options stopped. */
  readonly state?: CalibrationState | undefined;
}

/** How much has been seen. */
export interface CalibrationProgress {
  readonly samples: number;
  readonly batches: number;
}

/** A calibration that can go on elsewhere: plain data that JSON holds exactly. */
export interface CalibrationState extends CalibrationProgress {
  readonly method: CalibrateMethod;
  readonly ddof: 0 | 1;
  /** Weight of a new batch; null unless the method is momentum. */
  readonly momentum: number | null;
  /** Batches that the layer had counted before. */
  readonly counted: number;
  /** What the precise method has seen; null for the others. */
  readonly seen: StatisticsState | null;
  /** Running statistics of the other methods; null for the precise one. */
  readonly running: { readonly mean: readonly number[]; readonly variance: readonly number[] } | null;
}

/** What a calibration came to. */
export interface CalibrateResult extends CalibrationProgress {
  readonly method: CalibrateMethod;
  /** The statistics before they were rounded to the layer's dtype. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** A calibration in progress; the layer does not change before `finish`. */
export interface Calibration extends CalibrationProgress {
  /**
   * Takes a batch in; one without samples changes nothing.
   *
   * @throws TypeError if it is no float tensor; RangeError if its shape does not fit
   */
  add(batch: TensorLike): void;
  /** How far it is, to go on later or elsewhere. */
  state(): CalibrationState;
  /**
   * Writes the statistics into the layer.
   *
   * @throws RangeError if there were no values, or NaN or Infinity among them; the layer keeps its statistics then
   */
  finish(): CalibrateResult;
}

const who = "calibrate";

/**
 * What `calibrate` does, in steps: for callers that save the state in between.
 *
 * @throws TypeError if the layer is none with running statistics; RangeError for a frozen or lazy layer, a wrong option, or a
 *   state that does not fit
 * @example
 * const work = calibration(bn, { state: saved });
 * work.add(x);
 * const saved = JSON.stringify(work.state());
 * work.finish();
 */
export function calibration(layer: RunningNorm, options: CalibrationOptions = {}): Calibration {
  checkOptions(who, options);
  const { mean, variance, channels } = statisticsOfLayer(layer);
  const method = oneOf(who, "method", options.method ?? "precise", ["precise", "cumulative", "momentum"]);
  const ddof = oneOf(who, "ddof", options.ddof ?? 1, [0, 1]);
  const momentum = method === "momentum" ? momentumOf(layer, options.momentum) : null;
  const kind = layer.statisticsOver;
  const seen = statisticsAccumulator(kind, channels);
  const running = { mean: asFloat64(mean), variance: asFloat64(variance) };
  const progress = { samples: 0, batches: 0 };
  let counted = layer.numBatchesTracked;
  if (options.state !== undefined) {
    resume(options.state, { method, ddof, momentum }, seen, running);
    progress.samples = options.state.samples;
    progress.batches = options.state.batches;
    counted = options.state.counted;
  }
  const statistics = (): { readonly mean: Float64Array; readonly variance: Float64Array } =>
    method === "precise"
      ? seen.statistics(ddof)
      : { mean: running.mean.data, variance: running.variance.data };
  return {
    get samples() {
      return progress.samples;
    },
    get batches() {
      return progress.batches;
    },
    add(batch) {
      const samples = samplesOf(layer, asTensor(who, "batch", batch));
      if (samples.count === 0) return;
      const target = method === "precise" ? seen : statisticsAccumulator(kind, channels);
      target.add(samples.data, samples.count, samples.pool, samples.inner);
      if (method !== "precise") {
        const taken = target.statistics(ddof);
        const weight = momentum ?? 1 / (progress.batches + 1);
        updateRunning(running.mean, taken.mean, weight);
        updateRunning(running.variance, taken.variance, weight);
      }
      progress.samples += samples.count;
      progress.batches += 1;
    },
    state() {
      const isPrecise = method === "precise";
      const kept = { mean: [...running.mean.data], variance: [...running.variance.data] };
      const work = { seen: isPrecise ? seen.state() : null, running: isPrecise ? null : kept };
      return { method, ddof, momentum, ...progress, counted, ...work };
    },
    finish() {
      if (progress.samples === 0) throw new RangeError(`${who}: expected at least one sample, got none`);
      const found = statistics();
      const newMean = castArray(withoutNegativeZeros(found.mean), "float64", mean.dtype);
      const newVariance = castArray(found.variance, "float64", variance.dtype);
      checkFinite("mean", toFloat64(newMean, mean.dtype), mean.dtype);
      checkFinite("variance", toFloat64(newVariance, variance.dtype), variance.dtype);
      (mean.data as Float64Array).set(newMean as Float64Array);
      (variance.data as Float64Array).set(newVariance as Float64Array);
      // An instance norm never counts.
      if (kind === "batch") {
        const { batches } = progress;
        const counts = { precise: 1, cumulative: batches, momentum: counted + batches };
        layer.numBatchesTracked = counts[method];
      }
      return { method, ...progress, mean: found.mean.slice(), variance: found.variance.slice() };
    },
  };
}

function statisticsOfLayer(layer: RunningNorm): {
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly channels: number;
} {
  if (!(layer instanceof RunningNorm)) {
    throw new TypeError(`${who}: expected a BatchNorm or an InstanceNorm layer, got ${describe(layer)}`);
  }
  const { runningMean, runningVar, numFeatures, name } = layer;
  if (numFeatures === null) {
    throw new RangeError(`${who}: expected a layer with its channels set, got a lazy ${name}; run it once`);
  }
  if (runningMean === null || runningVar === null) {
    throw new RangeError(
      `${who}: expected a layer with running statistics, got ${layer}; trackRunningStats is off`,
    );
  }
  if (layer.frozen)
    throw new RangeError(`${who}: expected a layer that may change, got a frozen ${name}; unfreeze() it`);
  return { mean: runningMean, variance: runningVar, channels: numFeatures };
}

function momentumOf(layer: RunningNorm, given: number | undefined): number {
  const momentum = given ?? layer.weightOfNewBatch;
  if (momentum === null) {
    throw new RangeError(
      `${who}: expected a momentum, got a ${layer.name} with momentum null; use the cumulative method`,
    );
  }
  return finiteNumber(who, "momentum", momentum);
}

/** JSON writes -0 as 0, so that a resumed calibration has no negative zeros either. */
function withoutNegativeZeros(values: Float64Array): Float64Array {
  return values.map((value) => value + 0);
}

function asFloat64({ data, dtype, shape }: Tensor): Tensor<"float64"> {
  return new Tensor("float64", shape, toFloat64(data, dtype).slice());
}

/** A batch as `[count, pool, channel, inner]`, in float32 or float64. */
interface Samples {
  readonly data: Float32Array | Float64Array;
  readonly count: number;
  readonly pool: number;
  readonly inner: number;
}

function samplesOf(layer: RunningNorm, x: Tensor): Samples {
  const { shape, data, dtype } = layer.batchedInput(x);
  const axis = layer.layout === "channels-first" ? 1 : shape.length - 1;
  if (shape[axis] !== layer.numFeatures) {
    throw new RangeError(`${who}: expected ${layer.numFeatures} channels, got shape ${shapeText(shape)}`);
  }
  const isDouble = dtype === "float64";
  // The 16-bit types are exact in float32.
  const values = isDouble || dtype === "float32" ? data : castArray(data, dtype, "float32");
  return {
    data: values as Float32Array | Float64Array,
    count: sizeOf(shape) === 0 ? 0 : shape[0],
    pool: sizeOf(shape.slice(1, axis)),
    inner: sizeOf(shape.slice(axis + 1)),
  };
}

function checkFinite(name: string, values: Float64Array, dtype: string): void {
  const channel = values.findIndex((value) => !Number.isFinite(value));
  if (channel === -1) return;
  const others = values.filter((value) => !Number.isFinite(value)).length - 1;
  throw new RangeError(
    `${who}: expected finite ${dtype} statistics, got a ${name} of ${values[channel]} in channel ${channel}` +
      `${others > 0 ? ` (and ${others} more)` : ""}: the data holds NaN, Infinity or numbers too large`,
  );
}

/** Takes over what an earlier calibration saw, once all of it is found to fit. */
function resume(
  state: CalibrationState,
  options: Pick<CalibrationState, "method" | "ddof" | "momentum">,
  seen: StatisticsAccumulator,
  running: { readonly mean: Tensor<"float64">; readonly variance: Tensor<"float64"> },
): void {
  if (typeof state !== "object" || state === null) {
    throw new TypeError(`${who}: expected a state of an earlier calibration, got ${describe(state)}`);
  }
  for (const key of ["method", "ddof", "momentum"] as const) {
    if (state[key] !== options[key]) {
      throw new RangeError(
        `${who}: expected to go on with ${key} ${describe(state[key])} as before, got ${describe(options[key])}`,
      );
    }
  }
  integerFrom(who, "samples of the state", state.samples, 0);
  integerFrom(who, "batches of the state", state.batches, 0);
  integerFrom(who, "counted batches of the state", state.counted, 0);
  if (options.method === "precise") {
    seen.merge(state.seen as StatisticsState);
    return;
  }
  const { mean, variance } = state.running ?? {};
  const areRight = [mean, variance].every(
    (values) => values?.length === running.mean.size && values.every((value) => typeof value === "number"),
  );
  if (!areRight) {
    throw new RangeError(
      `${who}: expected a state with the running statistics of ${running.mean.size} channels`,
    );
  }
  running.mean.data.set(mean as readonly number[]);
  running.variance.data.set(variance as readonly number[]);
}
