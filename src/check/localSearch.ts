import { sizeOf } from "../tensor/shape.ts";
import type { Candidate, LocalResponse } from "./candidate.ts";
import { enoughEvidence, evidenceOf } from "./evidence.ts";
import type { Noise } from "./precision.ts";
import type { Problem } from "./problem.ts";
import { inputBound, roundingBound } from "./scaleFit.ts";

/** Exponents that are tried; frameworks use 0.75, papers 0.5. */
const exponents = [0.75, 0.5, 1, 0.25, 0.6, 0.9, 2];

/** Channels on one side of a window, at most. */
const farthest = 7;

/**
 * Every local response normalization y = x / (k + scale * sum of x^2 over neighbouring channels)^beta that explains the
 * sample: for a window and a beta, (x / y)^(1 / beta) is a line over the sum of squares, which gives k and scale.
 */
export function localCandidates(problem: Problem, noise: Noise, isExact: boolean): Candidate[] {
  const { shape, scales, sample } = problem;
  if (shape.length < 2) return [];
  const evidence = evidenceOf(scales, noise, sample.size - 2);
  if (evidence < enoughEvidence) return [];
  const found: Candidate[] = [];
  for (const axis of new Set([1, shape.length - 1])) {
    const seen = new Set<string>();
    for (const [before, after] of windowsOf(shape[axis])) {
      const sums = windowSums(problem, axis, before, after);
      const key = sums.join();
      if (seen.has(key)) continue;
      seen.add(key);
      for (const beta of exponents) {
        const line = fitLine(problem, sums, beta, noise);
        if (line === null) continue;
        const size = before + after + 1;
        const local: LocalResponse = { axis, before, after, size, beta, k: line.k, scale: line.scale };
        found.push({
          partition: null,
          kind: "rms",
          statistics: "batch",
          deviation: { ddof: 0, epsForm: "none" },
          eps: [0, 0],
          affineAxes: [],
          hasAffine: false,
          solved: { weight: false, bias: false },
          freedom: 3,
          evidence,
          weight: null,
          bias: null,
          residual: line.residual,
          noise,
          isExact,
          strays: [],
          strayCount: 0,
          local,
        });
      }
    }
  }
  return found;
}

/** Windows of PyTorch (the extra channel before), of ONNX (after), and symmetric ones. */
function windowsOf(channels: number): (readonly [number, number])[] {
  const most = Math.min(farthest, channels - 1);
  return Array.from({ length: most }, (_, i) => i + 1).flatMap((side): (readonly [number, number])[] => [
    [side, side - 1],
    [side, side],
    [side - 1, side],
  ]);
}

/** For each sampled element, the sum of squares over its window. */
function windowSums(
  { x, shape, sample }: Problem,
  axis: number,
  before: number,
  after: number,
): Float64Array {
  const inner = sizeOf(shape.slice(axis + 1));
  return Float64Array.from({ length: sample.size }, (_, j) => {
    const channel = sample.along[axis][j];
    const first = Math.max(0, channel - before) - channel;
    const last = Math.min(shape[axis] - 1, channel + after) - channel;
    let sum = 0;
    for (let step = first; step <= last; step++) sum += x[sample.flat[j] + step * inner] ** 2;
    return sum;
  });
}

interface Line {
  readonly k: number;
  readonly scale: number;
  readonly residual: number;
}

function fitLine({ sample, skipped }: Problem, sums: Float64Array, beta: number, noise: Noise): Line | null {
  const { x, y, size } = sample;
  const bounds = Float64Array.from({ length: size }, (_, j) => {
    const gain = x[j] === 0 ? 0 : Math.abs(y[j] / x[j]);
    return roundingBound(noise, y[j], gain, Math.abs(x[j]), 0, 0) + 3 * gain * inputBound(noise, x[j]);
  });
  let [total, meanSum, meanRatio] = [0, 0, 0];
  const weightAt = (j: number): number => {
    if (skipped?.has(sample.flat[j]) || x[j] === 0 || !(y[j] / x[j] > 0)) return 0;
    // The ratio's own rounding is bound / |y| of it.
    const relative = bounds[j] / Math.abs(y[j]);
    return relative > 0.1 ? 0 : (1 / ((relative + 1e-18) * (x[j] / y[j]) ** (1 / beta))) ** 2;
  };
  const weights = Float64Array.from({ length: size }, (_, j) => weightAt(j));
  const ratio = Float64Array.from({ length: size }, (_, j) =>
    weights[j] > 0 ? (x[j] / y[j]) ** (1 / beta) : 0,
  );
  for (let j = 0; j < size; j++) {
    total += weights[j];
    meanSum += weights[j] * sums[j];
    meanRatio += weights[j] * ratio[j];
  }
  if (!(total > 0)) return null;
  meanSum /= total;
  meanRatio /= total;
  let [inner, squares] = [0, 0];
  for (let j = 0; j < size; j++) {
    inner += weights[j] * (sums[j] - meanSum) * (ratio[j] - meanRatio);
    squares += weights[j] * (sums[j] - meanSum) ** 2;
  }
  if (!(squares > 0)) return null;
  const scale = inner / squares;
  const k = meanRatio - scale * meanSum;
  // Less than a rounding of the slope is no window at all.
  if (!(scale > 8 / Math.sqrt(squares)) || !(k > -1e-9)) return null;
  const residualOf = (k: number, scale: number, slack: number): number | null => {
    let residual = 0;
    for (let j = 0; j < size; j++) {
      if (skipped?.has(sample.flat[j])) continue;
      const rest = Math.abs(y[j] - x[j] * (k + scale * sums[j]) ** -beta);
      if (!(rest <= slack * bounds[j])) return null;
      residual = Math.max(residual, rest);
    }
    return residual;
  };
  for (let digits = 1; digits <= 15; digits++) {
    const plain = { k: Number(k.toPrecision(Math.min(digits, 6))), scale: Number(scale.toPrecision(digits)) };
    const residual = residualOf(plain.k, plain.scale, 1.5);
    if (residual !== null) return { ...plain, residual };
  }
  const residual = residualOf(k, scale, 3);
  return residual === null ? null : { k, scale, residual };
}
