/** Binary digits kept behind the point: enough for float32 values down to 1e-20 to be exact. */
const digits = 100;
/** Further digits of a quotient before it is rounded to a number. */
const guard = 2n ** 200n;

/** The value as a BigInt of 2^-digits. */
function fixed(value: number): bigint {
  const scaled = value * 2 ** digits;
  if (!Number.isInteger(scaled)) throw new RangeError(`${value} is not a multiple of 2^-${digits}`);
  return BigInt(scaled);
}

/** numerator / denominator, rounded once (but for a part in 2^200). */
function quotient(numerator: bigint, denominator: bigint): number {
  return Number((numerator * guard) / denominator) / Number(guard);
}

/**
 * Deviations from the mean and the biased variance, by exact integers: no step rounds but the last.
 * Shares no code and no method with the reference backend.
 */
export function exactMoments(row: ArrayLike<number>): {
  readonly mean: number;
  readonly deviations: Float64Array;
  readonly variance: number;
} {
  const values = Array.from(row, fixed);
  const n = BigInt(values.length);
  const sum = values.reduce((total, value) => total + value, 0n);
  const unit = n << BigInt(digits);
  const deviations = values.map((value) => n * value - sum);
  const squares = deviations.reduce((total, deviation) => total + deviation * deviation, 0n);
  return {
    mean: quotient(sum, unit),
    deviations: Float64Array.from(deviations, (deviation) => quotient(deviation, unit)),
    variance: quotient(squares, n * unit * unit),
  };
}

/** (x - mean) / sqrt(variance + eps), a few float64 roundings from exact. */
export function exactXhat(row: ArrayLike<number>, eps: number): { xhat: Float64Array; rstd: number } {
  const { deviations, variance } = exactMoments(row);
  const rstd = 1 / Math.sqrt(variance + eps);
  return { xhat: deviations.map((deviation) => deviation * rstd), rstd };
}
