import { nearestRatio } from "./exactRatio.ts";
import { type ExactSummation, type ExactSums, exactSummation } from "./exactSums.ts";
import { type StatisticsKind, type StatisticsState, type Sums, setsOf, stateOf } from "./statisticsState.ts";

/** Mean and variance of each channel, rounded once to float64. */
export interface ExactStatistics {
  readonly mean: Float64Array;
  /** Pooled: of all values. Else: the mean of the samples' variances. */
  readonly variance: Float64Array;
  /** Values of each channel. */
  readonly count: number;
}

/** Collects statistics over tensors, parts of tensors, workers or machines, without rounding. */
export interface StatisticsAccumulator {
  readonly kind: StatisticsKind;
  readonly channels: number;
  /**
   * Adds samples laid out as `[samples, pool, channel, inner]`.
   *
   * @throws RangeError if the data is not of that size
   */
  add(data: Float32Array | Float64Array, samples: number, pool: number, inner: number): void;
  /**
   * Adds what another accumulator has seen.
   *
   * @throws RangeError if it is no state, or of another kind or number of channels
   */
  merge(state: StatisticsState): void;
  /** All that has been seen, as plain data that JSON holds exactly. */
  state(): StatisticsState;
  /**
   * The statistics so far; NaN for a channel that held NaN or Infinity.
   *
   * Formula: `mean = S / n`, `variance = (n Q - S^2) / (n (n - ddof))` with S the sum and Q the sum of squares: in
   * integers the difference loses nothing.
   *
   * @throws RangeError if there are not more than ddof values behind a variance
   */
  statistics(ddof: 0 | 1): ExactStatistics;
}

/**
 * A {@link StatisticsAccumulator} for so many channels.
 *
 * @example
 * const [left, right] = [statisticsAccumulator("batch", 64), statisticsAccumulator("batch", 64)];
 * left.add(x.data, 8, 1, 3136); // (8, 64, 56, 56)
 * right.add(y.data, 4, 1, 3136);
 * left.merge(right.state());
 * const { mean, variance } = left.statistics(1);
 */
export function statisticsAccumulator(kind: StatisticsKind, channels: number): StatisticsAccumulator {
  const sets = new Map<number, Sums>();
  const poisoned = new Uint8Array(channels);
  const summation = exactSummation(channels);
  let pooled = 0;
  const setOf = (perSample: number): Sums => {
    const found = sets.get(perSample) ?? emptySums(kind, channels);
    sets.set(perSample, found);
    return found;
  };
  const take = (): ExactSums[] => {
    const taken = summation.take();
    taken.forEach(({ isPoisoned }, c) => {
      if (isPoisoned) poisoned[c] = 1;
    });
    return taken;
  };
  const settle = (): void => {
    if (pooled > 0) addPooled(setOf(0), take(), pooled);
    pooled = 0;
  };
  return {
    kind,
    channels,
    add(data, samples, pool, inner) {
      const perSample = pool * inner;
      if (data.length !== samples * channels * perSample) {
        throw new RangeError(
          `StatisticsAccumulator: expected ${samples} * ${pool} * ${channels} * ${inner} elements, got ${data.length}`,
        );
      }
      if (kind === "batch") {
        summation.add(data, samples * pool, inner);
        pooled += samples * perSample;
      } else if (perSample > 0) {
        addSamples(setOf(perSample), summation, take, data, samples, pool, inner);
      }
    },
    merge(state) {
      for (const [perSample, sums] of setsOf(state, kind, channels)) mergeSums(setOf(perSample), sums);
      for (const channel of state.poisoned) poisoned[channel] = 1;
    },
    state() {
      settle();
      return stateOf(kind, channels, sets, poisoned);
    },
    statistics(ddof) {
      settle();
      return statisticsOf(kind, channels, sets, poisoned, ddof);
    },
  };
}

function emptySums(kind: StatisticsKind, channels: number): Sums {
  const zeros = (): bigint[] => new Array<bigint>(channels).fill(0n);
  return { count: 0, sum: zeros(), squares: zeros(), squaredSums: kind === "instance" ? zeros() : [] };
}

