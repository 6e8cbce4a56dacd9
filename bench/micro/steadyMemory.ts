import { setImmediate as turnOfEvents } from "node:timers/promises";
import type { Library } from "../library.ts";

/** Resident memory may grow this much from the third quarter of the steps to the last; before, the host's own heap settles. */
const allowedGrowth = 1.1;
/** Steps between two looks at the memory. */
const readEvery = 100;

/** How results are given back: by `dispose()`, or by leaving them to the garbage collector. */
export type GiveBack = "dispose" | "collector";

/** Training steps at changing shapes; resident memory must be flat. */
export async function steadyMemory(
  library: Library,
  steps: number,
  giveBack: GiveBack,
): Promise<readonly string[]> {
  const layers = [
    { layer: new library.BatchNorm2d(16), shapeOf: (n: number, s: number) => [n, 16, s, s] },
    { layer: new library.GroupNorm(4, 16), shapeOf: (n: number, s: number) => [n, 16, s, s + 1] },
    { layer: new library.LayerNorm(64), shapeOf: (n: number, s: number) => [n, s, 64] },
  ];
  const readings: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { layer, shapeOf } = layers[step % layers.length] as (typeof layers)[number];
    const shape = shapeOf(1 + (step % 7), 5 + (step % 29));
    const x = library.empty(shape);
    const dy = library.empty(shape);
    x.data.forEach((_, i) => {
      x.data[i] = i % 13;
      dy.data[i] = (i % 5) - 2;
    });
    const y = layer.forward(x);
    const dx = layer.backward(dy);
    layer.zeroGrad();
    if (giveBack === "dispose") for (const each of [x, dy, y, dx]) disposeOf(each);
    if ((step + 1) % readEvery === 0) {
      // Finalizers run only between turns of the event loop.
      await turnOfEvents();
      readings.push(process.memoryUsage().rss / 2 ** 20);
    }
  }
  return describe(steps, giveBack, readings);
}

function describe(steps: number, giveBack: GiveBack, readings: readonly number[]): readonly string[] {
  const half = Math.floor(readings.length / 2);
  const last = Math.floor((readings.length * 3) / 4);
  const first = Math.max(...readings.slice(half, last));
  const second = Math.max(...readings.slice(last));
  const shown = readings.filter((_, index) => index % Math.ceil(readings.length / 10) === 0);
  const verdict = second <= first * allowedGrowth ? "flat" : "GROWS";
  return [
    `${steps} training steps at changing shapes, results left to ${giveBack}: resident memory ${verdict}, ` +
      `at most ${first.toFixed(0)} MB in the third quarter and ${second.toFixed(0)} MB in the last ` +
      `(${shown.map((reading) => reading.toFixed(0)).join(" ")})`,
  ];
}

function disposeOf(value: object): void {
  (value as { dispose?: () => void }).dispose?.();
}
