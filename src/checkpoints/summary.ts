/** Bins of a histogram: no more than a panel of 160 pixels can show apart. */
const bins = { fewest: 8, most: 24 } as const;

/** Equal bins between two finite values; one bin if the values are equal. */
export interface Histogram {
  readonly start: number;
  readonly end: number;
  readonly counts: readonly number[];
}

/** How the finite values of a tensor are spread. */
export interface Spread {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly p01: number;
  readonly p25: number;
  readonly median: number;
  readonly p75: number;
  readonly p99: number;
  readonly histogram: Histogram;
}

/** The values of one tensor in a few numbers. */
export interface Summary {
  /** Elements, finite or not. */
  readonly count: number;
  readonly nan: number;
  readonly infinite: number;
  /** null if no element is finite. */
  readonly spread: Spread | null;
}

/** Counts, quantiles and a histogram of values; what is not finite is counted and left out. */
export function summarize(values: Float64Array): Summary {
  const sorted = values.filter((value) => Number.isFinite(value)).sort();
  const nan = values.reduce((count, value) => count + Number(Number.isNaN(value)), 0);
  const infinite = values.length - sorted.length - nan;
  return { count: values.length, nan, infinite, spread: sorted.length === 0 ? null : spreadOf(sorted) };
}

function spreadOf(sorted: Float64Array): Spread {
  return {
    min: sorted[0],
    max: sorted[sorted.length - 1],
    // Divided before they are added, so that the sum of large values does not overflow.
    mean: sorted.reduce((sum, value) => sum + value / sorted.length, 0),
    p01: quantile(sorted, 0.01),
    p25: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    p75: quantile(sorted, 0.75),
    p99: quantile(sorted, 0.99),
    histogram: histogramOf(sorted),
  };
}

/** The value below which `part` of the sorted values lie, linear between neighbours, as NumPy's default. */
export function quantile(sorted: Float64Array, part: number): number {
  const place = part * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.ceil(place);
  const rest = place - below;
  return sorted[below] * (1 - rest) + sorted[above] * rest;
}

/** The median of the finite values; 0 if there is none. */
export function medianOf(values: Float64Array): number {
  const sorted = values.filter((value) => Number.isFinite(value)).sort();
  return sorted.length === 0 ? 0 : quantile(sorted, 0.5);
}

function histogramOf(sorted: Float64Array): Histogram {
  const start = sorted[0];
  const end = sorted[sorted.length - 1];
  if (start === end) return { start, end, counts: [sorted.length] };
  // With the cube root of the count, as rules for histograms have it, few values do not fall apart into single bars.
  const wanted = Math.ceil(3 * Math.cbrt(sorted.length));
  const counts = new Array<number>(Math.min(bins.most, Math.max(bins.fewest, wanted))).fill(0);
  // Halves, because the difference of two finite values may overflow.
  const width = end / 2 - start / 2;
  for (const value of sorted) {
    const bin = Math.floor(((value / 2 - start / 2) / width) * counts.length);
    counts[Math.min(counts.length - 1, Math.max(0, bin || 0))]++;
  }
  return { start, end, counts };
}
