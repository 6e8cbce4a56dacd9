import { describe, expect, test } from "vitest";
import { identify } from "../../src/check/index.ts";
import { differencesFrom, meantOf } from "../../src/check/meant.ts";
import type { Survivor } from "../../src/check/result.ts";
import { functional as F, tensor } from "../../src/index.ts";
import { normals } from "../random.ts";

const shape = [4, 6, 3, 5];

/** BatchNorm2d as identify lists it, with something else. */
function survivor(other: Partial<Survivor> = {}): Survivor {
  const plain = {
    op: "BatchNorm2d",
    reducedAxes: [0, 2, 3],
    groups: 1,
    groupAxis: null,
    centered: true,
    ddof: 0,
    epsForm: "inside",
    eps: [0, 1e-4],
    affine: "none",
    statistics: "batch",
    count: 60,
  };
  return { ...plain, ...other } as unknown as Survivor;
}

const against = (text: string, other: Partial<Survivor> = {}): string[] =>
  differencesFrom(meantOf(text, shape), survivor(other), shape);

describe("what was meant is read from the layer's name", () => {
  test.each([
    ["BatchNorm2d", [0, 2, 3]],
    ["SyncBatchNorm", [0, 2, 3]],
    ["BatchNorm2d channels-last", [0, 1, 2]],
    ["InstanceNorm2d(6)", [2, 3]],
    ["GroupNorm(3, 6)", [1, 2, 3]],
    ["GroupNorm", [1, 2, 3]],
    ["LayerNorm", [1, 2, 3]],
    ["LayerNorm([3, 5])", [2, 3]],
    ["LayerNorm(5, eps=1e-6)", [3]],
    ["RMSNorm", [3]],
    ["RMSNorm((3, 5))", [2, 3]],
  ])("%s reduces axes %j", (text, reducedAxes) => {
    expect(meantOf(text, shape).reducedAxes).toEqual(reducedAxes);
  });

  test("a vector is one row, and options are read too", () => {
    expect(meantOf("LayerNorm", [7]).reducedAxes).toEqual([0]);
    expect(meantOf("BatchNorm1d(6, eps=1e-3, momentum=0.3) eval", [4, 6])).toMatchObject({
      eps: 1e-3,
      momentum: 0.3,
      isEval: true,
    });
  });

  test("no layer, and groups that do not divide the channels", () => {
    expect(() => meantOf("Softmax", shape)).toThrow(/expected meant to name BatchNorm.*got "Softmax"/);
    expect(() => meantOf("GroupNorm(4, 6)", shape)).toThrow("6 channels are not divisible by 4");
  });
});

