import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyChoice } from "../../src/backends/wasm/choice.ts";
import { wasmSteps } from "../../src/backends/wasm/steps.ts";
import { wasmFor } from "../../src/backends/wasm/wasm.ts";
import { planFrom } from "../../src/plan/plan.ts";
import { toFloat64 } from "../../src/tensor/cast.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import {
  byKernels,
  byReference,
  caseOf,
  expectClose,
  expectSame,
  hasSteps,
  normals,
  plain,
} from "./helpers.ts";

const wasm = wasmFor(anyChoice);
const steps = wasmSteps();

const extent = fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 9 }));

const plan = fc
  .record({
    batch: extent,
    pool: fc.oneof(extent, fc.integer({ min: 10, max: 50 })),
    group: extent,
    channel: extent,
    inner: fc.oneof(extent, fc.integer({ min: 14, max: 70 })),
    centered: fc.boolean(),
  })
  .map(({ centered, ...extents }) => planFrom(extents, centered))
  .filter((drawn) => drawn.count > 1);

const dtype = fc.constantFrom<FloatType>("float32", "float64", "float16", "bfloat16");

test("any plan: the reference's results, whatever the offset and the number of parts", () => {
  fc.assert(
    fc.property(
      plan,
      dtype,
      fc.boolean(),
      fc.boolean(),
      fc.nat(3),
      (drawn, type, scaled, shifted, offset) => {
        const given = caseOf(drawn, type, {
          ...(scaled ? {} : { weight: null }),
          ...(shifted ? {} : { bias: null }),
        });
        const got = byKernels(given, offset);
        expectClose(given, got, byReference(given));
        for (const threads of [2, 3, 4]) expectSame(byKernels(given, 0, threads), got);
      },
    ),
    { numRuns: 200 },
  );
}, 60_000);

const large = {
  "planes of 3 channels": planFrom({ batch: 1, pool: 4, group: 3, channel: 1, inner: 40_000 }),
  "planes of 3 channels whose last segment is short": planFrom({
    batch: 1,
    pool: 2,
    group: 3,
    channel: 1,
    inner: 32_817,
  }),
  "planes of 3 channels, in twos": planFrom({ batch: 1, pool: 5, group: 3, channel: 1, inner: 32_784 }),
  "samples in twos, their runs too": planFrom({ batch: 2, pool: 7, group: 3, channel: 2, inner: 272 }),
  "samples in twos, their runs alone": planFrom({ batch: 1, pool: 4, group: 5, channel: 2, inner: 296 }),
  "runs in twos that leave a part of a trip": planFrom({
    batch: 2,
    pool: 5,
    group: 3,
    channel: 2,
    inner: 1607,
  }),
  "samples in twos, one block read while another is written": planFrom({
    batch: 1,
    pool: 200,
    group: 41,
    channel: 1,
    inner: 272,
  }),
  "a few samples in twos, read ahead": planFrom({ batch: 2, pool: 4, group: 19, channel: 1, inner: 14_416 }),
  "short planes of 3 channels": planFrom({ batch: 1, pool: 300, group: 3, channel: 1, inner: 49 }),
  "a few large groups": planFrom({ batch: 1, pool: 1, group: 3, channel: 5, inner: 20_000 }),
  "tiles of small planes": planFrom({ batch: 1, pool: 37, group: 70, channel: 1, inner: 49 }),
  "tiles of channels-last images": planFrom({ batch: 9, pool: 51, group: 5, channel: 3, inner: 1 }),
  "small groups": planFrom({ batch: 40, pool: 1, group: 3, channel: 5, inner: 49 }),
  "blocks of columns": planFrom({ batch: 1, pool: 9001, group: 5, channel: 1, inner: 1 }),
  "long rows": planFrom({ batch: 39, pool: 1, group: 1, channel: 1030, inner: 1 }),
  "long rows of two groups": planFrom({ batch: 9, pool: 1, group: 2, channel: 1025, inner: 1 }),
  "long rows about zero": planFrom({ batch: 11, pool: 1, group: 1, channel: 1047, inner: 1 }, false),
  "blocks of rows": planFrom({ batch: 2000, pool: 1, group: 1, channel: 65, inner: 1 }),
  "rows from main memory": planFrom({ batch: 700, pool: 1, group: 3, channel: 512, inner: 1 }),
  "rows of squares from main memory": planFrom(
    { batch: 1400, pool: 1, group: 1, channel: 768, inner: 1 },
    false,
  ),
  "more channels than scratch holds": planFrom({ batch: 2, pool: 1, group: 1, channel: 7000, inner: 3 }),
};

