import { describe, expect, test } from "vitest";
import {
  type CalibrationState,
  calibrate,
  calibration,
  readSafetensors,
} from "../../src/checkpoints/index.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  InstanceNorm2d,
  type RunningNorm,
  Tensor,
  type TensorLike,
  tensor,
} from "../../src/index.ts";
import { BatchNorm2d as MegEngineBatchNorm2d } from "../../src/megengine/index.ts";
import { exactMoments } from "../property/exact.ts";
import { normals } from "../random.ts";
import { ulpDistance } from "../ulp.ts";
import { rejection } from "./files.ts";

/** The samples [begin, end) of x. */
function rows(x: Tensor, begin: number, end: number): Tensor {
  const perRow = x.size / x.shape[0];
  return new Tensor(x.dtype, [end - begin, ...x.shape.slice(1)], x.data.slice(begin * perRow, end * perRow));
}

/** x in batches that end at these samples. */
function* split(x: Tensor, ends: readonly number[]): Generator<Tensor> {
  let begin = 0;
  for (const end of [...ends, x.shape[0]]) {
    if (end <= begin) continue;
    yield rows(x, begin, end);
    begin = end;
  }
}

/** Seven ways to split 64 samples. */
const splits: readonly (readonly number[])[] = [
  [],
  [32],
  [1, 2, 3, 5, 8, 13, 21, 34, 55],
  Array.from({ length: 63 }, (_, i) => i + 1),
  [63],
  [10, 20, 30, 40, 50, 60],
  [7, 50],
];

async function recorded(layer: string): Promise<Tensor> {
  return (await readSafetensors("examples/digits/eval.safetensors")).get(`${layer}.input`) as Tensor;
}

function valuesOf(x: Tensor, channel: number): number[] {
  const inner = x.shape.slice(2).reduce((size, extent) => size * extent, 1);
  return Array.from(x.data as Float32Array).filter((_, i) => Math.floor(i / inner) % x.shape[1] === channel);
}

function state(layer: RunningNorm): unknown {
  return { ...layer.stateDict() };
}

describe("digits: the float64 statistics, for 7 splits identically", () => {
  const layers = {
    bn1: () => new BatchNorm2d(16, { dtype: "float64" }),
    bn2: () => new BatchNorm2d(32, { dtype: "float64" }),
    bn3: () => new BatchNorm1d(64, { dtype: "float64" }),
  };

  test.each(Object.entries(layers))("%s to 1 ULP of the exact ones", async (name, make) => {
    const x = await recorded(name);
    const results = [];
    for (const ends of splits) {
      const layer = make();
      await calibrate(layer, split(x, ends));
      results.push(state(layer));
      expect(layer.numBatchesTracked).toBe(1);
    }
    for (const result of results) expect(result).toEqual(results[0]);
    const { running_mean: mean, running_var: variance } = results[0] as Record<string, Tensor>;
    const n = x.size / x.shape[1];
    for (let c = 0; c < x.shape[1]; c++) {
      const exact = exactMoments(valuesOf(x, c));
      expect(ulpDistance(mean.data[c] as number, exact.mean)).toBeLessThanOrEqual(1);
      expect(ulpDistance(variance.data[c] as number, (exact.variance * n) / (n - 1))).toBeLessThanOrEqual(1);
    }
  });

  test("inorm: the means of each sample's", async () => {
    const x = await recorded("inorm");
    const results = [];
    for (const ends of splits) {
      const layer = new InstanceNorm2d(32, { trackRunningStats: true, dtype: "float64" });
      await calibrate(layer, split(x, ends));
      expect(layer.numBatchesTracked).toBe(0);
      results.push(state(layer));
    }
    for (const result of results) expect(result).toEqual(results[0]);
    const training = new InstanceNorm2d(32, {
      trackRunningStats: true,
      momentum: 1,
      dtype: "float64",
      backend: "reference",
    });
    training.forward(x);
    const { running_mean: mean, running_var: variance } = results[0] as Record<string, Tensor>;
    for (let c = 0; c < 32; c++) {
      expect(mean.data[c]).toBeCloseTo(training.runningMean?.data[c] as number, 12);
      expect(variance.data[c]).toBeCloseTo(training.runningVar?.data[c] as number, 12);
    }
  });
});

