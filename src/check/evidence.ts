import type { Sample } from "./elements.ts";
import type { Noise } from "./precision.ts";

/** A fit by chance of fewer bits than this is too likely to be called a fit. */
export const enoughEvidence = 20;

/** From here on, a hypothesis that solves for more numbers is not needed. */
export const amplEvidence = 40;

/** Spread of the sampled x and y. */
export interface Scales {
  readonly xDeviation: number;
  readonly xRms: number;
  readonly yDeviation: number;
  readonly yRms: number;
}

/** Deviation and root mean square of the finite sampled values. */
export function scalesOf({ x, y }: Sample): Scales {
  const [xDeviation, xRms] = spreadOf(x);
  const [yDeviation, yRms] = spreadOf(y);
  return { xDeviation, xRms, yDeviation, yRms };
}

function spreadOf(values: Float64Array): [deviation: number, rms: number] {
  let count = 0;
  let mean = 0;
  let m2 = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    count++;
    const delta = value - mean;
    mean += delta / count;
    m2 += delta * (value - mean);
  }
  const variance = m2 / Math.max(1, count);
  return [Math.sqrt(variance), Math.sqrt(variance + mean * mean)];
}

/**
 * How unlikely it is, in bits, that `constraints` values of y come out right by chance: each is hit within its rounding
 * with probability rounding / deviation.
 */
export function evidenceOf(scales: Scales, { output, input, unit }: Noise, constraints: number): number {
  if (constraints <= 0 || !(scales.yDeviation > 0)) return 0;
  const ofInput =
    scales.xDeviation > 0 ? (input.absolute + input.relative * scales.xRms) / scales.xDeviation : 0;
  const bound = output.absolute + (output.relative + 8 * unit) * scales.yRms + ofInput * scales.yDeviation;
  return constraints * Math.max(0, Math.log2(scales.yDeviation / (bound + Number.MIN_VALUE)));
}
