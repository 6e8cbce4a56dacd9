import { describe, expect, it } from "vitest";
import { functional as F, type Tensor, tensor } from "../../src/index.ts";

const single = (value: number, dtype: "float32" | "float64" = "float64"): Tensor =>
  tensor([value], [1], { dtype });

/** One channel of four values: mean 2.5, biased variance 1.25, unbiased 5 / 3. */
const x = tensor(Float64Array.of(1, 2, 3, 4), [4, 1]);

function runningAfter(options: F.BatchNormOptions): { mean: number; variance: number } {
  const runningMean = single(0);
  const runningVar = single(1);
  F.batchNorm(x, { training: true, runningMean, runningVar, ...options });
  return { mean: Number(runningMean.data[0]), variance: Number(runningVar.data[0]) };
}

const conventions: readonly { options: F.RunningOptions; mean: number; variance: number }[] = [
  { options: {}, mean: 0.25, variance: 0.9 + 0.1 * (5 / 3) },
  { options: { momentum: 0.1, runningVarianceDdof: 1 }, mean: 0.25, variance: 1.0666666666666667 },
  { options: { momentum: 0.1, runningVarianceDdof: 0 }, mean: 0.25, variance: 1.025 },
  { options: { momentum: 0.9, momentumWeighs: "old" }, mean: 0.25, variance: 1.0666666666666667 },
  {
    options: { momentum: 0.9, momentumWeighs: "old", runningVarianceDdof: 0 },
    mean: 0.25,
    variance: 1.025,
  },
  { options: { momentum: 0.9, momentumWeighs: "new" }, mean: 2.25, variance: 0.1 + 0.9 * (5 / 3) },
  { options: { momentumWeighs: "old" }, mean: 2.25, variance: 0.1 + 0.9 * (5 / 3) },
  { options: { momentum: 0 }, mean: 0, variance: 1 },
  { options: { momentum: 1 }, mean: 2.5, variance: 5 / 3 },
  { options: { momentum: 1, momentumWeighs: "old" }, mean: 0, variance: 1 },
];

describe("batchNorm's running statistics", () => {
  it.each(conventions)("$options", ({ options, mean, variance }) => {
    const after = runningAfter(options);
    expect(after.mean).toBeCloseTo(mean, 14);
    expect(after.variance).toBeCloseTo(variance, 14);
  });

  it("do not change y: the biased variance normalizes under every convention", () => {
    const plain = F.batchNorm(x, { training: true });
    for (const { options } of conventions) {
      const y = F.batchNorm(x, { training: true, runningMean: single(0), runningVar: single(1), ...options });
      expect(y.data).toEqual(plain.data);
    }
    expect(plain.data[0]).toBeCloseTo(-1.5 / Math.sqrt(1.25 + 1e-5), 14);
  });

  it("stay in eval and in backward", () => {
    expect(runningAfter({ training: false })).toEqual({ mean: 0, variance: 1 });
    const runningMean = single(0);
    const runningVar = single(1);
    F.batchNormBackward(x, x, { training: true, runningMean, runningVar });
    expect([runningMean.data[0], runningVar.data[0]]).toEqual([0, 1]);
  });

  it("move one without the other", () => {
    const runningMean = single(1);
    F.batchNorm(x, { training: true, runningMean });
    expect(runningMean.data[0]).toBeCloseTo(0.9 + 0.25, 14);
    const runningVar = single(1);
    F.batchNorm(x, { training: true, runningVar });
    expect(runningVar.data[0]).toBeCloseTo(1.0666666666666667, 14);
  });

  it("are rounded once to float32", () => {
    const runningMean = single(0.1, "float32");
    F.batchNorm(x, { training: true, runningMean, momentum: 0.3 });
    expect(runningMean.data[0]).toBe(Math.fround(0.7 * Math.fround(0.1) + 0.3 * 2.5));
  });

  it("may be bare typed arrays, of any length of channels", () => {
    const runningMean = new Float64Array(2);
    F.batchNorm(tensor([1, 10, 3, 30], [2, 2]), { training: true, runningMean, momentum: 0.5 });
    expect([...runningMean]).toEqual([1, 10]);
  });

  it("become NaN for one value per channel where that is allowed, as in ONNX and MegEngine with ddof 1", () => {
    const runningVar = single(1);
    const y = F.batchNorm(single(5), { training: true, axis: 0, allowSingleValue: true, runningVar });
    expect(y.data[0]).toBe(0);
    expect(runningVar.data[0]).toBeNaN();
  });
});

describe("instanceNorm's running statistics", () => {
  const images = tensor(Float64Array.of(1, 2, 3, 4, 10, 10, 10, 30), [2, 1, 4]);

  it("follow the mean of the per-instance means and unbiased variances", () => {
    const runningMean = single(0);
    const runningVar = single(1);
    F.instanceNorm(images, { runningMean, runningVar, momentum: 0.1 });
    expect(runningMean.data[0]).toBeCloseTo(0.1 * ((2.5 + 15) / 2), 14);
    // The variances are 5 / 3 and 100; of all eight values together it would be 91.07.
    expect(runningVar.data[0]).toBeCloseTo(0.9 + 0.1 * ((5 / 3 + 100) / 2), 13);
  });

  it("with ddof 0 and the old value weighed", () => {
    const runningMean = single(0);
    const runningVar = single(1);
    const options = { momentum: 0.9, momentumWeighs: "old", runningVarianceDdof: 0 } as const;
    F.instanceNorm(images, { runningMean, runningVar, ...options });
    expect(runningMean.data[0]).toBeCloseTo(0.1 * ((2.5 + 15) / 2), 14);
    expect(runningVar.data[0]).toBeCloseTo(0.9 + 0.1 * ((1.25 + 75) / 2), 13);
  });

  it("keep channels apart, channels last too", () => {
    const last = tensor(Float64Array.of(1, 100, 3, 300, 5, 500, 7, 700), [2, 2, 2]);
    const runningMean = tensor(new Float64Array(2), [2]);
    F.instanceNorm(last, { runningMean, momentum: 1, axis: -1 });
    expect([...runningMean.data]).toEqual([4, 400]);
  });

  it("normalize and stay where useInputStats is false", () => {
    const runningMean = single(2);
    const runningVar = single(4);
    const y = F.instanceNorm(images, { runningMean, runningVar, useInputStats: false, eps: 0 });
    expect([...y.data]).toEqual([-0.5, 0, 0.5, 1, 4, 4, 4, 14]);
    expect([runningMean.data[0], runningVar.data[0]]).toEqual([2, 4]);
  });
});
