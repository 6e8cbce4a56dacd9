import { describe, expect, test } from "vitest";
import { runCase } from "./run.ts";
import type { JsonCase } from "./schema.ts";

const row: JsonCase = {
  name: "row",
  op: "LayerNorm",
  attributes: { normalizedShape: [2], eps: 0 },
  layout: "any",
  inputs: { x: { shape: [1, 2], dtype: "float64", data: [1, 3] } },
  expected: { y: { shape: [1, 2], dtype: "float64", data: [-1, 1] } },
  tolerance: { rtol: 0, atol: 1e-12 },
};

describe("the conformance runner can fail", () => {
  test("a right case passes", async () => {
    expect(await runCase(row, "any")).toEqual({ kind: "passed" });
  });

  test("a wrong value fails in both dtypes", async () => {
    const wrong = { ...row, expected: { y: { shape: [1, 2], dtype: "float64", data: [-1, 1.5] } } };
    const verdict = await runCase(wrong, "any");
    expect(verdict).toEqual({
      kind: "failed",
      reasons: ["float64: y[1]: expected 1.5, got 1", "float32: y[1]: expected 1.5, got 1"],
    });
  });

  test("a wrong shape, a missing output and a missing error fail", async () => {
    const shape = { ...row, expected: { y: { shape: [2], dtype: "float64", data: [-1, 1] } } };
    expect((await runCase(shape, "any")).kind).toBe("failed");
    const missing = { ...row, expected: { gradInput: { shape: [1, 2], dtype: "float64", data: [0, 0] } } };
    expect((await runCase(missing, "any")).kind).toBe("failed");
    expect((await runCase({ ...row, expectError: { message: "no" } }, "any")).kind).toBe("failed");
  });

  test("NaN and infinities are compared, given as strings", async () => {
    const special = {
      ...row,
      inputs: { x: { shape: [1, 2], dtype: "float64", data: ["NaN", 1] } },
      expected: { y: { shape: [1, 2], dtype: "float64", data: ["NaN", "NaN"] } },
    };
    expect(await runCase(special, "any")).toEqual({ kind: "passed" });
    const finite = { ...special, expected: row.expected };
    expect((await runCase(finite, "any")).kind).toBe("failed");
  });

  test("an op that nobody maps fails", async () => {
    expect(await runCase({ ...row, op: "Softmax" }, "any")).toEqual({
      kind: "failed",
      reasons: ["no adapter for the op Softmax"],
    });
  });

  test("WebNN's, Keras' and TF.js's ops are mapped on public functions", async () => {
    const x = { shape: [2, 2], dtype: "float32", data: [1, 2, 3, 6] };
    const statistic = { shape: [2], dtype: "float32", data: [2, 4] };
    const given = { x, runningMean: statistic, runningVar: { ...statistic, data: [1, 4] } };
    const y = { shape: [2, 2], dtype: "float32", data: [-1, -1, 1, 1] };
    const shared = { layout: "any", tolerance: { atol: 1e-6 }, expected: { y } };
    const webnn = { op: "batchNormalization", attributes: { axis: 1, epsilon: 0 }, inputs: given };
    expect(await runCase({ name: "w", ...webnn, ...shared }, "webnn")).toEqual({ kind: "passed" });
    const tf = { op: "tf.batchNorm", attributes: { varianceEpsilon: 0 }, inputs: given };
    expect(await runCase({ name: "t", ...tf, ...shared }, "tfjs")).toEqual({ kind: "passed" });
    const running = {
      runningMean: { ...statistic, data: [2, 4] },
      runningVar: { ...statistic, data: [1, 4] },
    };
    const keras = {
      op: "Keras.BatchNormalization",
      attributes: { training: true, momentum: 0.5, epsilon: 0 },
      inputs: given,
    };
    const kerasCase = { name: "k", ...keras, ...shared, expected: { y, ...running } };
    expect(await runCase(kerasCase, "keras")).toEqual({ kind: "passed" });
  });
});
