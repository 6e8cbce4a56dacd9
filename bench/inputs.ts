import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
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

/** Writes arrays as little-endian float32, one file each. */
export function writeArrays(folder: string, arrays: Readonly<Record<string, ArrayLike<number>>>): void {
  for (const [name, values] of Object.entries(arrays)) {
    const array = values instanceof Float32Array ? values : Float32Array.from(values);
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const file = openSync(fileOf(folder, name), "w");
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    } finally {
      closeSync(file);
    }
  }
}

/** Reads one array of `length` elements written by {@link writeArrays} or by a peer. */
export function readArray(folder: string, name: string, length: number): Float32Array {
  const array = new Float32Array(length);
  const bytes = new Uint8Array(array.buffer);
  const file = openSync(fileOf(folder, name), "r");
  try {
    let at = 0;
    while (at < bytes.length) {
      const count = readSync(file, bytes, at, bytes.length - at, null);
      if (count === 0) throw new RangeError(`${name}: expected ${bytes.length} bytes, got ${at}`);
      at += count;
    }
  } finally {
    closeSync(file);
  }
  return array;
}

/** Reads the inputs of a case. */
export function readInputs(folder: string, c: Case): Inputs {
  const elements = elementsOf(c);
  const parameters = parametersOf(c);
  const lengths: Record<InputName, number> = {
    x: elements,
    dy: c.mode === "forward+backward" ? elements : 0,
    weight: parameters,
    bias: parameters,
    runningMean: parameters,
    runningVar: parameters,
  };
  const entries = inputNames.map((name) => [name, readArray(folder, name, lengths[name])]);
  return Object.fromEntries(entries) as Inputs;
}

function fileOf(folder: string, name: string): string {
  return join(folder, `${name}.f32`);
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
