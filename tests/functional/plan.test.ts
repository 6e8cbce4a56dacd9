import { describe, expect, it } from "vitest";
import { type Axes, type Plan, planOf } from "../../src/plan/plan.ts";

const extentsOf = ({ batch, pool, group, channel, inner }: Plan): number[] => [
  batch,
  pool,
  group,
  channel,
  inner,
];

/** The table of DESIGN.md, "One plan for every norm": [batch, pool, group, channel, inner]. */
const designed: readonly { readonly layer: string; readonly plan: Plan; readonly view: number[] }[] = [
  {
    layer: "BatchNorm2d",
    plan: planOf({ shape: [8, 64, 56, 56], reduced: [0, 2, 3], affine: [1] }),
    view: [1, 8, 64, 1, 3136],
  },
  {
    layer: "BatchNorm, channels last",
    plan: planOf({ shape: [8, 56, 56, 64], reduced: [0, 1, 2], affine: [3] }),
    view: [1, 25088, 64, 1, 1],
  },
  {
    layer: "InstanceNorm",
    plan: planOf({ shape: [8, 64, 56, 56], reduced: [2, 3], affine: [1] }),
    view: [8, 1, 64, 1, 3136],
  },
  {
    layer: "GroupNorm(32), C split as (G, D)",
    plan: planOf({ shape: [8, 32, 2, 56, 56], reduced: [2, 3, 4], affine: [1, 2] }),
    view: [8, 1, 32, 2, 3136],
  },
  {
    layer: "GroupNorm(32), channels last",
    plan: planOf({ shape: [8, 56, 56, 32, 2], reduced: [1, 2, 4], affine: [3, 4] }),
    view: [8, 3136, 32, 2, 1],
  },
  {
    layer: "LayerNorm([768])",
    plan: planOf({ shape: [8, 196, 768], reduced: [2], affine: [2] }),
    view: [1568, 1, 1, 768, 1],
  },
  {
    layer: "RMSNorm",
    plan: planOf({ shape: [8, 196, 768], reduced: [2], affine: [2], centered: false }),
    view: [1568, 1, 1, 768, 1],
  },
];

describe("the view of", () => {
  it.each(designed)("$layer", ({ plan, view }) => {
    expect(extentsOf(plan)).toEqual(view);
  });

  it("RMSNorm alone is not centered", () => {
    expect(designed.map(({ plan }) => plan.centered)).toEqual(
      designed.map(({ layer }) => layer !== "RMSNorm"),
    );
  });
});

const sized: readonly { readonly name: string; readonly axes: Axes; readonly view: number[] }[] = [
  { name: "a batch of 1", axes: { shape: [1, 3, 4], reduced: [0, 2], affine: [1] }, view: [1, 1, 3, 1, 4] },
  { name: "one channel", axes: { shape: [2, 1, 4], reduced: [0, 2], affine: [1] }, view: [1, 2, 1, 1, 4] },
  { name: "a spatial 1", axes: { shape: [2, 3, 1, 4], reduced: [2, 3], affine: [1] }, view: [2, 1, 3, 1, 4] },
  { name: "only 1s", axes: { shape: [1, 1, 1], reduced: [0, 2], affine: [1] }, view: [1, 1, 1, 1, 1] },
  { name: "a scalar", axes: { shape: [], reduced: [], affine: [] }, view: [1, 1, 1, 1, 1] },
  { name: "no rows", axes: { shape: [0, 3, 4], reduced: [0, 2], affine: [1] }, view: [1, 0, 3, 1, 4] },
  { name: "no channels", axes: { shape: [2, 0, 4], reduced: [0, 2], affine: [1] }, view: [1, 2, 0, 1, 4] },
  // An axis of 1 may stand where its role would need a transpose.
  {
    name: "a kept 1 after the reduced axes",
    axes: { shape: [3, 4, 1], reduced: [0, 1], affine: [] },
    view: [1, 12, 1, 1, 1],
  },
];

describe("axes of extent 0 and 1", () => {
  it.each(sized)("$name", ({ axes, view }) => {
    expect(extentsOf(planOf(axes))).toEqual(view);
  });

  it("take their role from the first affine axis, also when that has extent 1", () => {
    const plan = planOf({ shape: [2, 1, 4], reduced: [0, 2], affine: [1] });
    expect([plan.pool, plan.inner]).toEqual([2, 4]);
  });
});

describe("what follows from the extents", () => {
  it("counts statistics, values of each, and parameters", () => {
    const plan = planOf({ shape: [8, 32, 2, 56, 56], reduced: [2, 3, 4], affine: [1, 2] });
    expect(plan).toMatchObject({
      size: 8 * 64 * 3136,
      statistics: 8 * 32,
      count: 2 * 3136,
      parameters: 64,
    });
    expect(plan.statistics * plan.count).toBe(plan.size);
  });

  it("has no values of each statistic for an empty batch", () => {
    expect(planOf({ shape: [0, 3, 4], reduced: [0, 2], affine: [1] })).toMatchObject({
      size: 0,
      statistics: 3,
      count: 0,
      parameters: 3,
    });
  });
});

describe("axes that need a transpose", () => {
  it("a kept axis after a reduced one", () => {
    expect(() => planOf({ shape: [2, 3, 4], reduced: [0], affine: [1] })).toThrow(
      new RangeError(
        "plan: axis 2 of shape (2, 3, 4) (batch) comes after a group axis: " +
          "with reduced axes (0,) and affine axes (1,) the input needs a transpose",
      ),
    );
  });

  it("a kept affine axis after a reduced affine one", () => {
    expect(() => planOf({ shape: [2, 3], reduced: [0], affine: [0, 1] })).toThrow(
      /axis 1 of shape \(2, 3\) \(group\) comes after a channel axis/,
    );
  });

  it("an affine axis after an inner one", () => {
    expect(() => planOf({ shape: [2, 3, 4], reduced: [0, 1, 2], affine: [0, 2] })).toThrow(
      /axis 2 of shape \(2, 3, 4\) \(channel\) comes after a inner axis/,
    );
  });
});
