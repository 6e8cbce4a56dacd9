import { expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/index.ts";

export function zeros(...shape: number[]): Tensor<"float32"> {
  return tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
}

/** What a caller without types may pass. */
export function untyped<T>(value: unknown): T {
  return value as T;
}

/** A call, and the error that it must throw: the same class, not one above it, and the same words. */
export type Throwing = readonly [call: () => unknown, error: Error];

/** One test for each row, named by its message. */
export function throwsExactly(rows: readonly Throwing[]): void {
  it.each(rows.map(([call, error]) => ({ message: error.message, call, error })))(
    "$message",
    ({ call, error }) => {
      let thrown: unknown;
      try {
        call();
      } catch (caught) {
        thrown = caught;
      }
      expect(thrown).toBeInstanceOf(Error);
      expect((thrown as Error).message).toBe(error.message);
      expect((thrown as Error).constructor).toBe(error.constructor);
    },
  );
}
