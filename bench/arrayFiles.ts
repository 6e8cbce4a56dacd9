import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Case, elementsOf, parametersOf } from "./cases.ts";
import { type InputName, type Inputs, inputNames } from "./inputs.ts";

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
