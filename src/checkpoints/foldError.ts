import { toFloat64 } from "../tensor/cast.ts";
import { normals } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ChannelMap, eachRun, type FoldLayout } from "./foldBatchNorm.ts";

/** How far a folded layer is from the two that it replaces, on random input. */
export interface FoldError {
  /** Largest difference of an output. */
  readonly maxAbsolute: number;
  /** Largest difference over the largest output of its channel. */
  readonly maxRelative: number;
}

/** Inputs that each output channel is computed for. */
const samples = 8;
const seed = 26;

/** Weight and bias of a convolution or linear layer; no bias = 0. */
export interface Affine {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

/**
 * Compares the layer followed by its norm with the folded layer, for normally distributed input from a fixed seed.
 *
 * Every output of a convolution is the same linear function of the inputs under its kernel, so that one such function
 * per channel, over fresh inputs, stands for all places. Sums are in float64: what is seen is the rounding of the
 * folded parameters to their dtype.
 */
export function foldError(before: Affine, map: ChannelMap, folded: Affine, layout: FoldLayout): FoldError {
  const channels = map.scale.length;
  const outputs = new Float64Array(samples * channels);
  const foldedOutputs = new Float64Array(samples * channels);
  const weight = toFloat64(before.weight.data, before.weight.dtype);
  const foldedWeight = toFloat64(folded.weight.data, folded.weight.dtype);
  const longest = weight.length / Math.max(1, channels);
  const inputs = normals(samples * longest, seed);
  const places = new Float64Array(channels);
  eachRun(before.weight.shape, layout, (channel, start, end) => {
    for (let sample = 0; sample < samples; sample++) {
      const first = sample * longest + places[channel] - start;
      let sum = 0;
      let foldedSum = 0;
      for (let i = start; i < end; i++) {
        sum += weight[i] * inputs[first + i];
        foldedSum += foldedWeight[i] * inputs[first + i];
      }
      outputs[channel * samples + sample] += sum;
      foldedOutputs[channel * samples + sample] += foldedSum;
    }
    places[channel] += end - start;
  });
  const bias = before.bias && toFloat64(before.bias.data, before.bias.dtype);
  const foldedBias = folded.bias && toFloat64(folded.bias.data, folded.bias.dtype);
  let maxAbsolute = 0;
  let maxRelative = 0;
  for (let c = 0; c < channels; c++) {
    let difference = 0;
    let magnitude = 0;
    for (let at = c * samples; at < (c + 1) * samples; at++) {
      const y = (outputs[at] + (bias?.[c] ?? 0) - map.mean[c]) * map.scale[c] + map.bias[c];
      difference = Math.max(difference, Math.abs(foldedOutputs[at] + (foldedBias?.[c] ?? 0) - y));
      magnitude = Math.max(magnitude, Math.abs(y));
    }
    maxAbsolute = Math.max(maxAbsolute, difference);
    if (difference > 0) maxRelative = Math.max(maxRelative, difference / magnitude);
  }
  return { maxAbsolute, maxRelative };
}
