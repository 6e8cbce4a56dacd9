import { type AffineFit, type AffineProblem, fitAffine } from "./affineFit.ts";
import { type Deviation, type Interval, rstdOf, unbias } from "./epsForms.ts";
import type { Spread } from "./scaleFit.ts";

/** The eps that fits best while weight or bias are solved for, and every eps that fits. */
export interface EpsFit {
  readonly best: number;
  readonly eps: Interval;
  readonly fit: AffineFit;
}

/**
 * A least-squares eps may lie off the true one by what rounding moves it, where a residual at the edge of its bound
 * comes out beyond it.
 */
const slack = 1.25;

/** Values of eps to start from, as parts of the median variance. */
const starts = [0, 1e-6, 1e-4, 1e-2, 0.3, 10];

/** 1 / deviation of each statistic; 0 for a constant set without eps, whose every x - mean is 0. */
export function factorsAt(spread: Spread, { ddof, epsForm }: Deviation, eps: number): Float64Array {
  const scale = unbias(spread.count, ddof);
  return spread.power.map((power) => {
    const factor = rstdOf(power * scale, epsForm, eps);
    return Number.isFinite(factor) ? factor : 0;
  });
}

/**
 * Solves for eps by Gauss-Newton steps on the residuals of {@link fitAffine}, then for the interval of all that fit.
 *
 * @param from a first guess besides the usual ones
 * @param wantsInterval whether to find the interval; else it is the best value alone
 * @returns null if no eps fits
 */
export function searchEps(
  problem: AffineProblem,
  deviation: Deviation,
  options: {
    readonly from?: number;
    readonly wantsInterval: boolean;
    readonly skipped: ReadonlySet<number> | null;
  },
): EpsFit | null {
  const { spread } = problem;
  const at = (eps: number, collected: number[] | null = null): AffineFit =>
    fitAffine(problem, factorsAt(spread, deviation, eps), options.skipped, collected);
  if (deviation.epsForm === "none") {
    const fit = at(0);
    return fit.misfit <= slack ? { best: 0, eps: [0, 0], fit } : null;
  }
  const guesses = startsOf(spread, deviation, options.from);
  const ranked = guesses
    .map((eps) => ({ eps, squares: at(eps).squares }))
    .sort((a, b) => a.squares - b.squares)
    .slice(0, deviation.epsForm === "max" ? 3 : 2);
  let best = ranked[0].eps;
  let fit = at(best);
  for (const { eps } of ranked) {
    const found = descend(at, eps, guesses[guesses.length - 1]);
    if (found.fit.squares < fit.squares) {
      best = found.eps;
      fit = found.fit;
    }
    if (fit.misfit <= 1) break;
  }
  if (fit.misfit > slack) return null;
  if (!options.wantsInterval) return { best, eps: [best, best], fit };
  const limit = Math.max(1, fit.misfit) * slack;
  const strict = { ...problem, limit };
  const fits = (eps: number): boolean =>
    fitAffine(strict, factorsAt(spread, deviation, eps), options.skipped).misfit <= limit;
  return { best, eps: [edgeBelow(best, fits), edgeAbove(best, spread, fits)], fit };
}

function startsOf({ power }: Spread, { epsForm }: Deviation, from: number | undefined): number[] {
  const sorted = power.filter((value) => value > 0 && Number.isFinite(value)).sort();
  const quantile = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? 1;
  const usual =
    epsForm === "max"
      ? [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].map((part) => quantile(part) * 1.0001)
      : starts.map((part) => part * (epsForm === "outside" ? Math.sqrt(quantile(0.5)) : quantile(0.5)));
  return from === undefined ? usual : [from, ...usual];
}

/** Gauss-Newton in eps, the derivative by a small difference. */
function descend(
  at: (eps: number, collected?: number[]) => AffineFit,
  start: number,
  scale: number,
): { readonly eps: number; readonly fit: AffineFit } {
  let eps = start;
  let residuals: number[] = [];
  let fit = at(eps, residuals);
  for (let step = 0; step < 12 && fit.misfit > 0; step++) {
    const h = 1e-5 * (eps > 0 ? eps : scale * 1e-6);
    const moved: number[] = [];
    at(eps + h, moved);
    let inner = 0;
    let squares = 0;
    for (let i = 0; i < moved.length; i++) {
      const slope = moved[i] - residuals[i];
      inner += residuals[i] * slope;
      squares += slope * slope;
    }
    if (!(squares > 0)) break;
    let next = eps - (inner / squares) * h;
    if (!Number.isFinite(next)) break;
    // Far from the solution a step may overshoot the only sign that eps can have.
    if (next < 0) next = eps > scale * 1e-12 ? eps / 10 : 0;
    else if (eps > 0) next = Math.min(next, eps * 100);
    if (next === eps) break;
    const tried: number[] = [];
    const candidate = at(next, tried);
    if (!(candidate.squares < fit.squares)) break;
    const isSettled = candidate.squares > fit.squares * 0.999;
    eps = next;
    fit = candidate;
    residuals = tried;
    if (isSettled) break;
  }
  return { eps, fit };
}

/** Edges are found to this part of the interval's width, and given on the far side. */
const edgePrecision = 0.01;

function edgeBelow(best: number, fits: (eps: number) => boolean): number {
  if (best === 0 || fits(0)) return 0;
  let good = best;
  for (let part = 1e-9; part < 1; part *= 10) {
    const tried = best * (1 - part);
    if (!fits(tried)) return farEdge(tried, good, best, fits);
    good = tried;
  }
  return farEdge(0, good, best, fits);
}

function edgeAbove(best: number, { power }: Spread, fits: (eps: number) => boolean): number {
  const largest = power.reduce((most, value) => Math.max(most, value), 0);
  const farthest = 1e6 * Math.max(largest, Math.sqrt(largest), best);
  if (fits(farthest)) return Number.POSITIVE_INFINITY;
  let good = best;
  for (let step = best > 0 ? best * 1e-9 : farthest * 1e-24; best + step < farthest; step *= 10) {
    if (!fits(best + step)) return farEdge(best + step, good, best, fits);
    good = best + step;
  }
  return farEdge(farthest, good, best, fits);
}

function farEdge(bad: number, good: number, best: number, fits: (eps: number) => boolean): number {
  while (Math.abs(good - bad) > edgePrecision * Math.abs(bad - best)) {
    const middle = (bad + good) / 2;
    if (middle === bad || middle === good) break;
    if (fits(middle)) good = middle;
    else bad = middle;
  }
  return bad;
}