describe("what differs, in plain words", () => {
  test("nothing", () => {
    expect(against("BatchNorm2d")).toEqual([]);
    expect(against("BatchNorm2d eval", { statistics: "fixed" })).toEqual([]);
  });

  test.each<[string, Partial<Survivor>, string]>([
    [
      "BatchNorm2d",
      { op: "LocalResponseNorm" },
      "scales by the squares of neighbouring channels, with no mean",
    ],
    ["BatchNorm2d", { op: "Identity" }, "leaves x as it is"],
    [
      "BatchNorm2d",
      { statistics: "fixed" },
      "does not use x's own statistics: one fixed line y = a x + b, as in eval",
    ],
    ["BatchNorm2d eval", {}, "uses x's own statistics, not the running ones"],
    ["BatchNorm2d", { reducedAxes: [0, 1, 2, 3] }, "shares one mean and variance across the 6 channels"],
    [
      "BatchNorm2d",
      { reducedAxes: [0, 1, 2, 3], groups: 3, groupAxis: 1 },
      "shares one mean and variance across 2 neighbours of the 6 channels",
    ],
    [
      "BatchNorm2d",
      { reducedAxes: [2, 3] },
      "takes its own statistics for each of the 4 samples instead of sharing them",
    ],
    [
      "BatchNorm2d",
      { reducedAxes: [0, 3] },
      "takes its own statistics for each of the 3 places along axis 2 instead of sharing them",
    ],
    ["GroupNorm(3, 6)", { reducedAxes: [1, 2, 3] }, "cuts the 6 channels into 1 group, not 3"],
    [
      "GroupNorm(3, 6)",
      { reducedAxes: [1, 2, 3], groups: 2, groupAxis: 1 },
      "cuts the 6 channels into 2 groups, not 3",
    ],
    ["BatchNorm2d", { centered: false }, "does not subtract the mean (root mean square)"],
    ["RMSNorm", { reducedAxes: [3] }, "subtracts the mean"],
    [
      "RMSNorm",
      { reducedAxes: [3], centered: false, op: "L2Normalize" },
      "divides by the root of the sum of squares, not of their mean",
    ],
    [
      "RMSNorm",
      { reducedAxes: [2, 3], centered: false },
      "shares one mean square across the 3 places along axis 2",
    ],
    [
      "BatchNorm2d",
      { ddof: 1 },
      "uses the sample deviation (ddof 1): off by a factor sqrt((n-1)/n) = 0.99163, n = 60",
    ],
    [
      "BatchNorm2d",
      { epsForm: "outside", eps: [1e-5, 1e-5] },
      "eps outside the root: sqrt(variance) + eps, eps = 0.00001",
    ],
    ["BatchNorm2d", { epsForm: "max" }, "max(variance, eps) instead of variance + eps, eps = 0 to 0.0001"],
    ["BatchNorm2d", { epsForm: "none" }, "no eps"],
    ["BatchNorm2d", { eps: [1e-3, 1e-3] }, "eps = 0.001, not the default 0.00001"],
    ["BatchNorm2d(6, eps=1e-2)", { eps: [1e-3, 1e-3] }, "eps = 0.001, not 0.01"],
    [
      "BatchNorm2d",
      { momentum: [0.9, 0.9], momentumWeighs: "old" },
      "momentum weighs the old value: the running statistics kept 0.9 of the old and took 0.1 of the new",
    ],
    [
      "BatchNorm2d",
      { momentum: [0.3, 0.3], momentumWeighs: "new" },
      "the running statistics took 0.3 of the new value, not 0.1",
    ],
    [
      "BatchNorm2d",
      { momentum: [0.1, 0.1], momentumWeighs: "new", runningVarianceDdof: 0 },
      "the running variance takes the biased variance (ddof 0), not ddof 1",
    ],
  ])("%s, but %j", (text, other, words) => {
    expect(against(text, other)).toContain(words);
  });
});

describe("running statistics before and after", () => {
  const x = tensor(normals(120, 3), [4, 6, 5], { dtype: "float64" });
  const start = (): { mean: Float64Array; var: Float64Array } => ({
    mean: new Float64Array(6),
    var: new Float64Array(6).fill(1),
  });

  function moved(options: Parameters<typeof F.batchNorm>[1]): ReturnType<typeof identify> {
    const after = start();
    const running = { runningMean: after.mean, runningVar: after.var };
    const y = F.batchNorm(x, { ...options, ...running, training: true, backend: "reference" });
    return identify(x, y, { before: start(), after });
  }

  test("momentum, its convention, and the ddof of the variance", () => {
    const torch = moved({ momentum: 0.1 }).survivors[0];
    expect(torch).toMatchObject({ momentumWeighs: "new", runningVarianceDdof: 1 });
    expect(torch.momentum?.[0]).toBeCloseTo(0.1, 5);
    const biased = moved({ momentum: 0.25, runningVarianceDdof: 0 }).survivors[0];
    expect(biased).toMatchObject({ momentumWeighs: "new", runningVarianceDdof: 0 });
    // A weight of the new value above 1/2 is read as one of the old value below it.
    expect(moved({ momentum: 0.8 }).survivors[0]).toMatchObject({ momentumWeighs: "old" });
  });

  test("statistics that nothing moved so", () => {
    const y = F.batchNorm(x, { training: true, backend: "reference" });
    const after = { mean: new Float64Array(6).fill(9), var: new Float64Array(6).fill(7) };
    const [first] = identify(x, y, { before: start(), after }).survivors;
    expect(first?.momentum).toBeUndefined();
  });
});
