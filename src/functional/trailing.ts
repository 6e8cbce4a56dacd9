import { type Plan, trailingPlan } from "../plan/plan.ts";
import { describe, frontAxis, sizeText } from "../tensor/shape.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor/tensor.ts";
import { checkOptions, ofShape } from "./checks.ts";
import {
  type Backward,
  type Forward,
  type Gradients,
  gradientOf,
  gradients,
  type NormOptions,
  normalizeByBatch,
  outputFor,
  saveByBatch,
} from "./core.ts";
import { inverseOrder, transpose } from "./transpose.ts";

/** Options shared by the norms whose weight has the shape of what they reduce. */
export interface TrailingNormOptions extends NormOptions {
  /** The trailing shape that is normalized, or the last extent alone. */
  readonly normalizedShape?: number | readonly number[] | undefined;
  /**
   * The normalized axes, instead of `normalizedShape`: any axes, in any order, negative ones counted from
   * the back. Weight and bias then have the extents of these axes in this order, as in WebNN.
   */
  readonly axes?: readonly number[] | undefined;
}

/** A norm over `axes` seen as one over the last axes: transposed where the axes are not already there. */
interface TrailingView {
  readonly input: Tensor;
  readonly x: Tensor;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly plan: Plan;
  /** Order in which the input's axes were put, or null where they stayed. */
  readonly order: readonly number[] | null;
  /** Order in which the parameters' axes were put, or null where they stayed. */
  readonly parameterOrder: readonly number[] | null;
}

/** The forward of a norm over its trailing (or transposed) axes. */
export function trailingForward(
  who: string,
  input: TensorLike,
  options: TrailingNormOptions,
  eps: number,
  centered: boolean,
): Forward {
  const view = trailingView(who, input, options, centered);
  const { plan, x, weight, bias, order, parameterOrder } = view;
  const { backend } = options;
  const out = order === null ? options.out : undefined;
  const forward = normalizeByBatch({ who, plan, x, weight, bias, eps, out, backend });
  if (order === null && parameterOrder === null) return forward;
  const { y, backward } = forward;
  return {
    y: backInPlace(who, view, y, options.out),
    backward: (dy, dxOut) => gradientsInView(who, view, backward, dy, dxOut),
  };
}

/** The gradients of a norm over its trailing (or transposed) axes. */
export function trailingBackward(
  who: string,
  input: TensorLike,
  dy: TensorLike,
  options: TrailingNormOptions,
  eps: number,
  centered: boolean,
): Gradients {
  const view = trailingView(who, input, options, centered);
  const saved = saveByBatch({ who, ...view, eps, out: undefined, backend: options.backend });
  return gradientsInView(who, view, (moved, out) => gradients(saved, moved, out), dy, options.out);
}

function gradientsInView(
  who: string,
  view: TrailingView,
  backward: Backward,
  dy: TensorLike,
  out: TensorLike | undefined,
): Gradients {
  const moved = view.order === null ? dy : transpose(gradientOf(who, view.input, dy), view.order);
  const { dx, dWeight, dBias } = backward(moved, view.order === null ? out : undefined);
  const restore = (gradient: Tensor | null): Tensor | null =>
    gradient && view.parameterOrder ? transpose(gradient, inverseOrder(view.parameterOrder)) : gradient;
  return { dx: backInPlace(who, view, dx, out), dWeight: restore(dWeight), dBias: restore(dBias) };
}

/** A result with its axes where the input has them, in `out` where that is given. */
function backInPlace(who: string, view: TrailingView, result: Tensor, out: TensorLike | undefined): Tensor {
  if (view.order === null) return result;
  const restored = transpose(result, inverseOrder(view.order));
  result.dispose();
  if (out === undefined) return restored;
  const target = outputFor(who, "out", restored, out);
  target.data.set(restored.data);
  restored.dispose();
  return target;
}

