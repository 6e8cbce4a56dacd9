import { parseArray } from "evenkeel/check";
import { readNpy } from "evenkeel/checkpoints";
import address from "./activations.npy?url";
import type { Extents } from "./norms.ts";

/** An activation in (N, C, H, W) order. */
export interface Activation {
  readonly name: string;
  readonly data: Float32Array;
  readonly extents: Extents;
}

/** More cells cannot be told apart on a screen. */
export const mostCells = 2048;

let loading: Promise<Activation> | undefined;

/** What the first convolution of a network trained on handwritten digits gives for 24 images: (24, 8, 8, 8). */
export function digits(): Promise<Activation> {
  loading ??= fetch(address)
    .then((response) => response.arrayBuffer())
    .then(readNpy)
    .then(({ data, shape }) => ({
      name: "digits",
      data: Float32Array.from(data as Float32Array),
      extents: shape as unknown as Extents,
    }));
  return loading;
}

/** The first samples and channels, at every other position: few enough cells to see. */
export function cornerOf({ name, data, extents }: Activation, [n, c, h, w]: Extents): Activation {
  const [, channels, height, width] = extents;
  const [stepH, stepW] = [Math.floor(height / h), Math.floor(width / w)];
  const cut = new Float32Array(n * c * h * w);
  let at = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < c; j++)
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++)
          cut[at++] = data[((i * channels + j) * height + y * stepH) * width + x * stepW] as number;
  return { name, data: cut, extents: [n, c, h, w] };
}

/**
 * An activation from printed text: numpy, torch, JSON.
 *
 * @throws RangeError if it is no array, has not 2 to 4 axes, or too many cells
 */
export function activationOf(text: string): Activation {
  const { values, shape } = parseArray(text, "your array");
  return checked("your array", Float32Array.from(values), shape);
}

/** An activation from a dropped file: npy, else printed text. */
export async function activationIn(file: File): Promise<Activation> {
  if (file.size === 0) throw new RangeError(`${file.name}: expected an array, got an empty file`);
  if (!file.name.endsWith(".npy")) return activationOf(await file.text());
  const { data, shape } = await readNpy(file);
  return checked(file.name, Float32Array.from(data as ArrayLike<number>, Number), shape);
}

function checked(name: string, data: Float32Array, shape: readonly number[]): Activation {
  if (shape.length < 2 || shape.length > 4) {
    throw new RangeError(`${name}: expected 2 to 4 axes (N, C, H, W), got ${shape.length}`);
  }
  if (data.length < 1 || data.length > mostCells) {
    throw new RangeError(`${name}: expected 1 to ${mostCells} cells, got ${data.length}`);
  }
  const [n, c, h = 1, w = 1] = shape as [number, number, number?, number?];
  return { name, data, extents: shape.length === 3 ? [n, c, 1, h] : [n, c, h, w] };
}
