import { type GradSums, type ParameterGrads, type Statistics, statisticsOf } from "../backends/backend.ts";
import { backendNamed } from "../backends/select.ts";
import { finiteNumber } from "../functional/checks.ts";
import { outputFor, type Request, type Saved, savedFrom } from "../functional/core.ts";
import type { Moments } from "../plan/moments.ts";
import type { Plan } from "../plan/plan.ts";
import { toFloat64 } from "../tensor/cast.ts";
import { bytesPerElement } from "../tensor/dtype.ts";
import { sizeText } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  type DySums,
  type Merged,
  momentsReduction,
  type Part,
  type Rounds,
  reduceOverSamples,
  sumsReduction,
} from "./reduction.ts";
import { partOf, repeated, type Samples, samplesOf, slabsOf } from "./slabs.ts";
import { type Spread, valuesPerChannel } from "./spread.ts";

/** A rank's place, and how the samples were spread in the step before. */
export interface Place {
  readonly rank: number;
  readonly size: number;
  readonly before?: Spread | undefined;
}

/** A normalized batch, and what its backward needs. */
export interface SyncForward {
  readonly y: Tensor;
  /** The moments over all ranks. */
  readonly moments: Moments;
  readonly saved: Saved;
  readonly spread: Spread;
}

/**
 * Normalizes this rank's samples by the moments of the samples of all ranks.
 *
 * Some channels after the other, so that they are still in cache when their moments have come.
 *
 * @throws RangeError on every rank if there is a single value per channel in all
 */
export function* syncForward(request: Request, place: Place): Rounds<SyncForward> {
  const { who, plan, x, weight, bias } = request;
  const backend = backendNamed(request.backend);
  const y = outputFor(who, "out", x, request.out);
  const eps = finiteNumber(who, "eps", request.eps);
  const geometry = samplesOf(plan, x.shape);
  const mean = new Float64Array(plan.group);
  const m2 = new Float64Array(plan.group);
  const rstd = new Float64Array(plan.group);
  let count = 0;
  const part: Part<Moments> = {
    ...partOfBatch(geometry, place.rank, bytesPerElement(x.dtype)),
    reduction: momentsReduction,
    values: (from, to) =>
      slabsOf(geometry, from, to).flatMap(({ samples, start, plan: each }) => {
        const taken = backend.moments(each, partOf(x, start, each.size));
        return bySample(samples, to - from, taken.mean, taken.m2).map(([means, m2s]) => ({
          count: taken.count,
          mean: means,
          m2: m2s,
        }));
      }),
    use(from, to, { all }, spread) {
      count = valuesPerChannel(spread);
      if (count === 1) {
        throw new RangeError(
          `${who}: Expected more than 1 value per channel when training, got input size ${sizeText(x.shape)}`,
        );
      }
      if (all === undefined) return;
      const statistics = statisticsOf(all, eps);
      mean.set(all.mean, from);
      m2.set(all.m2, from);
      rstd.set(statistics.rstd, from);
      for (const { start, size, plan: each } of writtenParts(plan, geometry, from, to)) {
        const affine = { weight: parameterPart(weight, from, to), bias: parameterPart(bias, from, to) };
        backend.normalize(each, partOf(x, start, size), statistics, affine, partOf(y, start, size));
      }
    },
  };
  const spread = yield* reduceOverSamples(part, expectedSpread(part, place));
  const moments = { count, mean, m2 };
  return { y, moments, saved: savedFrom(request, { mean, rstd }, false, backend), spread };
}

/**
 * Writes dx of this rank's samples by the sums over the samples of all ranks.
 *
 * @returns the sums over this rank's samples: dWeight and dBias
 */
