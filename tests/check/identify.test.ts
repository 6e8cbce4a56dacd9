import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Identification, identify } from "../../src/check/index.ts";
import { BatchNorm2d, functional as F, GroupNorm, type Tensor, tensor } from "../../src/index.ts";
import { normals } from "../random.ts";

const { cases } = JSON.parse(readFileSync("examples/handchecks/handchecks.json", "utf8"));

function random(shape: readonly number[], seed = 1): Tensor {
  return tensor(
    normals(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
  ) as Tensor;
}

/** What is found of a function's result. */
function found(
  shape: readonly number[],
  norm: (x: Tensor) => Tensor,
  options: Parameters<typeof identify>[2] = {},
): Identification {
  const x = random(shape);
  return identify(x, norm(x), options);
}

describe("the published hand-checks, from the printed digits alone", () => {
  test("whole-tensor BatchNorm2D shares its statistics across the channels", () => {
    const [whole] = cases;
    const { fits, survivors, differences } = identify(whole.x, whole.y, { meant: whole.meant });
    expect(fits).toBe(true);
    expect(survivors[0]).toMatchObject({
      reducedAxes: [0, 1, 2, 3],
      ddof: 0,
      epsForm: "inside",
      affine: "none",
    });
    expect(survivors[0].eps[0]).toBeLessThanOrEqual(1e-5);
    expect(survivors[0].eps[1]).toBeGreaterThanOrEqual(1e-5);
    expect(survivors.every(({ reducedAxes }) => reducedAxes.length === 4)).toBe(true);
    expect(differences).toEqual(["shares one mean and variance across the 2 channels"]);
  });

  test("the framework's BatchNorm2d is that", () => {
    const { survivors, differences } = identify(cases[1].x, cases[1].y, { meant: cases[1].meant });
    expect(survivors[0]).toMatchObject({ op: "BatchNorm2d", reducedAxes: [0, 2, 3], ddof: 0 });
    expect(differences).toEqual([]);
  });

  test.each([{}, { digits: 4 }])(
    "one sample with weights: BatchNorm2d, or InstanceNorm2d (%j)",
    (options) => {
      const { x, y, weight, bias, meant } = cases[2];
      const { survivors, certain, differences, ties, probe } = identify(x, y, {
        weight,
        bias,
        meant,
        ...options,
      });
      expect(differences).toEqual([]);
      expect(certain).toBe(false);
      expect(survivors.map(({ op }) => op)).toEqual(
        expect.arrayContaining(["BatchNorm2d", "InstanceNorm2d"]),
      );
      expect(ties[0].reason).toMatch(/^axis 0 has one element/);
      expect(probe?.shape).toEqual([2, 2, 1, 2]);
    },
  );

  test.each([
    ["BatchNorm2d channels-last", [16, 30, 40, 3], [0, 1, 2], 0],
    ["LayerNorm([3, 20, 20])", [6, 3, 20, 20], [1, 2, 3], 1],
    ["InstanceNorm2d", [6, 3, 20, 20], [2, 3], 1],
  ] as const)("the recipe of %s", (meant, shape, axes, ddof) => {
    const { differences, survivors } = found(shape, (x) => standardized(x, axes, ddof), { meant });
    expect(survivors[0].reducedAxes).toEqual(axes);
    expect(survivors.every((survivor) => survivor.ddof === ddof)).toBe(true);
    const n = axes.reduce<number>((count, axis) => count * shape[axis], 1);
    const factor = Math.sqrt((n - 1) / n).toFixed(5);
    const sample = `uses the sample deviation (ddof 1): off by a factor sqrt((n-1)/n) = ${factor}, n = ${n}`;
    expect(differences.includes(sample)).toBe(ddof === 1);
  });

  test("the GroupNorm recipe", () => {
    const shape = [6, 6, 20, 20];
    const x = random(shape);
    const view = tensor(x.data, [6, 3, 2, 20, 20]) as Tensor;
    const y = tensor(standardized(view, [2, 3, 4], 1).data, shape) as Tensor;
    const { survivors, differences } = identify(x, y, { meant: "GroupNorm(3, 6)" });
    expect(survivors[0]).toMatchObject({ op: "GroupNorm", groups: 3, reducedAxes: [1, 2, 3], ddof: 1 });
    expect(differences[0]).toContain("sqrt((n-1)/n) = 0.99937");
  });
});

/** (x - mean) / std over some axes, in float64. */
function standardized(x: Tensor, axes: readonly number[], ddof: 0 | 1): Tensor {
  const { mean, variance } = F.moments(x, { axes, ddof });
  const data = Float64Array.from(x.data as Float64Array, (value, flat) => {
    let rest = flat;
    let [set, step] = [0, 1];
    for (let axis = x.shape.length - 1; axis >= 0; axis--) {
      set += axes.includes(axis) ? 0 : (rest % x.shape[axis]) * step;
      step *= mean.shape[axis];
      rest = Math.floor(rest / x.shape[axis]);
    }
    return (value - mean.data[set]) / Math.sqrt(variance.data[set]);
  });
  return tensor(data, x.shape) as Tensor;
}

describe("frameworks' layers are found", () => {
  test("a float64 GroupNorm is certain, with its eps", () => {
    const { certain, survivors } = found([3, 4, 5, 5], (x) => F.groupNorm(x, { numGroups: 2 }));
    expect(certain).toBe(true);
    expect(survivors[0]).toMatchObject({
      op: "GroupNorm",
      groups: 2,
      epsForm: "inside",
      statistics: "batch",
    });
    expect(survivors[0].eps[0]).toBeLessThanOrEqual(1e-5);
    expect(survivors[0].eps[1]).toBeGreaterThanOrEqual(1e-5);
    expect(survivors[0].layer).toBe("new GroupNorm(2, 4, { eps: 0.00001, affine: false })");
    expect(survivors[0].torch).toBe("torch.nn.functional.group_norm(x, 2, eps=1e-05)");
  });

  test("RMSNorm, with its weight solved for", () => {
    const weight = tensor([1, 2, 3, 4, 5, 6], undefined, { dtype: "float64" }) as Tensor;
    const { survivors } = found([7, 5, 6], (x) => F.rmsNorm(x, { normalizedShape: [6], eps: 1e-3, weight }));
    expect(survivors[0]).toMatchObject({ op: "RMSNorm", centered: false, affine: "last", solved: true });
    Array.from(survivors[0].weight ?? []).forEach((w, i) => {
      expect(w).toBeCloseTo(i + 1, 9);
    });
  });

  test("LocalResponseNorm", () => {
    const { survivors } = found([2, 8, 3, 3], (x) => F.localResponseNorm(x, { size: 5, alpha: 0.5 }));
    expect(survivors[0].op).toBe("LocalResponseNorm");
    expect(survivors[0].torch).toBe(
      "torch.nn.functional.local_response_norm(x, 5, alpha=0.5, beta=0.75, k=1)",
    );
    expect(survivors.map(({ localResponse }) => localResponse?.alphaDivisor)).toEqual([5, 1]);
  });

  test("L2 normalization", () => {
    const { survivors } = found([6, 7], (x) => F.lpNormalize(x));
    expect(survivors[0]).toMatchObject({ op: "L2Normalize", reducedAxes: [1] });
  });

  test("y = x, and one line for each channel", () => {
    expect(found([3, 4, 5], (x) => x).survivors[0].op).toBe("Identity");
    const bn = new BatchNorm2d(4, { dtype: "float64" }).eval();
    bn.runningMean?.data.set([1, 2, 3, 4]);
    const { survivors, ties } = found([3, 4, 5, 5], (x) => bn.forward(x));
    expect(survivors.some(({ statistics }) => statistics === "fixed")).toBe(true);
    expect(ties.length).toBeGreaterThan(0);
  });

  test("running statistics: eval by the given ones, and how they moved", () => {
    const bn = new BatchNorm2d(4, { dtype: "float64", affine: false, momentum: 0.1 });
    const state = (): { mean: Float64Array; var: Float64Array } => ({
      mean: Float64Array.from(bn.runningMean?.data as Float64Array),
      var: Float64Array.from(bn.runningVar?.data as Float64Array),
    });
    const before = state();
    const x = random([3, 4, 5, 5]);
    const y = bn.forward(x);
    const moved = identify(x, y, { before, after: state(), meant: "BatchNorm2d" });
    expect(moved.survivors[0]).toMatchObject({ momentumWeighs: "new", runningVarianceDdof: 1 });
    expect(moved.survivors[0].momentum?.[0]).toBeCloseTo(0.1, 4);
    expect(moved.differences).toEqual([]);
    bn.eval();
    const fixed = identify(x, bn.forward(x), { before: state() });
    expect(fixed.survivors[0]).toMatchObject({ statistics: "fixed", affine: "none", op: "BatchNorm2d" });
  });

  test("a large array is sampled and then confirmed", () => {
    const gn = new GroupNorm(2, 8);
    const x = tensor(Float32Array.from(normals(4 * 8 * 20 * 20, 3)), [4, 8, 20, 20]) as Tensor;
    const y = gn.forward(x);
    const { fits, survivors } = identify(x, y);
    expect(fits).toBe(true);
    expect(survivors[0]).toMatchObject({ op: "GroupNorm", groups: 2 });
    y.data[6000] = 7;
    expect(identify(x, y)).toMatchObject({ fits: false, corrupted: [[1, 7, 0, 0]] });
  });
});

test("a large array with many weights to solve for: batch or eval is open", () => {
  const bn = new BatchNorm2d(16);
  bn.weight?.data.set(Float32Array.from({ length: 16 }, (_, c) => 1 + c / 16) as never);
  bn.bias?.data.set(new Float32Array(16).fill(0.5) as never);
  const x = tensor(Float32Array.from(normals(8 * 16 * 8 * 8, 4)), [8, 16, 8, 8]) as Tensor;
  const { certain, survivors, tried } = identify(x, bn.forward(x));
  expect(certain).toBe(false);
  expect(survivors[0]).toMatchObject({ op: "BatchNorm2d", statistics: "batch", affine: "channel" });
  expect(survivors.some(({ statistics }) => statistics === "fixed")).toBe(true);
  expect(survivors[0].weight?.[15]).toBeCloseTo(1 + 15 / 16, 3);
  expect(tried).toBeGreaterThan(100);
});

describe("what no normalization made", () => {
  const x = random([4, 6, 5, 5]);
  const normalized = F.batchNorm(x, { training: true });

  test("softmax, noise, a permuted output: none fits", () => {
    const softmax = tensor((x.data as Float64Array).map(Math.exp), x.shape) as Tensor;
    const noise = random(x.shape, 9);
    const permuted = tensor((normalized.data as Float64Array).slice().reverse(), x.shape) as Tensor;
    for (const y of [softmax, noise, permuted]) {
      const result = identify(x, y);
      expect(result).toMatchObject({ fits: false, certain: false, survivors: [] });
      expect(result.message).toMatch(/^None fits/);
      expect(result.nearest?.residual).toBeGreaterThan(0.01);
    }
  });

  test.each([1, 3])("%d corrupted elements are named", (count) => {
    const data = (normalized.data as Float64Array).slice();
    for (let i = 0; i < count; i++) data[17 + 101 * i] += 0.5;
    const { fits, corrupted, nearest, message } = identify(x, tensor(data, x.shape));
    expect(fits).toBe(false);
    expect(corrupted).toHaveLength(count);
    expect(corrupted[0]).toEqual([0, 0, 3, 2]);
    expect(nearest?.op).toBe("BatchNorm2d");
    expect(message).toContain("[0, 0, 3, 2]");
  });

  test("a NaN in y is a corrupted element", () => {
    const data = (normalized.data as Float64Array).slice();
    data[17] = Number.NaN;
    expect(identify(x, tensor(data, x.shape))).toMatchObject({ fits: false, corrupted: [[0, 0, 3, 2]] });
  });
});

describe("bad input gets a clear answer", () => {
  const x = random([3, 4]);
  test.each([
    [[[1, 2]], [[1, 2, 3]], {}, "expected x and y of one shape, got (1, 2) and (1, 3)"],
    [[], [], {}, "expected at least one element"],
    [x, x, { weight: [1, 2, 3, 4, 5] }, "expected weight to have one element per channel"],
    [x, x, { meant: "Dropout" }, "expected meant to name BatchNorm"],
    [x, x, { digits: -1 }, "expected digits to be at least 0"],
    ["[[1, 2], [3]]", x, {}, "expected every list at depth 1 to have 2 items"],
  ])("%#", (x, y, options, message) => {
    expect(() => identify(x as Tensor, y as Tensor, options)).toThrow(message);
  });

  test("NaN in x, constant x and constant y are said", () => {
    const nan = tensor([[1, Number.NaN, 2, 3]]);
    expect(identify(nan, nan).message).toMatch(/^x holds 1 NaN or infinite value, the first at \[0, 1\]/);
    expect(identify([[2, 2, 2]], [[0, 0, 0]]).message).toMatch(/^All 3 values of x are 2/);
    expect(identify([[1, 2, 3]], [[0, 0, 0]]).message).toMatch(/^All values of y are 0/);
    const lost = tensor(new Float64Array(12).fill(Number.NaN), [3, 4]);
    expect(identify(x, lost).message).toMatch(/^y holds 12 NaN/);
  });
});
