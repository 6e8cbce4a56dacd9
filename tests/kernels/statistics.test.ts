import { describe, expect, test } from "vitest";
import { anyChoice } from "../../src/backends/wasm/choice.ts";
import { wasmFor } from "../../src/backends/wasm/wasm.ts";
import { type Plan, planFrom } from "../../src/plan/plan.ts";
import { byKernels, byReference, caseOf, expectWithin, normals, plain } from "./helpers.ts";

const wasm = wasmFor(anyChoice);

const extents = { batch: 1, pool: 1, group: 1, channel: 1, inner: 1 };

const plans: Readonly<Record<string, Plan>> = {
  "a row": planFrom({ ...extents, batch: 4, channel: 768 }),
  "a long row": planFrom({ ...extents, batch: 2, channel: 40_000 }),
  planes: planFrom({ ...extents, pool: 8, group: 4, inner: 3136 }),
  "small planes": planFrom({ ...extents, pool: 16, group: 8, inner: 49 }),
  "tiles of small planes": planFrom({ ...extents, pool: 16, group: 64, inner: 49 }),
  "tiles of channels-last images": planFrom({ ...extents, batch: 9, pool: 196, group: 4, channel: 4 }),
  "small groups": planFrom({ ...extents, batch: 9, group: 4, channel: 4, inner: 49 }),
  columns: planFrom({ ...extents, pool: 1000, group: 8 }),
  "columns in groups": planFrom({ ...extents, batch: 2, pool: 196, group: 4, channel: 4 }),
};

// Two units in the last place of a float32 between 1 and 2, as a relative error.
const twoUlp = 2 * 2 ** -23;

describe.each(Object.entries(plans))("%s", (_, plan) => {
  test.each([1, 1e2, 1e4])("mean and rstd at mean / std %s", (ratio) => {
    const given = caseOf(plan, "float32", { x: normals(plan.size, 5, ratio), eps: 0 });
    const [got, want] = [byKernels(given), byReference(given)];
    expectWithin(got.mean, want.mean, twoUlp, 0, "mean");
    expectWithin(got.rstd, want.rstd, twoUlp, 0, "rstd");
  });

  test.each([1e5, 1e6])("mean and rstd at mean / std %s", (ratio) => {
    const given = caseOf(plan, "float32", { x: normals(plan.size, 6, ratio), eps: 0 });
    const [got, want] = [byKernels(given), byReference(given)];
    expectWithin(got.mean, want.mean, 1e-6, 0, "mean");
    expectWithin(got.rstd, want.rstd, 1e-6, 0, "rstd");
  });

  test("y keeps its digits where the mean is 1e4 standard deviations", () => {
    const given = caseOf(plan, "float32", { x: normals(plan.size, 7, 1e4) });
    // The float64 result of the same float32 input; 5 is the largest |xhat * weight| here.
    expectWithin(byKernels(given).y, byReference(given).y, 2e-6, 5e-6, "y");
  });

  test.each([1e2, 6e3, 1e8, 1e15, 1e30])("an outlier of %s, first or last", (outlier) => {
    for (const at of [0, plan.size - 1]) {
      const x = normals(plan.size, 8);
      x[at] = outlier;
      const given = caseOf(plan, "float32", { x, eps: 0 });
      const [got, want] = [byKernels(given), byReference(given)];
      // A mean near 0 has few digits of its own: 2^-23 of a standard deviation is a unit of y. Of 14,000 groups like these the worst is 2^-23.2.
      expectWithin(got.mean, want.mean, twoUlp, 2 ** -23, "mean");
      expectWithin(got.rstd, want.rstd, twoUlp, 0, "rstd");
    }
  });

  test.each([0, 0.1, -3e-30, 12345.678, 1e30])("constant %s gives the bias exactly", (value) => {
    const x = plain(new Float64Array(plan.size).fill(value), "float32");
    const bias = plain(normals(plan.parameters, 9), "float32");
    const y = plain(new Float64Array(plan.size), "float32");
    const { moments } = wasm.forward!(plan, x, 1e-5, { weight: bias, bias }, y);
    expect(moments.m2.every((m2) => m2 === 0)).toBe(true);
    expect(moments.mean.every((mean) => mean === Math.fround(value))).toBe(true);
    for (let i = 0; i < plan.size; i++) {
      const parameter = Math.floor(i / plan.inner) % plan.parameters;
      if (y.data[i] !== bias.data[parameter]) expect.fail(`y[${i}]: ${y.data[i]}`);
    }
  });

  test.each([Number.NaN, Infinity, -Infinity])("%s poisons its statistic alone", (value) => {
    const x = normals(plan.size, 10);
    x[0] = value;
    const given = caseOf(plan, "float32", { x });
    const clean = byKernels(caseOf(plan, "float32", { x: normals(plan.size, 10) }));
    const got = byKernels(given);
    expect(got.mean[0]).toBe(byReference(given).mean[0]);
    for (let s = 1; s < plan.statistics; s++) expect(got.rstd[s]).toBe(clean.rstd[s]);
    const poisoned = got.y.filter((y) => !Number.isFinite(y)).length;
    expect(poisoned).toBe(plan.count);
    expect(got.fixedDx.filter((dx) => !Number.isFinite(dx)).length).toBe(plan.count);
  });
});
