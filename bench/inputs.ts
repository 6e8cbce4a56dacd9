import { type Case, elementsOf, parametersOf } from "./cases.ts";

/** The arrays that every peer gets. */
export const inputNames = ["x", "dy", "weight", "bias", "runningMean", "runningVar"] as const;
/** Name of an input array, and of its file. */
export type InputName = (typeof inputNames)[number];
/** Inputs of one case, row-major. */
export type Inputs = Readonly<Record<InputName, Float32Array>>;

/** The arrays that a peer may return; dx, dWeight and dBias where the case has a backward. */
export const resultNames = ["y", "dx", "dWeight", "dBias", "runningMean", "runningVar"] as const;
/** Name of a result array, and of its file. */
export type ResultName = (typeof resultNames)[number];
/** Results of one call. */
export type Results = Partial<Readonly<Record<ResultName, ArrayLike<number>>>>;

/** The same numbers for a case at each run and in each process; |mean| / std of x is about 1. */
export function inputsOf(c: Case): Inputs {
  const random = uniform(0x9e3779b9);
  const elements = elementsOf(c);
  const parameters = parametersOf(c);
  const fill = (length: number, value: () => number) => {
    const array = new Float32Array(length);
    for (let i = 0; i < length; i++) array[i] = value();
    return array;
  };
  return {
    x: fill(elements, () => 4 * random() - 1),
    dy: fill(c.mode === "forward+backward" ? elements : 0, () => 2 * random() - 1),
    weight: fill(parameters, () => 0.5 + random()),
    bias: fill(parameters, () => random() - 0.5),
    runningMean: fill(parameters, () => 2 * random()),
    runningVar: fill(parameters, () => 0.5 + random()),
  };
}

/** Uniform numbers in [0, 1): mulberry32. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
