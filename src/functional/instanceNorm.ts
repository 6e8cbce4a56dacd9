import { anyChoice } from "../backends/wasm/choice.ts";
import { wasmFor } from "../backends/wasm/wasm.ts";
import { varianceOf } from "../plan/moments.ts";
import { channelPlan, type Plan } from "../plan/plan.ts";
import { sizeText } from "../tensor/shape.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor/tensor.ts";
import { batchNormBackward, batchNormForward } from "./batchNorm.ts";
import { channelAxisFrom, checkOptions, perChannel, rankFrom } from "./checks.ts";
import {
  type Forward,
  type Gradients,
  gradients,
  type NormOptions,
  normalizeByBatch,
  type Request,
  saveByBatch,
} from "./core.ts";
import { type RunningOptions, runningDdof, updateRunning, weightOfNew } from "./running.ts";

const wasm = /* @__PURE__ */ wasmFor(anyChoice);

/** Options of {@link instanceNorm} and {@link instanceNormBackward}. */
export interface InstanceNormOptions extends NormOptions, RunningOptions {
  /** Running mean, C elements: used when `useInputStats` is false, else updated in place where given. */
  readonly runningMean?: TensorLike | null | undefined;
  /** Running variance, C elements: used when `useInputStats` is false, else updated in place where given. */
  readonly runningVar?: TensorLike | null | undefined;
  /** Whether each instance's own statistics normalize. Default true. */
  readonly useInputStats?: boolean | undefined;
  /** Added to the variance, inside the root. Default 1e-5. */
  readonly eps?: number | undefined;
  /** The channel axis; the first axis is the batch. Default 1; -1 for channels-last. */
  readonly axis?: number | undefined;
  /** Whether one spatial element is accepted, as MegEngine and ONNX do. Default false. */
  readonly allowSingleValue?: boolean | undefined;
}

/**
 * Instance normalization: `y = (x - mean) / sqrt(variance + eps) * weight + bias`, one mean and biased
 * variance for each sample and channel.
 *
 * Shapes: x (N, C, *) with at least one spatial axis, or any with the channel at `axis`; weight, bias,
 * runningMean, runningVar (C). The running statistics follow the mean over the samples of the means and of
 * the unbiased variances.
 *
 * Source: Ulyanov, Vedaldi and Lempitsky 2016; PyTorch `torch.nn.functional.instance_norm`.
 *
 * @returns y, of x's dtype and shape
 * @throws TypeError if an argument is no tensor; RangeError if a shape is wrong or there is one spatial element
 * @example
 * const y = instanceNorm(x, { weight, bias, eps: 1e-5 });
 */
export function instanceNorm(x: TensorLike, options: InstanceNormOptions = {}): Tensor {
  return instanceNormForward("instanceNorm", x, options).y;
}

/**
 * Gradients of {@link instanceNorm}; the running statistics are not updated.
 *
 * Formula: as batch normalization's, with the means over each sample and channel.
 *
 * @throws as {@link instanceNorm}; RangeError if dy has not x's shape
 * @example
 * const { dx } = instanceNormBackward(x, dy, { weight, bias });
 */
export function instanceNormBackward(
  x: TensorLike,
  dy: TensorLike,
  options: InstanceNormOptions = {},
): Gradients {
  checkOptions("instanceNormBackward", options);
  if (options.useInputStats === false) {
    const { useInputStats: _, ...rest } = options;
    return batchNormBackward(x, dy, { ...rest, training: false });
  }
  return gradients(saveByBatch(instanceNormRequest("instanceNormBackward", x, options)), dy, options.out);
}

/** {@link instanceNorm}, and its backward. */
export function instanceNormForward(who: string, x: TensorLike, options: InstanceNormOptions): Forward {
  checkOptions(who, options);
  if (options.useInputStats === false) {
    const { useInputStats: _, ...rest } = options;
    return batchNormForward(who, x, { ...rest, training: false });
  }
  const request = instanceNormRequest(who, x, options);
  const { plan } = request;
  const runningMean = perChannel(who, "running_mean", options.runningMean, plan.group);
  const runningVar = perChannel(who, "running_var", options.runningVar, plan.group);
  const weight = weightOfNew(who, options);
  const ddof = runningDdof(who, options);
  const { y, backward, moments } = normalizeByBatch(request);
  if (moments.count > 0 && plan.batch > 0) {
    if (runningMean !== null) updateRunning(runningMean, meanOverBatch(plan, moments.mean), weight);
    if (runningVar !== null) {
      updateRunning(runningVar, meanOverBatch(plan, varianceOf(moments, ddof)), weight);
    }
  }
  return { y, backward };
}

/** Mean over the batch of statistics indexed [batch, group]. */
function meanOverBatch({ batch, group }: Plan, perInstance: Float64Array): Float64Array {
  const mean = new Float64Array(group);
  for (let s = 0; s < perInstance.length; s++) mean[s % group] += perInstance[s];
  for (let g = 0; g < group; g++) mean[g] /= batch;
  return mean;
}

function instanceNormRequest(who: string, input: TensorLike, options: InstanceNormOptions): Request {
  const x = asTensor(who, "input", input);
  rankFrom(who, x, 2);
  const channelAxis = channelAxisFrom(who, options.axis ?? 1, x);
  const plan = channelPlan(x.shape, channelAxis, true);
  if (!options.allowSingleValue && plan.count === 1) {
    throw new RangeError(
      `${who}: Expected more than 1 spatial element when training, got input size ${sizeText(x.shape)}`,
    );
  }
  return {
    who,
    plan,
    x,
    weight: perChannel(who, "weight", options.weight, plan.parameters),
    bias: perChannel(who, "bias", options.bias, plan.parameters),
    eps: options.eps ?? 1e-5,
    out: options.out,
    backend: options.backend,
    wasm,
  };
}
