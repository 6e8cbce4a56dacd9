import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { functional as F, setBackend, type Tensor, tensor } from "../../src/index.ts";
import { ulpDistance } from "../ulp.ts";
import { randomTensor, randomWeight, seeds } from "./arbitraries.ts";
import { exactMoments, exactXhat } from "./exact.ts";

beforeAll(() => setBackend("reference"));
afterAll(() => setBackend("wasm"));

/** What the reference may differ by between a float32 result and the rounded float64 result of the same input. */
const allowedUlp = 1;

interface Norm {
  readonly name: string;
  readonly run: (x: Tensor, dy: Tensor, weight: Tensor, bias: Tensor) => readonly (Tensor | null)[];
}

const shape = [3, 4, 5];
const channelRunning = { runningMean: randomTensor([4], 3), runningVar: randomWeight([4], 4) };

function results(y: Tensor, gradients: { dx: Tensor } & Partial<F.Gradients>): (Tensor | null)[] {
  return [y, gradients.dx, gradients.dWeight ?? null, gradients.dBias ?? null];
}

const norms: readonly Norm[] = [
  {
    name: "batchNorm training",
    run: (x, dy, weight, bias) => {
      const options = { weight, bias, training: true };
      return results(F.batchNorm(x, options), F.batchNormBackward(x, dy, options));
    },
  },
  {
    name: "batchNorm eval",
    run: (x, dy, weight, bias) => {
      const options = { weight, bias, ...channelRunning };
      return results(F.batchNorm(x, options), F.batchNormBackward(x, dy, options));
    },
  },
  {
    name: "instanceNorm",
    run: (x, dy, weight, bias) =>
      results(F.instanceNorm(x, { weight, bias }), F.instanceNormBackward(x, dy, { weight, bias })),
  },
  {
    name: "groupNorm",
    run: (x, dy, weight, bias) => {
      const options = { numGroups: 2, weight, bias };
      return results(F.groupNorm(x, options), F.groupNormBackward(x, dy, options));
    },
  },
  {
    name: "layerNorm",
    run: (x, dy, weight, bias) => {
      const options = { axes: [1], weight, bias };
      return results(F.layerNorm(x, options), F.layerNormBackward(x, dy, options));
    },
  },
  {
    name: "rmsNorm",
    run: (x, dy, weight) => {
      const options = { axes: [1], weight, eps: 1e-6 };
      return results(F.rmsNorm(x, options), F.rmsNormBackward(x, dy, options));
    },
  },
  {
    name: "localResponseNorm",
    run: (x, dy) =>
      results(F.localResponseNorm(x, { size: 3 }), F.localResponseNormBackward(x, dy, { size: 3 })),
  },
  { name: "lpNormalize", run: (x, dy) => results(F.lpNormalize(x), F.lpNormalizeBackward(x, dy)) },
];

const widen = (x: Tensor): Tensor => tensor(Float64Array.from(x.data), x.shape);
const exponents = fc.integer({ min: 0, max: 6 });

describe.each(norms)("$name in float32", ({ run }) => {
  it("is within 1 ULP of its float64 result, for mean / std up to 1e6, forward and backward", () => {
    fc.assert(
      fc.property(exponents, fc.integer({ min: -3, max: 3 }), seeds, (ratio, scale, seed) => {
        const std = 10 ** scale;
        const single = [
          randomTensor(shape, seed, { mean: std * 10 ** ratio, std, dtype: "float32" }),
          randomTensor(shape, seed + 1, { dtype: "float32" }),
          randomTensor([4], seed + 2, { dtype: "float32" }),
          randomTensor([4], seed + 3, { dtype: "float32" }),
        ] as const;
        const double = single.map(widen) as [Tensor, Tensor, Tensor, Tensor];
        const expected = run(...double);
        run(...single).forEach((result, i) => {
          expect(result?.dtype).toBe(expected[i] === null ? undefined : "float32");
          const worst = Math.max(
            0,
            ...Array.from(result?.data ?? [], (value, k) =>
              ulpDistance(Number(value), Number(expected[i]?.data[k])),
            ),
          );
          expect(worst).toBeLessThanOrEqual(allowedUlp);
        });
      }),
      { numRuns: 60 },
    );
  });
});

/** float64 holds the mean to half a unit in its last place; a result near 0 shows that, times a few operations. */
const doubleRounding = 8 * Number.EPSILON;
/** Half a unit in the last place of float32, and a hair for the value being rounded after a float64 rounding. */
const singleRounding = 2 ** -24 * (1 + 1e-6);

