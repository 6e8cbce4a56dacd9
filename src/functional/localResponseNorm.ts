import { storeFloat64, toFloat64 } from "../tensor/cast.ts";
import { frontAxis, sizeOf } from "../tensor/shape.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor/tensor.ts";
import { checkOptions, finiteNumber, integerFrom } from "./checks.ts";
import { type Forward, gradientOf, outputFor } from "./core.ts";

/** Options of {@link localResponseNorm} and {@link localResponseNormBackward}. */
export interface LocalResponseNormOptions {
  /** Number of neighbouring channels whose squares are summed. */
  readonly size: number;
  /** Factor of the sum, before it is divided by `alphaDivisor`. Default 1e-4. */
  readonly alpha?: number | undefined;
  /** Exponent. Default 0.75. */
  readonly beta?: number | undefined;
  /** Added to the sum. Default 1. */
  readonly k?: number | undefined;
  /** What alpha is divided by: `size` in PyTorch and ONNX (the default), 1 in TensorFlow and MegEngine. */
  readonly alphaDivisor?: number | undefined;
  /** Channels of the window before the one normalized: floor(size / 2) in PyTorch (the default). */
  readonly channelsBefore?: number | undefined;
  /** Channels of the window after the one normalized. Default size - 1 - channelsBefore. */
  readonly channelsAfter?: number | undefined;
  /** The channel axis. Default 1; -1 for channels-last. */
  readonly axis?: number | undefined;
  /** Where the result goes: a tensor of the input's dtype and shape. By default a new one. */
  readonly out?: TensorLike | undefined;
}

/** The input as [outer, channels, inner], and the window over the channels. */
interface Window {
  readonly x: Tensor;
  readonly outer: number;
  readonly channels: number;
  readonly inner: number;
  readonly before: number;
  readonly after: number;
  /** alpha / alphaDivisor. */
  readonly scale: number;
  readonly beta: number;
  readonly k: number;
}

/**
 * Local response normalization: `y = x / (k + alpha / size * sum of x^2 over the window)^beta`, the window
 * being `size` neighbouring channels, cut at the first and last channel while the divisor stays `size`.
 *
 * Shapes: x with the channel at `axis`, of any rank. An even size takes its extra channel on the low side, as
 * PyTorch does; ONNX takes it on the high side (`channelsBefore: Math.floor((size - 1) / 2)`).
 *
 * Source: Krizhevsky, Sutskever and Hinton 2012; PyTorch `torch.nn.functional.local_response_norm`.
 *
 * @returns y, of x's dtype and shape
 * @throws TypeError if an argument is of the wrong kind; RangeError if a size is out of range
 * @example
 * const y = localResponseNorm(x, { size: 5, alpha: 1e-4, beta: 0.75, k: 1 });
 */
export function localResponseNorm(x: TensorLike, options: LocalResponseNormOptions): Tensor {
  return localResponseNormForward("localResponseNorm", x, options).y;
}

/** {@link localResponseNorm}, and its backward. */
export function localResponseNormForward(
  who: string,
  input: TensorLike,
  options: LocalResponseNormOptions,
): Forward {
  const window = windowOf(who, input, options);
  const out = outputFor(who, "out", window.x, options.out);
  const values = toFloat64(window.x.data, window.x.dtype);
  const denominator = denominatorOf(window, values);
  const y = values.map((value, i) => value * denominator[i] ** -window.beta);
  storeFloat64(y, out.data, out.dtype);
  return {
    y: out,
    backward: (dy, dxOut) => ({ dx: gradInput(who, window, dy, dxOut), dWeight: null, dBias: null }),
  };
}

/**
 * Gradient of {@link localResponseNorm}.
 *
 * Formula: with d the denominator before its power,
 * `dx_c = dy_c d_c^-beta - 2 beta alpha / size * x_c * sum of dy_j x_j d_j^(-beta - 1)` over the channels j
 * whose window holds c.
 *
 * @throws as {@link localResponseNorm}; RangeError if dy has not x's shape
 * @example
 * const { dx } = localResponseNormBackward(x, dy, { size: 5 });
 */
export function localResponseNormBackward(
  x: TensorLike,
  dy: TensorLike,
  options: LocalResponseNormOptions,
): { readonly dx: Tensor } {
  const who = "localResponseNormBackward";
  return { dx: gradInput(who, windowOf(who, x, options), dy, options.out) };
}

function gradInput(who: string, window: Window, dy: TensorLike, dxOut: TensorLike | undefined): Tensor {
  const { x, beta, scale } = window;
  const upstream = gradientOf(who, x, dy);
  const out = outputFor(who, "out", x, dxOut);
  const values = toFloat64(x.data, x.dtype);
  const incoming = toFloat64(upstream.data, upstream.dtype);
  const denominator = denominatorOf(window, values);
  const product = values.map((value, i) => incoming[i] * value * denominator[i] ** (-beta - 1));
  // Channel j sees c if c is in j's window, so the window of the sum is the mirrored one.
  const reached = windowSum({ ...window, before: window.after, after: window.before }, product);
  const dx = values.map(
    (value, i) => incoming[i] * denominator[i] ** -beta - 2 * beta * scale * value * reached[i],
  );
  storeFloat64(dx, out.data, out.dtype);
  return out;
}

function windowOf(who: string, input: TensorLike, options: LocalResponseNormOptions): Window {
  checkOptions(who, options);
  const x = asTensor(who, "input", input);
  const size = integerFrom(who, "size", options.size, 1);
  const axis = frontAxis(who, options.axis ?? 1, x.shape.length);
  const alphaDivisor = finiteNumber(who, "alphaDivisor", options.alphaDivisor ?? size);
  if (alphaDivisor === 0) throw new RangeError(`${who}: expected alphaDivisor not to be 0`);
  const before = integerFrom(who, "channelsBefore", options.channelsBefore ?? Math.floor(size / 2), 0);
  return {
    x,
    outer: sizeOf(x.shape.slice(0, axis)),
    channels: x.shape[axis],
    inner: sizeOf(x.shape.slice(axis + 1)),
    before,
    after: integerFrom(who, "channelsAfter", options.channelsAfter ?? size - 1 - before, 0),
    scale: finiteNumber(who, "alpha", options.alpha ?? 1e-4) / alphaDivisor,
    beta: finiteNumber(who, "beta", options.beta ?? 0.75),
    k: finiteNumber(who, "k", options.k ?? 1),
  };
}

function denominatorOf(window: Window, values: Float64Array): Float64Array {
  const squares = values.map((value) => value * value);
  return windowSum(window, squares).map((sum) => window.k + window.scale * sum);
}

/** For each element, the sum over the channels of its window. */
function windowSum({ outer, channels, inner, before, after }: Window, values: Float64Array): Float64Array {
  const sums = new Float64Array(values.length);
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      const first = Math.max(0, c - before);
      const last = Math.min(channels - 1, c + after);
      const to = (o * channels + c) * inner;
      for (let from = first; from <= last; from++) {
        const start = (o * channels + from) * inner;
        for (let i = 0; i < inner; i++) sums[to + i] += values[start + i];
      }
    }
  }
  return sums;
}
