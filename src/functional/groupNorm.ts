import { anyChoice } from "../backends/wasm/choice.ts";
import { wasmFor } from "../backends/wasm/wasm.ts";
import { channelPlan } from "../plan/plan.ts";
import { sizeText } from "../tensor/shape.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor/tensor.ts";
import { channelAxisFrom, checkOptions, integerFrom, ofShape, rankFrom } from "./checks.ts";
import {
  type Forward,
  type Gradients,
  gradients,
  type NormOptions,
  normalizeByBatch,
  type Request,
  saveByBatch,
} from "./core.ts";

const wasm = /* @__PURE__ */ wasmFor(anyChoice);

/** Options of {@link groupNorm} and {@link groupNormBackward}. */
export interface GroupNormOptions extends NormOptions {
  /** Number of groups that the channels are divided into. */
  readonly numGroups: number;
  /** Added to the variance, inside the root. Default 1e-5. */
  readonly eps?: number | undefined;
  /** The channel axis; the first axis is the batch. Default 1; -1 for channels-last. */
  readonly axis?: number | undefined;
  /** Whether one value per group is accepted, as MegEngine and ONNX do. Default false. */
  readonly allowSingleValue?: boolean | undefined;
}

/**
 * Group normalization: `y = (x - mean) / sqrt(variance + eps) * weight + bias`, one mean and biased
 * variance for each sample and group of C / numGroups neighbouring channels.
 *
 * Shapes: x (N, C, *) or any with the channel at `axis`; weight, bias (C).
 *
 * Source: Wu and He 2018; PyTorch `torch.nn.functional.group_norm`.
 *
 * @returns y, of x's dtype and shape
 * @throws TypeError if an argument is no tensor; RangeError if a shape is wrong, if numGroups does not
 *   divide the channels, or if PyTorch's count N * C / numGroups * spatial is one value
 * @example
 * const y = groupNorm(x, { numGroups: 32, weight, bias });
 */
export function groupNorm(x: TensorLike, options: GroupNormOptions): Tensor {
  return groupNormForward("groupNorm", x, options).y;
}

/**
 * Gradients of {@link groupNorm}.
 *
 * Formula: `dx = rstd * (g - mean(g) - xhat * mean(g * xhat))`, `g = dy * weight`, means over the group.
 *
 * @throws as {@link groupNorm}; RangeError if dy has not x's shape
 * @example
 * const { dx, dWeight, dBias } = groupNormBackward(x, dy, { numGroups: 32, weight, bias });
 */
export function groupNormBackward(x: TensorLike, dy: TensorLike, options: GroupNormOptions): Gradients {
  return gradients(saveByBatch(groupNormRequest("groupNormBackward", x, options)), dy, options.out);
}

/** {@link groupNorm}, and its backward. */
export function groupNormForward(who: string, x: TensorLike, options: GroupNormOptions): Forward {
  return normalizeByBatch(groupNormRequest(who, x, options));
}

function groupNormRequest(who: string, input: TensorLike, options: GroupNormOptions): Request {
  checkOptions(who, options);
  const x = asTensor(who, "input", input);
  rankFrom(who, x, 2);
  const numGroups = integerFrom(who, "numGroups", options.numGroups, 1);
  const channelAxis = channelAxisFrom(who, options.axis ?? 1, x);
  const channels = x.shape[channelAxis];
  if (channels % numGroups !== 0) {
    throw new RangeError(
      `${who}: Expected number of channels in input to be divisible by num_groups, ` +
        `but got input of shape ${sizeText(x.shape)} and num_groups=${numGroups}`,
    );
  }
  const plan = channelPlan(x.shape, channelAxis, true, numGroups);
  // PyTorch counts the batch too, so (2, 4) in 4 groups passes and (1, 4) does not.
  if (!options.allowSingleValue && x.shape[0] * plan.count === 1) {
    const spatial = x.shape.filter((_, axis) => axis !== 0 && axis !== channelAxis);
    const seen = [(x.shape[0] * channels) / numGroups, numGroups, ...spatial];
    throw new RangeError(
      `${who}: Expected more than 1 value per channel when training, got input size ${sizeText(seen)}`,
    );
  }
  const parameter = (name: string, value: TensorLike | null | undefined): Tensor | null =>
    ofShape(
      who,
      name,
      value,
      [channels],
      (given) =>
        `Expected ${name} to be a vector of size equal to the number of channels in input, ` +
        `but got ${name} of shape ${sizeText(given)} and input of shape ${sizeText(x.shape)}`,
    );
  return {
    who,
    plan,
    x,
    weight: parameter("weight", options.weight),
    bias: parameter("bias", options.bias),
    eps: options.eps ?? 1e-5,
    out: options.out,
    backend: options.backend,
    wasm,
  };
}
