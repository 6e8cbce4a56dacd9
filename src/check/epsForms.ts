/** Where eps stands: `1 / sqrt(v + eps)`, `1 / (sqrt(v) + eps)`, `1 / sqrt(max(v, eps))`, or nowhere. */
export type EpsForm = "inside" | "outside" | "max" | "none";

/** The smallest and largest value of all that fit. */
export type Interval = readonly [low: number, high: number];

/** How a deviation is made of a biased variance: the variance's divisor n - ddof, and where eps stands. */
export interface Deviation {
  readonly ddof: 0 | 1;
  readonly epsForm: EpsForm;
}

/** Every deviation; the ones that frameworks use first. */
export const deviations: readonly Deviation[] = ([0, 1] as const).flatMap((ddof) =>
  (["inside", "none", "outside", "max"] as const).map((epsForm) => ({ ddof, epsForm })),
);

/** n / (n - ddof), by which the biased variance is multiplied. */
export function unbias(count: number, ddof: 0 | 1): number {
  return ddof === 0 ? 1 : count / (count - 1);
}

/** Factor of `x - mean`: 1 over the deviation; `variance` has its ddof already. */
export function rstdOf(variance: number, epsForm: EpsForm, eps: number): number {
  if (epsForm === "inside") return 1 / Math.sqrt(variance + eps);
  if (epsForm === "outside") return 1 / (Math.sqrt(variance) + eps);
  if (epsForm === "max") return 1 / Math.sqrt(Math.max(variance, eps));
  return 1 / Math.sqrt(variance);
}

/** What one statistic says: its factor is in `factor`, its variance (with ddof) in `variance`. */
export interface Observed {
  readonly factor: Interval;
  readonly variance: Interval;
}

/** The values of eps for which a statistic's factor comes out right; null if there are none. */
function epsOf({ factor, variance }: Observed, epsForm: EpsForm): Interval | null {
  const [slow, fast] = factor;
  // Variance plus eps, at least and at most.
  const least = fast === Number.POSITIVE_INFINITY ? 0 : 1 / fast ** 2;
  const most = slow <= 0 ? Number.POSITIVE_INFINITY : 1 / slow ** 2;
  const [narrow, wide] = variance;
  if (epsForm === "inside") return [least - wide, most - narrow];
  if (epsForm === "outside") {
    return [Math.sqrt(least) - Math.sqrt(wide), Math.sqrt(most) - Math.sqrt(narrow)];
  }
  if (epsForm === "none") return least <= wide && narrow <= most ? [0, 0] : null;
  if (narrow > most) return null;
  return [wide >= least ? 0 : least, most];
}

/** The values of eps that every statistic allows; null if there are none. */
export function epsInterval(observed: Iterable<Observed>, epsForm: EpsForm): Interval | null {
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  for (const statistic of observed) {
    const allowed = epsOf(statistic, epsForm);
    if (allowed === null) return null;
    low = Math.max(low, allowed[0]);
    high = Math.min(high, allowed[1]);
    if (low > high) return null;
  }
  return epsForm === "none" ? [0, 0] : [low, high];
}

const conventional = [1e-5, 1e-3, 1e-6, 1e-12, 1e-8, 1e-10, 1e-7, 1e-4, 1e-9, 1e-2, 0.1, 1e-15, 1e-16, 1];

/** The value in an interval that somebody would write: a usual eps, else one in few digits. */
export function plainEps([low, high]: Interval): number {
  const usual = conventional.find((eps) => low <= eps && eps <= high);
  if (usual !== undefined) return usual;
  if (high === Number.POSITIVE_INFINITY) return low;
  const middle = (low + high) / 2;
  for (let digits = 1; digits < 17; digits++) {
    const rounded = Number(middle.toPrecision(digits));
    if (low <= rounded && rounded <= high) return rounded;
  }
  return middle;
}