function addPooled(set: Sums, taken: readonly ExactSums[], count: number): void {
  set.count += count;
  taken.forEach(({ sum, squares }, c) => {
    set.sum[c] += sum;
    set.squares[c] += squares;
  });
}

function addSamples(
  set: Sums,
  summation: ExactSummation,
  take: () => ExactSums[],
  data: Float32Array | Float64Array,
  samples: number,
  pool: number,
  inner: number,
): void {
  const length = data.length / samples;
  for (let n = 0; n < samples; n++) {
    summation.add(data.subarray(n * length, (n + 1) * length), pool, inner);
    const taken = take();
    addPooled(set, taken, 1);
    taken.forEach(({ sum }, c) => {
      set.squaredSums[c] += sum * sum;
    });
  }
}

function mergeSums(into: Sums, from: Sums): void {
  into.count += from.count;
  for (const part of ["sum", "squares", "squaredSums"] as const) {
    from[part].forEach((value, c) => {
      into[part][c] += value;
    });
  }
}

/** Bits behind the point of an average over samples of several sizes, beyond those of the smallest square. */
const fractionBits = 128n;

function statisticsOf(
  kind: StatisticsKind,
  channels: number,
  sets: ReadonlyMap<number, Sums>,
  poisoned: Uint8Array,
  ddof: 0 | 1,
): ExactStatistics {
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  const all = [...sets];
  const valuesOf = (perSample: number, count: number): number => (kind === "batch" ? count : perSample);
  for (const [perSample, { count }] of all) {
    if (valuesOf(perSample, count) <= ddof) {
      throw new RangeError(
        `StatisticsAccumulator: expected more than ${ddof} value behind each variance, got ${valuesOf(perSample, count)}`,
      );
    }
  }
  const samples = all.reduce((total, [, { count }]) => total + count, 0);
  if (samples === 0) throw new RangeError("StatisticsAccumulator: expected values, got none");
  for (let c = 0; c < channels; c++) {
    if (poisoned[c] === 1) {
      mean[c] = Number.NaN;
      variance[c] = Number.NaN;
      continue;
    }
    if (all.length === 1) {
      const [perSample, set] = all[0];
      const [m, v] = fractions(kind, perSample, set, c, ddof);
      mean[c] = nearestRatio(m.numerator, m.denominator, -1074);
      variance[c] = nearestRatio(v.numerator, v.denominator, -2148);
      continue;
    }
    let meanSum = 0n;
    let varianceSum = 0n;
    for (const [perSample, set] of all) {
      const [m, v] = fractions(kind, perSample, set, c, ddof);
      const weight = BigInt(set.count) << fractionBits;
      meanSum += (m.numerator * weight) / m.denominator;
      varianceSum += (v.numerator * weight) / v.denominator;
    }
    const unit = BigInt(samples) << fractionBits;
    mean[c] = nearestRatio(meanSum, unit, -1074);
    variance[c] = nearestRatio(varianceSum, unit, -2148);
  }
  const values = all.reduce(
    (total, [perSample, { count }]) => total + (kind === "batch" ? count : count * perSample),
    0,
  );
  return { mean, variance, count: values };
}

interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Mean, in units of 2^-1074, and variance, in units of 2^-2148, of the samples of one size. */
function fractions(
  kind: StatisticsKind,
  perSample: number,
  { count, sum, squares, squaredSums }: Sums,
  c: number,
  ddof: 0 | 1,
): readonly [Fraction, Fraction] {
  const samples = kind === "batch" ? 1n : BigInt(count);
  const n = BigInt(kind === "batch" ? count : perSample);
  const square = kind === "batch" ? sum[c] * sum[c] : squaredSums[c];
  return [
    { numerator: sum[c], denominator: samples * n },
    { numerator: n * squares[c] - square, denominator: samples * n * (n - BigInt(ddof)) },
  ];
}
