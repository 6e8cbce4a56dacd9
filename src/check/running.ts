import type { Candidate } from "./candidate.ts";
import { type Interval, unbias } from "./epsForms.ts";
import type { Problem } from "./problem.ts";

/** How running statistics moved. */
export interface Movement {
  readonly momentum: Interval;
  readonly momentumWeighs: "new" | "old";
  readonly runningVarianceDdof: 0 | 1 | readonly [0, 1];
}

/** Rounding of float32 running statistics and of the arithmetic that moves them. */
const relativeRounding = 2 ** -21;

/**
 * The weight of the new value in running = (1 - weight) * running + weight * batch, from the statistics before and
 * after; null if no weight and ddof explain them.
 */
export function movementOf(problem: Problem, candidate: Candidate): Movement | null {
  const { before, after, shape } = problem;
  const { partition } = candidate;
  if (before === null || after === null || partition === null || candidate.statistics !== "batch")
    return null;
  const { mean, variance } = problem.momentsOf(partition);
  const channels = before.mean.length;
  // One statistic for each channel, or one for each sample and channel: then the running ones follow their mean.
  const samples = mean.length / channels;
  if (!Number.isInteger(samples) || shape.length < 2) return null;
  const average = (values: Float64Array): Float64Array =>
    Float64Array.from({ length: channels }, (_, c) => {
      let sum = 0;
      for (let s = 0; s < samples; s++) sum += values[s * channels + c];
      return sum / samples;
    });
  const isClose = (weights: readonly Interval[]): Interval | null => {
    const low = Math.max(...weights.map(([least]) => least));
    const high = Math.min(...weights.map(([, most]) => most));
    return low <= high ? [low, high] : null;
  };
  const weightsOf = (old: Float64Array, now: Float64Array, batch: Float64Array): Interval[] =>
    Array.from(batch, (value, c): Interval => {
      const distance = value - old[c];
      const rounding = relativeRounding * (Math.abs(value) + Math.abs(old[c]) + Math.abs(now[c]));
      if (Math.abs(distance) <= rounding) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      const weight = (now[c] - old[c]) / distance;
      const error = rounding / Math.abs(distance) + Math.abs(weight) * (rounding / Math.abs(distance));
      return [weight - error, weight + error];
    });
  const ofMean = weightsOf(before.mean, after.mean, average(mean));
  const ofVariance = ([0, 1] as const).map((ddof) =>
    isClose([
      ...ofMean,
      ...weightsOf(
        before.var,
        after.var,
        average(variance).map((value) => value * unbias(partition.count, ddof)),
      ),
    ]),
  );
  const found = ofVariance.find((weight) => weight !== null);
  if (found === undefined || found === null) return null;
  const runningVarianceDdof =
    ofVariance[0] !== null && ofVariance[1] !== null ? ([0, 1] as const) : ofVariance[0] !== null ? 0 : 1;
  const isOfOld = (found[0] + found[1]) / 2 > 0.5;
  return {
    momentum: isOfOld ? [1 - found[1], 1 - found[0]] : found,
    momentumWeighs: isOfOld ? "old" : "new",
    runningVarianceDdof,
  };
}
