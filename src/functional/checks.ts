import { describe, frontAxis, sameShape, shapeText } from "../tensor/shape.ts";
import { asTensor, type Tensor, type TensorLike } from "../tensor/tensor.ts";

/**
 * `value` if it is a finite number.
 *
 * @throws TypeError if it is not a number; RangeError if it is NaN or infinite
 */
export function finiteNumber(who: string, name: string, value: unknown): number {
  if (typeof value !== "number") {
    throw new TypeError(`${who}: expected ${name} to be a number, got ${describe(value)}`);
  }
  if (!Number.isFinite(value)) {
    throw new RangeError(`${who}: expected ${name} to be finite, got ${value}`);
  }
  return value;
}

/**
 * `value` if it is an integer of at least `least`.
 *
 * @throws TypeError if it is not an integer; RangeError if it is too small
 */
export function integerFrom(who: string, name: string, value: unknown, least: number): number {
  if (!Number.isInteger(value)) {
    throw new TypeError(`${who}: expected ${name} to be an integer, got ${describe(value)}`);
  }
  if ((value as number) < least) {
    throw new RangeError(`${who}: expected ${name} to be at least ${least}, got ${value}`);
  }
  return value as number;
}

/**
 * `value` if it is one of the allowed ones.
 *
 * @throws RangeError naming the allowed values
 */
export function oneOf<Value extends string | number>(
  who: string,
  name: string,
  value: Value,
  allowed: readonly Value[],
): Value {
  if (!allowed.includes(value)) {
    const words = allowed.map((each) => JSON.stringify(each)).join(" or ");
    throw new RangeError(`${who}: expected ${name} to be ${words}, got ${describe(value)}`);
  }
  return value;
}

/**
 * Checks that a function got an object of options.
 *
 * @throws TypeError if it did not
 */
export function checkOptions(who: string, options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${who}: expected an object of options, got ${describe(options)}`);
  }
}

/**
 * The channel axis counted from the front, of an input whose first axis is the batch.
 *
 * @throws RangeError if the input has no such axis or it is the batch's
 */
export function channelAxisFrom(who: string, axis: number, x: Tensor): number {
  const front = frontAxis(who, axis, x.shape.length);
  if (front === 0)
    throw new RangeError(`${who}: expected a channel axis after the batch axis 0, got ${axis}`);
  return front;
}

/**
 * A parameter or statistic of one element per channel, or null where it is absent.
 *
 * @throws RangeError in PyTorch's words: `weight should contain 10 elements not 9`
 */
export function perChannel(
  who: string,
  name: string,
  value: TensorLike | null | undefined,
  channels: number,
): Tensor | null {
  if (value === null || value === undefined) return null;
  const given = asTensor(who, name, value);
  if (given.size !== channels) {
    throw new RangeError(`${who}: ${name} should contain ${channels} elements not ${given.size}`);
  }
  return given;
}

/**
 * A parameter of exactly this shape, or null where it is absent; `complaint` words the error.
 *
 * @throws RangeError if the shape differs
 */
export function ofShape(
  who: string,
  name: string,
  value: TensorLike | null | undefined,
  shape: readonly number[],
  complaint: (given: readonly number[]) => string,
): Tensor | null {
  if (value === null || value === undefined) return null;
  const given = asTensor(who, name, value);
  if (!sameShape(given.shape, shape)) throw new RangeError(`${who}: ${complaint(given.shape)}`);
  return given;
}

/**
 * `options` over `defaults`, every key known, and a boolean where the default is one.
 *
 * @throws TypeError naming the unknown option and the known ones, or the option that is no boolean
 */
export function withDefaults<Defaults extends object, Options extends object>(
  who: string,
  defaults: Defaults,
  options: Options,
): Defaults & Options {
  checkOptions(who, options);
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(defaults, key)) {
      throw new TypeError(
        `${who}: unknown option ${describe(key)}; the options are ${Object.keys(defaults).join(", ")}`,
      );
    }
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [key, value] of given) {
    if (typeof defaults[key as keyof Defaults] === "boolean" && typeof value !== "boolean") {
      throw new TypeError(`${who}: expected ${key} to be a boolean, got ${describe(value)}`);
    }
  }
  return { ...defaults, ...Object.fromEntries(given) } as Defaults & Options;
}

/**
 * Checks that the input has at least `least` axes.
 *
 * @throws RangeError if it has fewer
 */
export function rankFrom(who: string, x: Tensor, least: number): void {
  if (x.shape.length < least) {
    throw new RangeError(
      `${who}: expected an input of at least ${least} dimensions, got shape ${shapeText(x.shape)}`,
    );
  }
}
