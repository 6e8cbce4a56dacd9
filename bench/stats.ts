/**
 * The middle value; the mean of the two middle ones of an even count.
 *
 * @throws RangeError if there is none
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("median: expected at least one value, got none");
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] as number) + upper) / 2;
}

/** Times of one participant, one per round; null where it sat the round out. */
export type Rounds = readonly (number | null)[];

/**
 * Median over the rounds of `times / base`, both taken in the same round, so that a machine that slows
 * down for a while slows both; null if they never ran in one round.
 */
export function medianRatio(times: Rounds, base: Rounds): number | null {
  const ratios: number[] = [];
  times.forEach((time, round) => {
    const other = base[round];
    if (typeof time === "number" && typeof other === "number" && other > 0) ratios.push(time / other);
  });
  return ratios.length === 0 ? null : median(ratios);
}

/** Median of the rounds that were run; null if none was. */
export function medianTime(times: Rounds): number | null {
  const run = times.filter((time) => time !== null);
  return run.length === 0 ? null : median(run);
}

/** The largest error relative to the largest expected magnitude; Infinity where only one side is NaN. */
export function scaledError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const want = expected[i] as number;
    const error = Math.abs((got[i] as number) - want);
    if (error > worst) worst = error;
    else if (Number.isNaN(error)) return Number.POSITIVE_INFINITY;
    const magnitude = Math.abs(want);
    if (magnitude > largest) largest = magnitude;
  }
  return worst === 0 ? 0 : worst / largest;
}