function batchesOf(count: number): Tensor[] {
  return Array.from({ length: count }, (_, i) => tensor(Float32Array.from(normals(24, i + 1)), [3, 2, 2, 2]));
}

/** Statistics that a layer's own training gives, in float64. */
function trained(momentum: number | null, batches: readonly Tensor[]): BatchNorm2d {
  const layer = new BatchNorm2d(2, { momentum, dtype: "float64", backend: "reference" });
  for (const batch of batches) layer.forward(batch);
  return layer;
}

test.each([
  ["cumulative", null],
  ["momentum", 0.3],
] as const)("%s: what training in PyTorch's way comes to", async (method, momentum) => {
  const batches = batchesOf(5);
  const layer = new BatchNorm2d(2, { momentum, dtype: "float64" });
  const progress: number[] = [];
  const result = await calibrate(layer, batches, {
    method,
    onProgress: ({ samples }) => progress.push(samples),
  });
  const expected = trained(momentum, batches);
  expect(progress).toEqual([3, 6, 9, 12, 15]);
  expect(result).toMatchObject({ method, samples: 15, batches: 5 });
  expect(layer.numBatchesTracked).toBe(5);
  for (let c = 0; c < 2; c++) {
    expect(layer.runningMean?.data[c]).toBeCloseTo(expected.runningMean?.data[c] as number, 12);
    expect(layer.runningVar?.data[c]).toBeCloseTo(expected.runningVar?.data[c] as number, 12);
  }
});

test("momentum is the weight of the new batch, of MegEngine's layers too", async () => {
  const layer = new MegEngineBatchNorm2d(2, { momentum: 0.7, dtype: "float64" });
  await calibrate(layer, batchesOf(4), { method: "momentum" });
  const expected = trained(0.3, batchesOf(4));
  expect(layer.runningVar?.data[1]).toBeCloseTo(expected.runningVar?.data[1] as number, 12);
  expect(layer.runningMean?.shape).toEqual([1, 2, 1, 1]);
});

test("channels last, 16-bit types, unbatched and empty input, ddof 0, an async iterable", async () => {
  const first = new BatchNorm2d(2, { dtype: "float64" });
  await calibrate(first, [tensor(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 9), [1, 2, 2, 2])], { ddof: 0 });
  expect([...(first.runningVar?.data ?? [])]).toEqual([1.25, 2.1875]);
  const last = new BatchNorm2d(2, { dtype: "float64", layout: "channels-last" });
  async function* batches(): AsyncGenerator<TensorLike> {
    yield tensor(new Float32Array(0), [0, 2, 2, 2]);
    yield tensor([1, 5, 2, 6, 3, 7, 4, 9], [1, 2, 2, 2], { dtype: "bfloat16" });
  }
  await calibrate(last, batches(), { ddof: 0 });
  expect(state(last)).toEqual(state(first));
  const instance = new InstanceNorm2d(2, { trackRunningStats: true, dtype: "float64" });
  await calibrate(instance, [tensor(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 9), [2, 2, 2])], { ddof: 0 });
  expect([...(instance.runningVar?.data ?? [])]).toEqual([1.25, 2.1875]);
});

describe("a calibration that stops and goes on", () => {
  test.each([["precise"], ["cumulative"], ["momentum"]] as const)("%s: the same bits", async (method) => {
    const batches = batchesOf(6);
    const whole = new BatchNorm2d(2);
    const options = { method };
    await calibrate(whole, batches, options);
    let saved: CalibrationState | undefined;
    const layer = new BatchNorm2d(2);
    for (const batch of batches) {
      const work = calibration(layer, { ...options, state: saved });
      work.add(batch);
      saved = JSON.parse(JSON.stringify(work.state())) as CalibrationState;
    }
    expect(state(layer)).toEqual(state(new BatchNorm2d(2)));
    calibration(layer, { ...options, state: saved }).finish();
    expect(state(layer)).toEqual(state(whole));
  });

  test.each<[string, (good: CalibrationState) => unknown, RegExp]>([
    ["no state", () => 3, /expected a state of an earlier calibration, got 3/],
    ["another method", (good) => ({ ...good, method: "precise" }), /go on with method "precise" as before/],
    ["a count that is none", (good) => ({ ...good, samples: -1 }), /samples of the state to be at least 0/],
    ["no statistics", (good) => ({ ...good, running: null }), /running statistics of 2 channels/],
    [
      "text for numbers",
      (good) => ({ ...good, running: { mean: ["a", 1], variance: [1, 1] } }),
      /of 2 channels/,
    ],
  ])("refuses %s", (_, spoil, message) => {
    const layer = new BatchNorm2d(2);
    const work = calibration(layer, { method: "cumulative" });
    work.add(batchesOf(1)[0]);
    const spoilt = spoil(work.state()) as CalibrationState;
    expect(() => calibration(layer, { method: "cumulative", state: spoilt })).toThrow(message);
  });
});

