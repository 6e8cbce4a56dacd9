import { describe } from "../tensor/shape.ts";
import type { Survivor } from "./result.ts";
import { short } from "./values.ts";

/** The layer that somebody meant to write. */
export interface Meant {
  readonly name: string;
  readonly reducedAxes: readonly number[];
  readonly groups: number;
  readonly groupAxis: number | null;
  readonly channelAxis: number;
  readonly centered: boolean;
  readonly eps: number | null;
  readonly momentum: number;
  readonly isEval: boolean;
}

const known = /(?:Sync)?(BatchNorm|InstanceNorm|GroupNorm|LayerNorm|RMSNorm)(?:([123])d)?/i;

/**
 * Reads what was meant: `BatchNorm2d`, `GroupNorm(3, 6)`, `LayerNorm([3, 20, 20], eps=1e-6)`,
 * `BatchNorm2d channels-last`, `BatchNorm2d eval`.
 *
 * @throws RangeError if it names no layer, or one that the shape does not fit
 */
export function meantOf(text: string, shape: readonly number[]): Meant {
  const found = known.exec(text);
  if (found === null) {
    throw new RangeError(
      `identify: expected meant to name BatchNorm, InstanceNorm, GroupNorm, LayerNorm or RMSNorm, got ${describe(text)}`,
    );
  }
  const kind = found[1].toLowerCase();
  const rank = shape.length;
  const every = shape.map((_, axis) => axis);
  const isLast = /channels?[-_ ]last|"channels-last"|, channels last/i.test(text);
  const channelAxis = isLast ? rank - 1 : Math.min(1, rank - 1);
  const spatial = every.filter((axis) => axis !== 0 && axis !== channelAxis);
  const argumentsText = /\((.*)\)/.exec(text.slice(found.index))?.[1] ?? "";
  const positional = argumentsText.replace(/\w+\s*[=:]\s*\S+/g, "");
  const numbers = [...positional.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  const eps = /eps\s*[=:]\s*([\d.e+-]+)/i.exec(text)?.[1];
  const momentum = /momentum\s*[=:]\s*([\d.e+-]+)/i.exec(text)?.[1];
  const groups = kind === "groupnorm" ? (numbers[0] ?? 1) : 1;
  const trailing = numbers.length > 0 ? Math.min(numbers.length, rank) : rank > 1 ? rank - 1 : 1;
  const isTrailing = kind === "layernorm" || kind === "rmsnorm";
  if (groups > 1 && shape[channelAxis] % groups !== 0) {
    throw new RangeError(`identify: ${text}: ${shape[channelAxis]} channels are not divisible by ${groups}`);
  }
  const reducedAxes = isTrailing
    ? every.slice(-(kind === "rmsnorm" && numbers.length === 0 ? 1 : trailing))
    : kind === "batchnorm"
      ? every.filter((axis) => axis !== channelAxis)
      : kind === "instancenorm"
        ? spatial
        : every.slice(1);
  return {
    name: found[0],
    reducedAxes,
    groups,
    groupAxis: groups > 1 ? channelAxis : null,
    channelAxis,
    centered: kind !== "rmsnorm",
    eps: eps === undefined ? null : Number(eps),
    momentum: momentum === undefined ? 0.1 : Number(momentum),
    isEval: /\beval\b/i.test(text),
  };
}

/** What an axis counts, in the words of the layer. */
function axisWords(meant: Meant, axis: number, shape: readonly number[]): string {
  const extent = shape[axis];
  if (axis === meant.channelAxis) return `the ${extent} channels`;
  if (axis === 0) return `the ${extent} samples`;
  return `the ${extent} places along axis ${axis}`;
}

/** What a survivor does otherwise than the layer that was meant; empty if it is that layer. */
export function differencesFrom(meant: Meant, survivor: Survivor, shape: readonly number[]): string[] {
  const differences: string[] = [];
  const { statistics, count, epsForm, ddof, centered } = survivor;
  if (survivor.op === "LocalResponseNorm")
    return ["scales by the squares of neighbouring channels, with no mean"];
  if (survivor.op === "Identity") return ["leaves x as it is"];
  if (statistics === "fixed" && !meant.isEval) {
    return ["does not use x's own statistics: one fixed line y = a x + b, as in eval"];
  }
  if (statistics === "batch" && meant.isEval)
    differences.push("uses x's own statistics, not the running ones");
  if (statistics === "fixed") return differences;
  differences.push(...sharing(meant, survivor, shape));
  if (centered !== meant.centered) {
    differences.push(centered ? "subtracts the mean" : "does not subtract the mean (root mean square)");
  }
  if (survivor.op === "L2Normalize")
    differences.push("divides by the root of the sum of squares, not of their mean");
  if (ddof === 1) {
    const factor = Math.sqrt((count - 1) / count);
    differences.push(
      `uses the sample deviation (ddof 1): off by a factor sqrt((n-1)/n) = ${factor.toFixed(5)}, n = ${count}`,
    );
  }
  const [low, high] = survivor.eps;
  const range = low === high ? short(low) : `${short(low, 3)} to ${short(high, 3)}`;
  if (epsForm === "outside" && high > 0)
    differences.push(`eps outside the root: sqrt(variance) + eps, eps = ${range}`);
  if (epsForm === "max") differences.push(`max(variance, eps) instead of variance + eps, eps = ${range}`);
  const wanted = meant.eps ?? 1e-5;
  if (epsForm === "none") differences.push("no eps");
  else if (epsForm === "inside" && !(low <= wanted * (1 + 1e-6) && wanted * (1 - 1e-6) <= high)) {
    const said = meant.eps === null ? `the default ${short(wanted)}` : short(wanted);
    differences.push(`eps = ${range}, not ${said}`);
  }
  differences.push(...movement(meant, survivor));
  return differences;
}

/** Which sets of elements share a mean and variance, against those that should. */
function sharing(meant: Meant, survivor: Survivor, shape: readonly number[]): string[] {
  const { reducedAxes, groups, groupAxis } = survivor;
  const statistic = survivor.centered ? "one mean and variance" : "one mean square";
  const isCut = groups > 1 && groupAxis !== null;
  const differences: string[] = [];
  shape.forEach((extent, axis) => {
    if (extent === 1) return;
    const is = reducedAxes.includes(axis);
    const should = meant.reducedAxes.includes(axis);
    const words = axisWords(meant, axis, shape);
    const shared = isCut && axis === groupAxis ? groups : 1;
    const wanted = meant.groups > 1 && axis === meant.groupAxis ? meant.groups : 1;
    if (is && !should) {
      const among = shared > 1 ? `${extent / shared} neighbours of ${words}` : words;
      differences.push(`shares ${statistic} across ${among}`);
    } else if (!is && should) {
      differences.push(`takes its own statistics for each of ${words} instead of sharing them`);
    } else if (is && shared !== wanted) {
      differences.push(`cuts ${words} into ${shared} ${shared === 1 ? "group" : "groups"}, not ${wanted}`);
    }
  });
  return differences;
}

function movement(meant: Meant, { momentum, momentumWeighs, runningVarianceDdof }: Survivor): string[] {
  if (momentum === undefined) return [];
  const differences: string[] = [];
  const [low, high] = momentum;
  const value = short((low + high) / 2, 3);
  const includes = (wanted: number): boolean => low - 1e-6 <= wanted && wanted <= high + 1e-6;
  if (momentumWeighs === "old") {
    differences.push(
      `momentum weighs the old value: the running statistics kept ${value} of the old and took ${short(1 - (low + high) / 2, 3)} of the new`,
    );
  } else if (!includes(meant.momentum)) {
    differences.push(`the running statistics took ${value} of the new value, not ${short(meant.momentum)}`);
  }
  if (runningVarianceDdof === 0)
    differences.push("the running variance takes the biased variance (ddof 0), not ddof 1");
  return differences;
}
