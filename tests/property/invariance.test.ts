import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { functional as F, type Tensor } from "../../src/index.ts";
import {
  epsilons,
  expectClose,
  imageShapes,
  mapped,
  randomTensor,
  randomWeight,
  seeds,
} from "./arbitraries.ts";

/**
 * A shift of 1e3 at a scale of 0.1 rounds x by 1e-12 of its deviation; rstd^2, at most 1 / eps = 1e3, weight and dy
 * magnify that in dx to some 1e-8.
 */
const tolerance = 1e-7;

interface Norm {
  readonly name: string;
  readonly centered: boolean;
  readonly forward: (x: Tensor, eps: number) => Tensor;
  readonly backward: (x: Tensor, dy: Tensor, eps: number) => Tensor;
}

const weightOf = (x: Tensor): Tensor => randomWeight([x.shape[1]], 77);

const norms: readonly Norm[] = [
  {
    name: "batchNorm",
    centered: true,
    forward: (x, eps) => F.batchNorm(x, { training: true, eps, weight: weightOf(x) }),
    backward: (x, dy, eps) => F.batchNormBackward(x, dy, { training: true, eps, weight: weightOf(x) }).dx,
  },
  {
    name: "instanceNorm",
    centered: true,
    forward: (x, eps) => F.instanceNorm(x, { eps, weight: weightOf(x) }),
    backward: (x, dy, eps) => F.instanceNormBackward(x, dy, { eps, weight: weightOf(x) }).dx,
  },
  {
    name: "groupNorm",
    centered: true,
    forward: (x, eps) => F.groupNorm(x, { numGroups: 1, eps, weight: weightOf(x) }),
    backward: (x, dy, eps) => F.groupNormBackward(x, dy, { numGroups: 1, eps, weight: weightOf(x) }).dx,
  },
  {
    name: "layerNorm",
    centered: true,
    forward: (x, eps) => F.layerNorm(x, { axes: [2, 3], eps }),
    backward: (x, dy, eps) => F.layerNormBackward(x, dy, { axes: [2, 3], eps }).dx,
  },
  {
    name: "rmsNorm",
    centered: false,
    forward: (x, eps) => F.rmsNorm(x, { axes: [1], eps, weight: weightOf(x) }),
    backward: (x, dy, eps) => F.rmsNormBackward(x, dy, { axes: [1], eps, weight: weightOf(x) }).dx,
  },
];

const runs = { numRuns: 40 };
// Smaller eps would let a group of nearly equal values magnify the rounding of the shift.
const eps = epsilons.filter((value) => value >= 1e-3);
const powers = fc.integer({ min: -20, max: 20 }).map((exponent) => 2 ** exponent);

describe.each(norms)("$name", ({ forward, backward }) => {
  it("is unchanged, bit for bit, by a power of two on x with its square on eps", () => {
    fc.assert(
      fc.property(imageShapes, seeds, epsilons, powers, (shape, seed, eps, scale) => {
        const x = randomTensor(shape, seed, { mean: 2 });
        const dy = randomTensor(shape, seed + 9);
        const scaled = mapped(x, (value) => value * scale);
        expect(forward(scaled, eps * scale ** 2).data).toEqual(forward(x, eps).data);
        const dx = mapped(backward(x, dy, eps) as Tensor<"float64">, (value) => value / scale);
        expect(backward(scaled, dy, eps * scale ** 2).data).toEqual(dx.data);
      }),
      runs,
    );
  });

  it("changes its sign with x's", () => {
    fc.assert(
      fc.property(imageShapes, seeds, epsilons, (shape, seed, eps) => {
        const x = randomTensor(shape, seed, { mean: 2 });
        const negated = mapped(forward(x, eps) as Tensor<"float64">, (value) => 0 - value);
        expectClose(
          forward(
            mapped(x, (value) => -value),
            eps,
          ),
          negated,
          0,
        );
      }),
      runs,
    );
  });
});

describe.each(norms.filter(({ centered }) => centered))("$name", ({ forward, backward }) => {
  it("is unchanged by a shift and a scale of x, with eps scaled", () => {
    const shifts = fc.double({ min: -1e3, max: 1e3, noNaN: true });
    const scales = fc.double({ min: 0.1, max: 10, noNaN: true });
    fc.assert(
      fc.property(imageShapes, seeds, eps, shifts, scales, (shape, seed, eps, shift, scale) => {
        const x = randomTensor(shape, seed);
        const dy = randomTensor(shape, seed + 9);
        const moved = mapped(x, (value) => shift + scale * value);
        expectClose(forward(moved, eps * scale ** 2), forward(x, eps), tolerance);
        const dx = mapped(backward(x, dy, eps) as Tensor<"float64">, (value) => value / scale);
        expectClose(backward(moved, dy, eps * scale ** 2), dx, tolerance);
      }),
      runs,
    );
  });
});

it("lpNormalize is unchanged by a power of two, and its vectors have norm 1", () => {
  fc.assert(
    fc.property(imageShapes, seeds, powers, fc.constantFrom(1, 2, 3), (shape, seed, scale, p) => {
      const x = randomTensor(shape, seed);
      const y = F.lpNormalize(x, { p, eps: 0 });
      // The root of p = 3 is not exact under powers of two.
      expectClose(
        F.lpNormalize(
          mapped(x, (value) => value * scale),
          { p, eps: 0 },
        ),
        y,
        1e-14,
      );
      const powersOfY = mapped(y as Tensor<"float64">, (value) => Math.abs(value) ** p);
      const means = F.moments(powersOfY, { axes: [1] }).mean;
      expectClose(
        means,
        mapped(means, () => 1 / shape[1]),
        1e-14,
      );
    }),
    runs,
  );
});
