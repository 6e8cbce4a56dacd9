import { expect, test } from "vitest";
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  GroupNorm,
  InstanceNorm2d,
  type Layer,
  type Layout,
  LocalResponseNorm,
} from "../../src/index.ts";
import { expectClose, f64, wave } from "./support.ts";

const [samples, channels] = [2, 4];

/** (N, C, *) as (N, *, C). */
function lastFrom(values: readonly number[], positions: number): number[] {
  const moved = new Array<number>(values.length);
  for (let n = 0; n < samples; n++)
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < positions; p++)
        moved[(n * positions + p) * channels + c] = values[(n * channels + c) * positions + p];
  return moved;
}

type Make = (layout: Layout) => Layer;
const cases: readonly (readonly [string, Make, readonly number[]])[] = [
  ["BatchNorm1d", (layout) => new BatchNorm1d(channels, { layout, dtype: "float64" }), [6]],
  ["BatchNorm2d", (layout) => new BatchNorm2d(channels, { layout, dtype: "float64" }), [2, 3]],
  ["BatchNorm3d", (layout) => new BatchNorm3d(channels, { layout, dtype: "float64" }), [1, 2, 3]],
  [
    "InstanceNorm2d",
    (layout) => new InstanceNorm2d(channels, { layout, affine: true, dtype: "float64" }),
    [2, 3],
  ],
  ["GroupNorm", (layout) => new GroupNorm(2, channels, { layout, dtype: "float64" }), [2, 3]],
  ["LocalResponseNorm", (layout) => new LocalResponseNorm(3, { layout, alpha: 1 }), [2, 3]],
];

test.each(cases)("%s channels last equals the transposed channels first", (_, make, spatial) => {
  const [first, last] = [make("channels-first"), make("channels-last")];
  for (const layer of [first, last]) {
    layer.weight?.data.set([1, 2, -3, 4]);
    layer.bias?.data.set([0, 1, 0, -1]);
  }
  const positions = spatial.reduce((a, b) => a * b, 1);
  const values = wave(samples * channels * positions);
  const dy = wave(values.length, 1);
  const y = first.forward(f64(values, [samples, channels, ...spatial]));
  const lastShape = [samples, ...spatial, channels];
  const yLast = last.forward(f64(lastFrom(values, positions), lastShape));
  expect(yLast.shape).toEqual(lastShape);
  expectClose(yLast.data, lastFrom(Array.from(y.data), positions));
  const dx = first.backward(f64(dy, y.shape));
  const dxLast = last.backward(f64(lastFrom(dy, positions), lastShape));
  expectClose(dxLast.data, lastFrom(Array.from(dx.data), positions));
  expectClose(last.weight?.grad ?? [], first.weight?.grad ?? []);
  expectClose(last.bias?.grad ?? [], first.bias?.grad ?? []);
});