export function* syncBackward(
  { plan, x, weight, statistics, backend }: Saved,
  dy: Tensor,
  dx: Tensor,
  rank: number,
  spread: Spread,
): Rounds<ParameterGrads> {
  const geometry = samplesOf(plan, x.shape);
  const own = { dWeight: new Float64Array(plan.parameters), dBias: new Float64Array(plan.parameters) };
  const weights = weight && toFloat64(weight.data, weight.dtype);
  const count = valuesPerChannel(spread);
  const part: Part<DySums> = {
    ...partOfBatch(geometry, rank, bytesPerElement(x.dtype) + bytesPerElement(dy.dtype)),
    reduction: sumsReduction,
    values: (from, to) =>
      slabsOf(geometry, from, to).flatMap(({ samples, start, plan: each }) => {
        const [ofX, ofDy] = [partOf(x, start, each.size), partOf(dy, start, each.size)];
        const some = statisticsPart(statistics, from, to, samples);
        const sums = backend.gradSums(each, ofX, ofDy, some, null);
        return bySample(samples, to - from, sums.dBias, sums.dWeight).map(([first, second]) => ({
          dy: first,
          dyXhat: second,
        }));
      }),
    use(from, to, merged) {
      if (merged.own === undefined) return;
      own.dBias.set(merged.own.dy, from);
      own.dWeight.set(merged.own.dyXhat, from);
      const sums = gradSums(merged, weights?.subarray(from, to));
      const some = statisticsPart(statistics, from, to, 1);
      const scale = parameterPart(weight, from, to);
      for (const { start, size, plan: each } of writtenParts(plan, geometry, from, to)) {
        const [ofX, ofDy, to] = [x, dy, dx].map((tensor) => partOf(tensor, start, size));
        // Means are over the values of all ranks.
        backend.gradInput({ ...each, count }, ofX, ofDy, some, scale, sums, to);
      }
    },
  };
  yield* reduceOverSamples(part, spread);
  return own;
}

function partOfBatch(
  { samples, pool, channels, inner }: Samples,
  rank: number,
  bytesPerValue: number,
): Pick<Part<unknown>, "rank" | "samples" | "perSample" | "extent"> {
  const extent = { channels, bytesPerValue, isDivisible: pool === 1 };
  return { rank, samples, perSample: samples === 0 ? 0 : pool * inner, extent };
}

/** As in the step before if this rank has as many samples as then; else every rank has as many as this one. */
function expectedSpread(
  { rank, samples, perSample }: Pick<Part<unknown>, "rank" | "samples" | "perSample">,
  { size, before }: Place,
): Spread {
  if (before !== undefined && before.samples[rank] === samples && before.perSample[rank] === perSample) {
    return before;
  }
  return {
    samples: new Array<number>(size).fill(samples),
    perSample: new Array<number>(size).fill(perSample),
  };
}

/** The two numbers of every channel, sample by sample. */
function bySample(
  samples: number,
  channels: number,
  first: Float64Array,
  second: Float64Array,
): (readonly [Float64Array, Float64Array])[] {
  return Array.from({ length: samples }, (_, s) => {
    const [at, end] = [s * channels, (s + 1) * channels];
    return [first.subarray(at, end), second.subarray(at, end)] as const;
  });
}

/** The contiguous parts of these channels for loops over elements, which have statistics for each channel. */
function writtenParts(
  plan: Plan,
  geometry: Samples,
  from: number,
  to: number,
): { readonly start: number; readonly size: number; readonly plan: Plan }[] {
  if (from === 0 && to === geometry.channels) return [{ start: 0, size: plan.size, plan }];
  return slabsOf(geometry, from, to).map((slab) => ({ ...slab, size: slab.plan.size }));
}

function statisticsPart({ mean, rstd }: Statistics, from: number, to: number, times: number): Statistics {
  return {
    mean: repeated(mean.subarray(from, to), times),
    rstd: repeated(rstd.subarray(from, to), times),
  };
}

function parameterPart(parameter: Tensor | null, from: number, to: number): Tensor | null {
  return parameter && partOf(parameter, from, to - from);
}

/** What gradInput takes: the sums over all ranks, weighted. */
function gradSums({ all, own }: Merged<DySums>, weights: Float64Array | undefined): GradSums {
  const { dy, dyXhat } = (all ?? own) as DySums;
  const weighted = (sums: Float64Array): Float64Array =>
    weights === undefined ? sums : sums.map((sum, c) => sum * weights[c]);
  return { g: weighted(dy), gXhat: weighted(dyXhat), dWeight: dyXhat, dBias: dy };
}
