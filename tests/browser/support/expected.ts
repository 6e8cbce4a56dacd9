import { readNpy } from "../../../src/checkpoints/index.ts";
import { functional as F, type Tensor, tensor } from "../../../src/index.ts";

/** Samples, channels, height, width. */
export type Extents = readonly [number, number, number, number];
type Place = Extents;

/** Which of a norm's cells share a statistic, told by a number for each set. */
const setOf: Readonly<Record<string, (place: Place, extents: Extents, groups: number) => number>> = {
  batch: ([, c]) => c,
  layer: ([n]) => n,
  instance: ([n, c], [, C]) => n * C + c,
  group: ([n, c], [, C], groups) => n * groups + Math.floor(c / (C / groups)),
  channel: ([n, , h, w], [, , H, W]) => (n * H + h) * W + w,
  rms: ([n]) => n,
};

/** The activations that the playground ships: (24, 8, 8, 8). */
export async function digits(): Promise<Tensor> {
  return (await readNpy("playground/src/see/activations.npy")) as Tensor;
}

/** The corner of them that the stack of cells shows. */
export function cornerOf(x: Tensor, [N, C, H, W]: Extents): number[] {
  const [, channels, height, width] = x.shape as unknown as Extents;
  const [down, across] = [Math.floor(height / H), Math.floor(width / W)];
  return placesOf([N, C, H, W]).map(([n, c, h, w]) =>
    Number(x.data[((n * channels + c) * height + h * down) * width + w * across]),
  );
}

/** What the panel of one cell must say. */
export interface Cell {
  readonly count: number;
  /** null where the mean is not subtracted. */
  readonly mean: number | null;
  readonly variance: number;
  readonly y: number;
}

/** The statistic of one cell and what the cell becomes, computed by the library. */
export function cellOf(norm: string, x: readonly number[], extents: Extents, cell: number, groups = 1): Cell {
  const places = placesOf(extents);
  const of = (place: Place): number => (setOf[norm] as (typeof setOf)[string])(place, extents, groups);
  const own = of(places[cell] as Place);
  const shared = x.filter((_, i) => of(places[i] as Place) === own);
  const row = tensor(Float64Array.from(shared), [1, shared.length]);
  const { mean, variance } = F.moments(row, { axes: [1] });
  const options = { normalizedShape: [shared.length], eps: 1e-5 };
  const isCentered = norm !== "rms";
  const y = isCentered ? F.layerNorm(row, options) : F.rmsNorm(row, options);
  const place = x.slice(0, cell).filter((_, i) => of(places[i] as Place) === own).length;
  const [m, v] = [Number(mean.data[0]), Number(variance.data[0])];
  return {
    count: shared.length,
    mean: isCentered ? m : null,
    variance: isCentered ? v : v + m * m,
    y: Number(y.data[place]),
  };
}

/** Running mean and variance of one channel after some steps with batches of 6, by PyTorch's rule written out. */
export function runningOf(
  x: Tensor,
  history: readonly { readonly mode: string; readonly steps: number }[],
  { channel, momentum }: { readonly channel: number; readonly momentum: number },
): { readonly mean: number; readonly variance: number } {
  const [samples, channels, height, width] = x.shape as unknown as Extents;
  const positions = height * width;
  const batch = 6;
  let [mean, variance, drawn] = [0, 1, 0];
  for (const { mode, steps } of history) {
    for (let step = 0; step < steps; step++) {
      const values: number[] = [];
      for (let i = 0; i < batch; i++, drawn++) {
        const start = (((drawn * 7) % samples) * channels + channel) * positions;
        for (let at = start; at < start + positions; at++) values.push(Number(x.data[at]));
      }
      if (mode !== "train") continue;
      const ofBatch = values.reduce((sum, value) => sum + value, 0) / values.length;
      const squares = values.reduce((sum, value) => sum + (value - ofBatch) ** 2, 0);
      mean = (1 - momentum) * mean + momentum * ofBatch;
      variance = (1 - momentum) * variance + (momentum * squares) / (values.length - 1);
    }
  }
  return { mean, variance };
}

function placesOf([N, C, H, W]: Extents): Place[] {
  return Array.from({ length: N * C * H * W }, (_, i) => [
    Math.floor(i / (C * H * W)),
    Math.floor(i / (H * W)) % C,
    Math.floor(i / W) % H,
    i % W,
  ]);
}
