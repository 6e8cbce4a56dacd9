import { batchesOf, type CalibrateOptions } from "../checkpoints/calibrate.ts";
import {
  type CalibrateResult,
  type Calibration,
  type CalibrationProgress,
  type CalibrationState,
  calibration,
} from "../checkpoints/calibration.ts";
import { checkOptions } from "../functional/checks.ts";
import type { RunningNorm } from "../layers/runningNorm.ts";
import { statisticsAccumulator } from "../plan/exactStatistics.ts";
import type { StatisticsState } from "../plan/statisticsState.ts";
import type { TensorLike } from "../tensor/tensor.ts";
import { checkedGroup, checkTimeout, type ProcessGroup, type Step } from "./processGroup.ts";
import { together } from "./together.ts";

/** Options of {@link calibrateDistributed}. */
export interface CalibrateDistributedOptions extends Omit<CalibrateOptions, "method" | "momentum"> {
  /** The ranks that the data is spread over; null: this one alone. */
  readonly group: ProcessGroup | null;
  /** Seconds that each exchange waits for the other ranks; there is one about every second. Default the group's. */
  readonly timeout?: number | undefined;
}

const who = "calibrateDistributed";

/** Milliseconds that a rank reads before it looks after the others. */
const sliceMilliseconds = 500;

/**
 * Computes a layer's running statistics again, over activations that are spread over ranks.
 *
 * Every rank gives its own part of the data, which may be none, and all end with the statistics of all of it: the
 * same bits as one process over everything, however the data is divided, since nothing is rounded before the end
 * (method `precise` of `calibrate`; the other methods depend on an order, which ranks do not have).
 *
 * About every second the ranks tell each other how far they are, so that a rank that fails or dies ends all, and
 * `onProgress` counts the samples of all. Each layer keeps its statistics then.
 *
 * @param batches this rank's activations, any iterable or async iterable of tensors
 * @throws RankError on every rank if one cannot go on, with the error of `calibrate` as the cause there; Error naming the ranks
 *   that are missing, or whose layers differ; RangeError on every rank if there were no values, or NaN or Infinity
 * @example
 * const group = await mpi();
 * const own = files.filter((_, file) => file % group.size === group.rank);
 * await calibrateDistributed(bn, activationsIn(own), { group });
 */
export async function calibrateDistributed(
  layer: RunningNorm,
  batches: Iterable<TensorLike> | AsyncIterable<TensorLike>,
  options: CalibrateDistributedOptions,
): Promise<CalibrateResult> {
  checkOptions(who, options);
  const { group: givenGroup, timeout, signal, onProgress, ...given } = options;
  const group = checkedGroup(who, givenGroup);
  if (timeout !== undefined) checkTimeout(who, timeout);
  const step: Step = { what: who, timeout };
  const settings = { ...given, method: "precise" as const };
  let work: Calibration | undefined;
  let slices: AsyncGenerator<CalibrationProgress> | undefined;
  await together(group, step, () => {
    signal?.throwIfAborted();
    work = calibration(layer, settings);
    slices = inSlices(work, batchesOf(batches), signal);
  });
  const { ddof } = (work as Calibration).state();
  const terms = `${layer.numFeatures} channels, ${layer.dtype}, ${layer.statisticsOver} statistics, ddof ${ddof}`;
  try {
    await inStep(
      slices as AsyncGenerator<CalibrationProgress>,
      (next) => together(group, { ...step, terms }, next),
      onProgress,
    );
    const states = await together(group, { ...step, terms }, () => (work as Calibration).state());
    return calibration(layer, { ...settings, state: joined(layer, states) }).finish();
  } finally {
    await slices?.return(undefined);
  }
}

/** How far a rank is. */
interface Place extends CalibrationProgress {
  readonly isDone: boolean;
}

/** Goes through the ranks' slices in step until all have come to their ends. */
async function inStep(
  slices: AsyncGenerator<CalibrationProgress>,
  exchange: (next: () => Promise<Place>) => Promise<Place[]>,
  onProgress: CalibrateOptions["onProgress"],
): Promise<void> {
  let last: CalibrationProgress = { samples: 0, batches: 0 };
  for (;;) {
    const places = await exchange(async () => {
      const { value, done } = await slices.next();
      last = value ?? last;
      return { ...last, isDone: done === true };
    });
    onProgress?.({ samples: sumOf(places, "samples"), batches: sumOf(places, "batches") });
    if (places.every(({ isDone }) => isDone)) return;
  }
}

/** Takes the batches in, and says how far it is now and then. */
async function* inSlices(
  work: Calibration,
  batches: AsyncIterable<TensorLike>,
  signal: AbortSignal | undefined,
): AsyncGenerator<CalibrationProgress, CalibrationProgress> {
  let since = Date.now();
  const place = (): CalibrationProgress => ({ samples: work.samples, batches: work.batches });
  for await (const batch of batches) {
    signal?.throwIfAborted();
    work.add(batch);
    if (Date.now() - since < sliceMilliseconds) continue;
    yield place();
    since = Date.now();
  }
  signal?.throwIfAborted();
  return place();
}

/** One state of all that the ranks have seen. */
function joined(layer: RunningNorm, states: readonly CalibrationState[]): CalibrationState {
  const all = statisticsAccumulator(layer.statisticsOver, layer.numFeatures as number);
  for (const { seen } of states) all.merge(seen as StatisticsState);
  return {
    ...states[0],
    samples: sumOf(states, "samples"),
    batches: sumOf(states, "batches"),
    seen: all.state(),
  };
}

function sumOf(places: readonly CalibrationProgress[], key: keyof CalibrationProgress): number {
  return places.reduce((sum, place) => sum + place[key], 0);
}