test.each(Object.entries(large))("%s: the same bits in 1, 2, 3 and 4 parts", (_, drawn) => {
  const given = caseOf(drawn, "float32");
  const got = byKernels(given);
  expectClose(given, got, byReference(given));
  for (const threads of [2, 3, 4]) expectSame(byKernels(given, 1, threads), got);
});

test.each(Object.entries(large))("%s: in place and in plain memory", (_, drawn) => {
  const given = caseOf(drawn, "float32");
  const want = byKernels(given);
  const x = plain(given.x, "float32");
  const weight = plain(given.weight ?? [], "float32");
  const bias = plain(given.bias ?? [], "float32");
  const { statistics } = wasm.forward!(drawn, x, given.eps, { weight, bias }, x);
  expectSame({ y: Float64Array.from(x.data) }, { y: want.y });
  const dy = plain(given.dy, "float32");
  const needs = { fixed: false, parameters: true };
  wasm.backward(drawn, plain(given.x, "float32"), dy, statistics, weight, needs, dy);
  expectSame({ dx: Float64Array.from(dy.data) }, { dx: want.dx });
});

const staged = {
  "batches of rows": planFrom({ batch: 1200, pool: 1, group: 1, channel: 509, inner: 1 }),
  "channels over samples": planFrom({ batch: 1, pool: 31, group: 13, channel: 1, inner: 1601 }),
  "channels over samples in twos": planFrom({ batch: 1, pool: 31, group: 13, channel: 1, inner: 1600 }),
  "a channel larger than a block": planFrom({ batch: 1, pool: 3, group: 2, channel: 1, inner: 530_001 }),
  "larger than a block, in twos": planFrom({ batch: 1, pool: 3, group: 2, channel: 1, inner: 530_000 }),
  "small planes": planFrom({ batch: 1, pool: 37, group: 331, channel: 1, inner: 49 }),
  "groups of samples": planFrom({ batch: 2, pool: 1, group: 3, channel: 5, inner: 40_001 }),
  columns: planFrom({ batch: 1, pool: 2101, group: 257, channel: 1, inner: 1 }),
  "channels-last groups": planFrom({ batch: 3, pool: 2801, group: 5, channel: 13, inner: 1 }),
};

describe.each(Object.entries(staged))("%s, block by block", (_, drawn) => {
  test.each<FloatType>(["float32", "float16"])("%s: the bits of tensors in kernel memory", (type) => {
    const given = caseOf(drawn, type);
    const want = byKernels(given);
    const parameter = (values: Float64Array | null) => values && plain(values, type);
    const [weight, bias] = [parameter(given.weight), parameter(given.bias)];
    const [x, dy, y, dx] = [given.x, given.dy, given.x, given.x].map((values) => plain(values, type));
    const bits = (tensor: Tensor) => Float64Array.from(toFloat64(tensor.data, type));
    const { moments, statistics } = wasm.forward!(drawn, x, given.eps, { weight, bias }, y);
    expectSame({ y: bits(y), mean: moments.mean, m2: moments.m2 }, want);
    const needs = { fixed: false, parameters: true };
    const { dWeight, dBias } = wasm.backward(drawn, x, dy, statistics, weight, needs, dx) ?? {};
    expectSame({ dx: bits(dx), dWeight, dBias }, want);
    wasm.normalize(drawn, x, statistics, { weight, bias }, y);
    expectSame({ y: bits(y) }, want);
    if (hasSteps(drawn, type)) {
      const sums = steps.gradSums(drawn, x, dy, statistics, weight);
      steps.gradInput(drawn, x, dy, statistics, weight, sums, dx);
      expectSame({ dx: bits(dx), dWeight: sums.dWeight, dBias: sums.dBias }, want);
    }
    wasm.backward(drawn, x, dy, statistics, weight, { fixed: true, parameters: false }, dy);
    expectSame({ fixedDx: bits(dy) }, want);
  });
});

test("an empty plan has no values and touches nothing", () => {
  const drawn = planFrom({ batch: 1, pool: 0, group: 3, channel: 1, inner: 4 });
  const x = plain([], "float32");
  const { moments } = wasm.forward!(drawn, x, 1e-5, { weight: null, bias: null }, plain([], "float32"));
  expect(moments.count).toBe(0);
  expect(normals(0, 1)).toHaveLength(0);
});