function expectExact(actual: Tensor, expected: Float64Array, magnitude: number): void {
  const single = actual.dtype === "float32" ? singleRounding : 0;
  for (let i = 0; i < expected.length; i++) {
    const allowed = single * Math.abs(expected[i]) + doubleRounding * magnitude + Number.MIN_VALUE;
    expect(Math.abs(Number(actual.data[i]) - expected[i])).toBeLessThanOrEqual(allowed);
  }
}

const rows: readonly { readonly name: string; readonly row: Float32Array }[] = [
  {
    name: "10000 + noise",
    row: Float32Array.from(randomTensor([200], 1, { mean: 1e4, std: 0.1, dtype: "float32" }).data),
  },
  { name: "40000..40003", row: Float32Array.of(40000, 40001, 40002, 40003) },
  { name: "1e6 + {1, 2, 3}", row: Float32Array.of(1e6 + 1, 1e6 + 2, 1e6 + 3) },
  { name: "1e6 + noise", row: randomTensor([500], 2, { mean: 1e6, dtype: "float32" }).data },
  { name: "-16777216, one apart", row: Float32Array.of(-16777216, -16777215, -16777214, -16777213) },
  { name: "1e-3 noise about 0", row: randomTensor([100], 3, { std: 1e-3, dtype: "float32" }).data },
  { name: "one far value", row: Float32Array.of(0, 0, 0, 0, 0, 0, 1e6) },
];

describe.each(rows)("against exact rational moments: $name", ({ row }) => {
  const n = row.length;
  const dy = randomTensor([1, n], 7, { dtype: "float32" });
  const eps = 1e-5;
  const { mean, variance } = exactMoments(row);
  const { xhat, rstd } = exactXhat(row, eps);
  // How much a relative error of the mean weighs in xhat.
  const condition = 1 + Math.max(...row.map(Math.abs)) * rstd + Math.max(...xhat.map(Math.abs));

  it("mean and variance", () => {
    const taken = F.moments(tensor(row));
    const largest = Math.max(...row.map(Math.abs));
    expect(Math.abs(taken.mean.data[0] - mean)).toBeLessThanOrEqual(largest * Number.EPSILON);
    expect(Math.abs(taken.variance.data[0] / variance - 1)).toBeLessThanOrEqual(n * Number.EPSILON);
  });

  it.each(["float32", "float64"] as const)("%s forward and backward", (dtype) => {
    const x = tensor(row, [1, n], { dtype });
    expectExact(F.layerNorm(x, { normalizedShape: n, eps }), xhat, condition);
    const column = tensor(row, [n, 1], { dtype });
    expectExact(F.batchNorm(column, { training: true, eps }), xhat, condition);
    const { dx } = F.layerNormBackward(x, dy, { normalizedShape: n, eps });
    let meanDy = 0;
    let meanDyXhat = 0;
    for (let i = 0; i < n; i++) {
      meanDy += dy.data[i] / n;
      meanDyXhat += (dy.data[i] * xhat[i]) / n;
    }
    const expected = xhat.map((value, i) => rstd * (dy.data[i] - meanDy - value * meanDyXhat));
    expectExact(dx, expected, condition * rstd * n);
  });
});

describe("constant rows", () => {
  it("give exactly 0 * weight + bias, whatever the value, the length and eps", () => {
    const values = fc.float({ noNaN: true, noDefaultInfinity: true });
    const eps = fc.constantFrom(1e-12, 1e-5, 1);
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 300 }), eps, seeds, (value, n, eps, seed) => {
        const x = tensor(new Float32Array(2 * n).fill(value), [2, n]);
        const weight = randomWeight([n], seed);
        const bias = randomTensor([n], seed + 1, { dtype: "float32" });
        const expected = [...bias.data, ...bias.data];
        expect([...F.layerNorm(x, { normalizedShape: n, eps, weight, bias }).data]).toEqual(expected);
        const columns = tensor(new Float64Array(2 * n).fill(value), [2, n]);
        const y = F.batchNorm(columns, { training: true, eps, weight, bias: widen(bias) });
        expect([...y.data]).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it("have variance 0 and the value as their mean, exactly", () => {
    for (const value of [0.1, 1 / 3, 1e6 + 0.1, -7e-5, Math.PI * 1e4]) {
      for (const n of [2, 3, 7, 10, 49, 1000, 4097]) {
        const { mean, variance } = F.moments(new Float64Array(n).fill(value));
        expect([mean.data[0], variance.data[0]]).toEqual([value, 0]);
      }
    }
  });
});
