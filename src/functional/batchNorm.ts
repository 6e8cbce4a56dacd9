import { pooledChoice } from "../backends/wasm/choice.ts";
import { wasmFor } from "../backends/wasm/wasm.ts";
import { channelPlan } from "../plan/plan.ts";
import { frontAxis, sizeText } from "../tensor/shape.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor/tensor.ts";
import { checkOptions, perChannel } from "./checks.ts";
import {
  type BatchForward,
  type Forward,
  type Gradients,
  gradients,
  type NormOptions,
  normalizeByBatch,
  normalizeByFixed,
  type Request,
  saveByBatch,
  saveByFixed,
} from "./core.ts";
import { type RunningOptions, runningDdof, updateRunning, weightOfNew } from "./running.ts";

const wasm = /* @__PURE__ */ wasmFor(pooledChoice);

/** Options of {@link batchNorm} and {@link batchNormBackward}. */
export interface BatchNormOptions extends NormOptions, RunningOptions {
  /** Running mean, C elements: used when not training, else updated in place where given. */
  readonly runningMean?: TensorLike | null | undefined;
  /** Running variance, C elements: used when not training, else updated in place where given. */
  readonly runningVar?: TensorLike | null | undefined;
  /** Whether the batch's own statistics normalize. Default false. */
  readonly training?: boolean | undefined;
  /** Added to the variance, inside the root. Default 1e-5. */
  readonly eps?: number | undefined;
  /** The channel axis. Default 1; -1 for channels-last. */
  readonly axis?: number | undefined;
  /** Whether one value per channel is accepted in training, as MegEngine, ONNX and Keras do. Default false. */
  readonly allowSingleValue?: boolean | undefined;
}

/**
 * Batch normalization: `y = (x - mean) / sqrt(variance + eps) * weight + bias`, per channel, the mean and
 * the biased variance taken over every axis but the channel's.
 *
 * Shapes: x (N, C, *) or any with the channel at `axis`; weight, bias, runningMean, runningVar (C).
 * In training, runningMean and runningVar move by `momentum` towards the batch's mean and variance.
 *
 * Source: Ioffe and Szegedy 2015; PyTorch `torch.nn.functional.batch_norm`.
 *
 * @returns y, of x's dtype and shape
 * @throws TypeError if an argument is no tensor; RangeError if a shape is wrong, if statistics are missing
 *   when not training, or if a channel has a single value in training
 * @example
 * const y = batchNorm(x, { runningMean, runningVar, weight, bias, training: true, momentum: 0.1 });
 */
export function batchNorm(x: TensorLike, options: BatchNormOptions = {}): Tensor {
  return batchNormForward("batchNorm", x, options).y;
}

/**
 * Gradients of {@link batchNorm}; the running statistics are not updated.
 *
 * Formula: in training `dx = rstd * weight * (dy - mean(dy) - xhat * mean(dy * xhat))`, else
 * `dx = dy * weight * rstd`; `dWeight = sum(dy * xhat)`, `dBias = sum(dy)`.
 *
 * @throws as {@link batchNorm}; RangeError if dy has not x's shape
 * @example
 * const { dx, dWeight, dBias } = batchNormBackward(x, dy, { weight, bias, training: true });
 */
export function batchNormBackward(x: TensorLike, dy: TensorLike, options: BatchNormOptions = {}): Gradients {
  const who = "batchNormBackward";
  const request = batchNormRequest(who, x, options);
  const running = runningOf(who, request, options);
  const saved = options.training
    ? saveByBatch(request)
    : saveByFixed(request, given(who, "running_mean", running.mean), given(who, "running_var", running.var));
  return gradients(saved, dy, options.out);
}

/**
 * {@link batchNorm}, and its backward.
 *
 * @param normalize takes the moments of the input and normalizes by them; synchronized layers merge them over ranks
 */
export function batchNormForward(
  who: string,
  x: TensorLike,
  options: BatchNormOptions,
  normalize: (request: Request) => BatchForward = normalizeByBatch,
): Forward {
  const request = batchNormRequest(who, x, options);
  const running = runningOf(who, request, options);
  if (!options.training) {
    const mean = given(who, "running_mean", running.mean);
    const variance = given(who, "running_var", running.var);
    return normalizeByFixed(request, mean, variance);
  }
  const weight = weightOfNew(who, options);
  const ddof = runningDdof(who, options);
  const { y, backward, moments } = normalize(request);
  if (moments.count > 0) {
    updateRunning(running.mean, moments.mean, weight);
    updateRunning(running.var, moments.m2, weight, moments.count - ddof);
  }
  return { y, backward };
}

function batchNormRequest(who: string, input: TensorLike, options: BatchNormOptions): Request {
  checkOptions(who, options);
  const x = asTensor(who, "input", input);
  const plan = channelPlan(x.shape, frontAxis(who, options.axis ?? 1, x.shape.length), false);
  if (options.training && !options.allowSingleValue && plan.count === 1) {
    throw new RangeError(
      `${who}: Expected more than 1 value per channel when training, got input size ${sizeText(x.shape)}`,
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

function runningOf(
  who: string,
  { plan }: Request,
  options: BatchNormOptions,
): { readonly mean: Tensor | null; readonly var: Tensor | null } {
  return {
    mean: perChannel(who, "running_mean", options.runningMean, plan.group),
    var: perChannel(who, "running_var", options.runningVar, plan.group),
  };
}

function given(who: string, name: string, statistic: Tensor | null): Tensor {
  if (statistic === null) {
    throw new RangeError(`${who}: Expected ${name} to be defined when training=False`);
  }
  return statistic;
}
