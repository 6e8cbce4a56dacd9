/** Mean and summed squared deviation of `count` values, for each statistic. */
export interface Moments {
  /** Values behind each statistic. */
  readonly count: number;
  /** Mean of the values. */
  readonly mean: Float64Array;
  /** Sum of (x - mean)^2; the biased variance is m2 / count, the unbiased one m2 / (count - 1). */
  readonly m2: Float64Array;
}

/**
 * The moments of two sets of values taken together (Chan, Golub, LeVeque 1979).
 *
 * Formula: `mean = meanA + delta * nB / n`, `m2 = m2A + m2B + delta^2 * nA * nB / n`, `delta = meanB - meanA`.
 *
 * @throws RangeError if the two do not hold the same number of statistics
 */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.mean.length !== b.mean.length) {
    throw new RangeError(
      `mergeMoments: expected the same number of statistics, got ${a.mean.length} and ${b.mean.length}`,
    );
  }
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const count = a.count + b.count;
  const mean = new Float64Array(a.mean.length);
  const m2 = new Float64Array(a.mean.length);
  for (let s = 0; s < mean.length; s++) {
    const delta = b.mean[s] - a.mean[s];
    mean[s] = a.mean[s] + (delta * b.count) / count;
    m2[s] = a.m2[s] + b.m2[s] + delta * delta * ((a.count * b.count) / count);
  }
  return { count, mean, m2 };
}

/**
 * Variance of each statistic: `m2 / (count - ddof)`; NaN, not Infinity, for the unbiased one of a single value.
 *
 * @param ddof 0 for the biased (population) variance, 1 for the unbiased (sample) one
 */
export function varianceOf({ count, m2 }: Moments, ddof: 0 | 1): Float64Array {
  const variance = new Float64Array(m2.length);
  for (let s = 0; s < m2.length; s++) variance[s] = m2[s] / (count - ddof);
  return variance;
}