function trailingView(
  who: string,
  input: TensorLike,
  options: TrailingNormOptions,
  centered: boolean,
): TrailingView {
  checkOptions(who, options);
  const x = asTensor(who, "input", input);
  if (options.axes && options.normalizedShape !== undefined) {
    throw new RangeError(`${who}: expected normalizedShape or axes, got both`);
  }
  if (!options.axes) {
    const shape = trailingShape(who, x, options.normalizedShape);
    const weight = ofNormalizedShape(who, "weight", options.weight, shape);
    const bias = ofNormalizedShape(who, "bias", options.bias, shape);
    const plan = trailingPlan(x.shape, x.shape.length - shape.length, centered);
    return { input: x, x, weight, bias, plan, order: null, parameterOrder: null };
  }
  const axes = givenAxes(who, x, options.axes);
  const shape = axes.map((axis) => x.shape[axis]);
  const weight = ofNormalizedShape(who, "weight", options.weight, shape);
  const bias = ofNormalizedShape(who, "bias", options.bias, shape);
  const ascending = [...axes].sort((a, b) => a - b);
  const rank = x.shape.length;
  const isTrailing = ascending.every((axis, place) => axis === rank - axes.length + place);
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const order = isTrailing ? null : [...kept, ...ascending];
  const isAscending = axes.every((axis, place) => axis === ascending[place]);
  const parameterOrder = isAscending ? null : ascending.map((axis) => axes.indexOf(axis));
  const moved = order === null ? x : transpose(x, order);
  return {
    input: x,
    x: moved,
    weight: weight && parameterOrder ? transpose(weight, parameterOrder) : weight,
    bias: bias && parameterOrder ? transpose(bias, parameterOrder) : bias,
    plan: trailingPlan(moved.shape, rank - axes.length, centered),
    order,
    parameterOrder,
  };
}

function givenAxes(who: string, x: Tensor, axes: readonly number[]): number[] {
  if (!Array.isArray(axes)) throw new TypeError(`${who}: expected axes to be a list, got ${describe(axes)}`);
  const front = axes.map((axis) => frontAxis(who, axis, x.shape.length));
  if (new Set(front).size !== front.length) {
    throw new RangeError(`${who}: expected distinct axes, got ${describe(axes)}`);
  }
  return front;
}

function ofNormalizedShape(
  who: string,
  name: string,
  value: TensorLike | null | undefined,
  shape: readonly number[],
): Tensor | null {
  return ofShape(
    who,
    name,
    value,
    shape,
    (given) =>
      `Expected ${name} to be of same shape as normalized_shape, ` +
      `but got ${name} of shape ${sizeText(given)} and normalized_shape = ${sizeText(shape)}`,
  );
}

/** The normalized shape as a list that x's shape ends with. */
function trailingShape(
  who: string,
  x: Tensor,
  normalizedShape: number | readonly number[] | undefined,
): readonly number[] {
  const shape = normalizedShapeOf(who, normalizedShape);
  const first = x.shape.length - shape.length;
  let isTrailing = first >= 0;
  for (let place = 0; place < shape.length; place++) isTrailing &&= shape[place] === x.shape[first + place];
  if (!isTrailing) {
    throw new RangeError(
      `${who}: Given normalized_shape=${sizeText(shape)}, expected input with shape ` +
        `${sizeText(["*", ...shape])}, but got input of size${sizeText(x.shape)}`,
    );
  }
  return shape;
}

/**
 * normalizedShape as a list: a number stands for the last axis alone.
 *
 * @throws TypeError if it is neither; RangeError if it is empty or has a negative extent
 */
export function normalizedShapeOf(who: string, normalizedShape: unknown): number[] {
  const shape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
  if (!Array.isArray(shape) || !shape.every((extent) => Number.isInteger(extent))) {
    throw new TypeError(
      `${who}: expected normalizedShape to be an integer or a list of integers, got ${describe(normalizedShape)}`,
    );
  }
  if (shape.length === 0 || shape.some((extent) => extent < 0)) {
    throw new RangeError(
      `${who}: Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, ` +
        `but got normalized_shape = ${sizeText(shape)}`,
    );
  }
  return [...shape];
}
