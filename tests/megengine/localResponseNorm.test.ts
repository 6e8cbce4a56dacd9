import { describe, expect, test } from "vitest";
import { LocalResponseNorm } from "../../src/megengine/index.ts";
import { expectClose, f64, wave } from "../layers/support.ts";

test("defaults", () => {
  const { kernelSize, k, alpha, beta } = new LocalResponseNorm();
  expect({ kernelSize, k, alpha, beta }).toEqual({ kernelSize: 5, k: 2, alpha: 1e-4, beta: 0.75 });
});

const values = [1, -2, 3, 0.5, -4, 2];
const x = f64(values, [1, 6, 1, 1]);

/** x / (k + alpha * sum of squares over `side` channels on either side)^beta, alpha not divided. */
function byHand(side: number, k: number, alpha: number, beta: number): number[] {
  return values.map((value, c) => {
    const window = values.filter((_, at) => Math.abs(at - c) <= side);
    return value / (k + alpha * window.reduce((sum, v) => sum + v * v, 0)) ** beta;
  });
}

describe("the window is symmetric, 2 * floor(size / 2) + 1 channels wide, cut at the edges", () => {
  test.each([
    [1, 0],
    [2, 1],
    [3, 1],
    [4, 2],
    [5, 2],
    [20, 10],
  ])("kernelSize %d: %d channels on either side", (kernelSize, side) => {
    const lrn = new LocalResponseNorm({ kernelSize, k: 1.5, alpha: 0.25, beta: 0.5 });
    expectClose(lrn.forward(x).data, byHand(side, 1.5, 0.25, 0.5));
  });
});

test("the defaults compute with k 2 and an undivided alpha", () => {
  expectClose(new LocalResponseNorm().forward(x).data, byHand(2, 2, 1e-4, 0.75));
});

test("backward agrees with finite differences", () => {
  const lrn = new LocalResponseNorm({ kernelSize: 2, alpha: 0.3, beta: 0.6 });
  const dy = wave(6);
  lrn.forward(x);
  const dx = lrn.backward(f64(dy, x.shape));
  const step = 1e-5;
  const loss = (at: number, by: number) => {
    const moved = values.map((value, i) => (i === at ? value + by : value));
    return Array.from(lrn.forward(f64(moved, x.shape)).data).reduce((sum, y, i) => sum + y * dy[i], 0);
  };
  // A central difference in float64 errs by about step^2.
  expectClose(
    dx.data,
    values.map((_, i) => (loss(i, step) - loss(i, -step)) / (2 * step)),
    1e-8,
  );
});
