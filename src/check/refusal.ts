import type { Identification } from "./result.ts";
import { type Checked, positionText } from "./values.ts";

/** Why nothing can be told from these arrays, or null. */
export function refusalOf(x: Checked, y: Checked): string | null {
  const { values, shape } = x;
  const bad = nonFinite(x);
  if (bad.length > 0) {
    return (
      `x holds ${bad.length} NaN or infinite ${bad.length === 1 ? "value" : "values"}, the first at ` +
      `${positionText(bad[0], shape)}: every statistic over one is NaN. Leave the samples or channels out that hold them.`
    );
  }
  if (values.every((value) => value === values[0])) {
    return `All ${values.length} values of x are ${values[0]}: every normalization gives a constant. Use an x that varies.`;
  }
  const finite = nonFinite(y).length;
  if (finite > Math.max(1, values.length / 50)) {
    return `y holds ${finite} NaN or infinite values where x is finite: no normalization makes that of this x.`;
  }
  if (y.values.every((value) => value === y.values[0])) {
    return `All values of y are ${y.values[0]}: any normalization with weight 0, or of one value each, gives that.`;
  }
  return null;
}

/** Places of NaN and infinite values, at most some thousand. */
export function nonFinite({ values }: Checked): number[] {
  const found: number[] = [];
  for (let i = 0; i < values.length && found.length < 4096; i++)
    if (!Number.isFinite(values[i])) found.push(i);
  return found;
}

/** The answer where nothing fits. */
export function nothing(message: string): Identification {
  return {
    fits: false,
    certain: false,
    survivors: [],
    ties: [],
    probe: null,
    differences: [],
    corrupted: [],
    nearest: null,
    tried: 0,
    message,
  };
}
