import {
  type GradSums,
  type ParameterGrads,
  type Statistics,
  type SteppedBackend,
  statisticsOf,
} from "../backends/backend.ts";
import { backendFor } from "../backends/select.ts";
import { wasmSteps } from "../backends/wasm/steps.ts";
import { finiteNumber } from "../functional/checks.ts";
import { outputFor, type Request, type Saved, savedFrom } from "../functional/core.ts";
import type { Moments } from "../plan/moments.ts";
import { toFloat64 } from "../tensor/cast.ts";
import { sizeText } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  type DySums,
  momentsReduction,
  type Part,
  type Rounds,
  reduceOverSamples,
  type Spread,
  sumsReduction,
  valuesPerChannel,
} from "./reduction.ts";
import { type Samples, samplesOf, slabsOf } from "./slabs.ts";

const wasm = /* @__PURE__ */ wasmSteps();

/** A rank's place, and how the samples were spread in the step before. */
export interface Place {
  readonly rank: number;
  readonly size: number;
  readonly before?: Spread | undefined;
}

/** What backward needs of a forward. */
export interface SyncSaved extends Saved {
  readonly backend: SteppedBackend;
}

/** A normalized batch, and what its backward needs. */
export interface SyncForward {
  readonly y: Tensor;
  /** The moments over all ranks. */
  readonly moments: Moments;
  readonly saved: SyncSaved;
  readonly spread: Spread;
}

/**
 * Normalizes this rank's samples by the moments of the samples of all ranks.
 *
 * @throws RangeError on every rank if there is a single value per channel in all
 */
export function* syncForward(request: Request, place: Place): Rounds<SyncForward> {
  const { who, plan, x } = request;
  const backend = backendFor({ ...request, wasm });
  const y = outputFor(who, "out", x, request.out);
  const eps = finiteNumber(who, "eps", request.eps);
  const geometry = samplesOf(plan, x.shape);
  const values = slabsOf(geometry).flatMap(({ plan: each, samples, of }) => {
    const { count, mean, m2 } = backend.moments(each, of(x));
    return bySample(samples, mean, m2).map((pair) => ({ count, mean: pair[0], m2: pair[1] }));
  });
  const part = partOfBatch(geometry, place.rank, values);
  const { all, spread } = yield* reduceOverSamples(part, momentsReduction, expectedSpread(part, place));
  if (valuesPerChannel(spread) === 1) {
    throw new RangeError(
      `${who}: Expected more than 1 value per channel when training, got input size ${sizeText(x.shape)}`,
    );
  }
  const moments = all ?? { count: 0, mean: new Float64Array(plan.group), m2: new Float64Array(plan.group) };
  const statistics = statisticsOf(moments, eps);
  backend.normalize(plan, x, statistics, request, y);
  return { y, moments, saved: { ...savedFrom(request, statistics, false, backend), backend }, spread };
}

/**
 * Writes dx of this rank's samples by the sums over the samples of all ranks.
 *
 * @param spread how the samples are spread, as forward found it
 * @returns the sums over this rank's samples: dWeight and dBias
 */
export function* syncBackward(
  { plan, x, weight, statistics, backend }: SyncSaved,
  dy: Tensor,
  dx: Tensor,
  rank: number,
  spread: Spread,
): Rounds<ParameterGrads> {
  const geometry = samplesOf(plan, x.shape);
  const values = slabsOf(geometry).flatMap(({ plan: each, samples, of }) => {
    const sums = backend.gradSums(each, of(x), of(dy), repeated(statistics, samples), null);
    return bySample(samples, sums.dBias, sums.dWeight).map((pair) => ({ dy: pair[0], dyXhat: pair[1] }));
  });
  const part = partOfBatch(geometry, rank, values);
  const { all, own } = yield* reduceOverSamples(part, sumsReduction, spread);
  if (all !== undefined) {
    // Means are over the values of all ranks.
    const wide = { ...plan, count: valuesPerChannel(spread) };
    backend.gradInput(wide, x, dy, statistics, weight, gradSums(all, weight), dx);
  }
  return {
    dWeight: own?.dyXhat ?? new Float64Array(plan.parameters),
    dBias: own?.dy ?? new Float64Array(plan.parameters),
  };
}

function partOfBatch<Value>(
  { samples, pool, channels, inner }: Samples,
  rank: number,
  values: readonly Value[],
): Part<Value> {
  return { rank, perSample: samples === 0 ? 0 : pool * inner, channels, values };
}

/** As in the step before if this rank has as many samples as then; else every rank has as many as this one. */
function expectedSpread({ rank, perSample, values }: Part<unknown>, { size, before }: Place): Spread {
  const samples = values.length;
  if (before !== undefined && before.samples[rank] === samples) return before;
  return {
    samples: new Array<number>(size).fill(samples),
    perSample: new Array<number>(size).fill(perSample),
  };
}

/** The two numbers of every channel, sample by sample. */
function bySample(
  samples: number,
  first: Float64Array,
  second: Float64Array,
): (readonly [Float64Array, Float64Array])[] {
  const channels = first.length / samples;
  return Array.from({ length: samples }, (_, s) => {
    const [start, end] = [s * channels, (s + 1) * channels];
    return [first.subarray(start, end), second.subarray(start, end)] as const;
  });
}

/** The statistics of the channels, for each of some samples. */
function repeated({ mean, rstd }: Statistics, samples: number): Statistics {
  if (samples === 1) return { mean, rstd };
  const [means, rstds] = [mean, rstd].map((values) => {
    const all = new Float64Array(values.length * samples);
    for (let s = 0; s < samples; s++) all.set(values, s * values.length);
    return all;
  });
  return { mean: means, rstd: rstds };
}

/** What gradInput takes: the sums over all ranks, weighted. */
function gradSums({ dy, dyXhat }: DySums, weight: Tensor | null): GradSums {
  const weights = weight && toFloat64(weight.data, weight.dtype);
  const weighted = (sums: Float64Array): Float64Array =>
    weights === null ? sums : sums.map((sum, c) => sum * weights[c]);
  return { g: weighted(dy), gXhat: weighted(dyXhat), dWeight: dyXhat, dBias: dy };
}