describe("a calibration that fails leaves the layer as it was", () => {
  const bad = tensor(Float32Array.of(1, Number.NaN, 3, 4, 5, 6, 7, 8), [1, 2, 2, 2]);
  test.each<[string, () => RunningNorm, unknown, object, RegExp]>([
    [
      "NaN",
      () => new BatchNorm2d(2),
      [...batchesOf(2), bad],
      {},
      /mean of NaN in channel 0: the data holds NaN/,
    ],
    ["no batch", () => new BatchNorm2d(2), [], {}, /at least one sample, got none/],
    ["a wrong shape", () => new BatchNorm2d(2), [tensor([1, 2])], {}, /expected 4D input \(got 1D input\)/],
    ["no iterable", () => new BatchNorm2d(2), 3, {}, /expected an iterable of tensors, got 3/],
    ["a tensor", () => new BatchNorm2d(2), new Float32Array(4), {}, /expected an iterable of tensors/],
    ["a frozen layer", () => new BatchNorm2d(2).freeze(), batchesOf(1), {}, /a frozen BatchNorm2d; unfreeze/],
    ["no statistics", () => new InstanceNorm2d(2), batchesOf(1), {}, /trackRunningStats is off/],
    ["a method that is none", () => new BatchNorm2d(2), [], { method: "exact" }, /method to be "precise" or/],
    ["a wrong ddof", () => new BatchNorm2d(2), [], { ddof: 2 }, /ddof to be 0 or 1/],
    [
      "momentum null",
      () => new BatchNorm2d(2, { momentum: null }),
      [],
      { method: "momentum" },
      /momentum null; use the cumulative method/,
    ],
    [
      "statistics that float16 cannot hold",
      () => new BatchNorm1d(1, { dtype: "float16" }),
      [tensor([[1e5], [-1e5]])],
      {},
      /expected finite float16 statistics, got a variance of Infinity/,
    ],
    [
      "one value",
      () => new BatchNorm1d(2),
      [tensor([[1, 2]])],
      {},
      /more than 1 value behind each variance, got 1/,
    ],
  ])("%s", async (_, make, batches, options, message) => {
    const layer = make();
    const before = state(layer);
    const error = await rejection(calibrate(layer, batches as Tensor[], options));
    expect(error.message).toMatch(message);
    expect(state(layer)).toEqual(before);
  });

  test("a lazy layer, and something that is no layer", async () => {
    expect((await rejection(calibrate(new BatchNorm2d(null), []))).message).toMatch(/a lazy BatchNorm2d/);
    expect((await rejection(calibrate({} as RunningNorm, []))).message).toMatch(/expected a BatchNorm or/);
    const other = new InstanceNorm2d(3, { trackRunningStats: true });
    expect((await rejection(calibrate(other, batchesOf(1)))).message).toMatch(
      /expected 3 channels, got shape/,
    );
  });

  test("a signal", async () => {
    const layer = new BatchNorm2d(2);
    const before = state(layer);
    const controller = new AbortController();
    const error = await rejection(
      calibrate(layer, batchesOf(3), {
        signal: controller.signal,
        onProgress: ({ batches }) => {
          if (batches === 2) controller.abort(new Error("enough"));
        },
      }),
    );
    expect(error.message).toBe("enough");
    expect(state(layer)).toEqual(before);
  });
});
