import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inspect, openSafetensors } from "../../../src/checkpoints/index.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { normals } from "../../random.ts";
import {
  checkpointOf,
  countOf,
  firstLayer,
  replaced,
  rulesOf,
  type State,
  trained,
  withChannels,
} from "./layers.ts";

const zeros = (size: number): Float64Array => new Float64Array(size);
const ones = (size: number): Float64Array => new Float64Array(size).fill(1);

/** A batch norm as its constructor makes it. */
function fresh(name: string, size: number): State {
  return {
    [`${name}.weight`]: ones(size),
    [`${name}.bias`]: zeros(size),
    [`${name}.running_mean`]: zeros(size),
    [`${name}.running_var`]: ones(size),
    [`${name}.num_batches_tracked`]: countOf(0),
  };
}

describe("layers in order", () => {
  it("says nothing of a trained network", async () => {
    const { layers, findings } = await inspect(await openSafetensors("examples/digits/model.safetensors"));
    expect(layers.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      ...["bn1 BatchNorm", "gn GroupNorm", "inorm InstanceNorm", "bn2 BatchNorm", "ln LayerNorm"],
      "bn3 BatchNorm",
    ]);
    expect(findings).toEqual([]);
  });

  it("has no error and no warning for a new layer of any size", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300 }), async (size) => {
        expect(await rulesOf(fresh("bn", size))).toEqual(["never-updated note"]);
      }),
      { numRuns: 30 },
    );
  });

  it("has no error and no warning for layers as training leaves them, whatever their level", async () => {
    const level = fc.double({ min: 0.01, max: 3, noNaN: true });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 300 }), level, seed: fc.nat(1e6) }), {
          minLength: 1,
          maxLength: 6,
        }),
        async (layers) => {
          const state = layers.map(({ size, level, seed }, index) => {
            const layer = trained(`bn${index}`, size, seed);
            const variance = layer[`bn${index}.running_var`] as Float64Array;
            const mean = layer[`bn${index}.running_mean`] as Float64Array;
            return {
              ...layer,
              [`bn${index}.running_var`]: variance.map((value) => value * level ** 2),
              [`bn${index}.running_mean`]: mean.map((value) => value * level),
            };
          });
          const rules = await rulesOf(Object.assign({}, ...state));
          expect(rules.filter((rule) => !rule.endsWith("note"))).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("has none for a residual network's start, whose last layers of a branch have weight 0", async () => {
    expect(await rulesOf({ ...fresh("bn3", 8), "bn3.weight": zeros(8) })).toEqual([
      "never-updated note",
      "dead-channels note",
    ]);
    expect(await rulesOf({ "ln.weight": zeros(8), "ln.bias": zeros(8) })).toEqual(["dead-channels note"]);
  });

  it("has none for channels that weight decay silenced together with their variance", async () => {
    const layer = trained("bn");
    const state = {
      ...layer,
      "bn.weight": replaced(layer["bn.weight"] as Float64Array, { 5: 1e-8, 6: -1e-9 }),
      "bn.running_var": replaced(layer["bn.running_var"] as Float64Array, { 5: 1e-12, 6: 0 }),
    };
    expect(await rulesOf(state)).toEqual(["zero-variance note", "tiny-variance note", "dead-channels note"]);
  });

  it("has none for statistics and levels that differ by two orders of magnitude", async () => {
    expect(await rulesOf(withChannels("running_var", { 3: 1e4 }))).toEqual([]);
    expect(await rulesOf(withChannels("running_mean", { 3: 100 }))).toEqual([]);
    expect(await rulesOf(withChannels("running_var", { 3: 1e-4 }))).toEqual([]);
  });

  it("has none for an empty layer", async () => {
    expect(await rulesOf(fresh("bn", 0))).toEqual([]);
  });
});

describe("not-finite", () => {
  it.each(["weight", "bias", "running_mean", "running_var"])("finds NaN and Infinity in %s", async (part) => {
    const { findings } = await firstLayer(withChannels(part, { 3: Number.NaN, 9: Number.NEGATIVE_INFINITY }));
    const [found] = findings;
    expect(found).toMatchObject({ rule: "not-finite", severity: "error", channels: [3, 9], channelCount: 2 });
    expect(found.found).toBe(`${part} holds NaN and Infinity in 2 of 64 channels (3, 9)`);
    expect(found.message).toBe(`${found.found}. ${found.why}. ${found.fix}.`);
  });

  it("lists at most 100 channels and counts all", async () => {
    const state = { ...trained("bn", 500), "bn.weight": new Float64Array(500).fill(Number.NaN) };
    const { findings } = await firstLayer(state);
    expect(findings[0].channels).toHaveLength(100);
    expect(findings[0].channelCount).toBe(500);
    expect(findings[0].found).toContain("all 500 channels");
  });
});

describe("negative-variance", () => {
  it("is an error, whether eps saves the root or not", async () => {
    const far = await firstLayer(withChannels("running_var", { 7: -0.5 }));
    expect(far.findings[0]).toMatchObject({ rule: "negative-variance", severity: "error", channels: [7] });
    expect(far.findings[0].why).toContain("NaN there");
    const near = await firstLayer(withChannels("running_var", { 7: -1e-7 }));
    expect(near.findings[0]).toMatchObject({ rule: "negative-variance", severity: "error" });
    expect(near.findings[0].why).toContain("only eps");
  });
});

describe("zero-variance", () => {
  it("is a warning where the weight is alive", async () => {
    const { findings } = await firstLayer(withChannels("running_var", { 2: 0 }));
    expect(findings).toMatchObject([{ rule: "zero-variance", severity: "warning", channels: [2] }]);
    expect(findings[0].found).toMatch(/^running_var is 0 in channel 2 of 64, where the scale is up to \d+$/);
  });

  it("is a warning where it is 0 everywhere", async () => {
    expect(await rulesOf({ ...trained("bn"), "bn.running_var": zeros(64) })).toEqual([
      "zero-variance warning",
    ]);
  });

  it("is an error without eps", async () => {
    expect(await rulesOf(withChannels("running_var", { 2: 0 }), { eps: 0 })).toContain("zero-variance error");
  });

  it("holds for layers without weights, and says nothing of their scale where sizes differ", async () => {
    const bare = { "bn.running_mean": normals(16, 3), "bn.running_var": replaced(ones(16), { 0: 0 }) };
    expect(await rulesOf(bare)).toEqual(["zero-variance warning"]);
    expect(await rulesOf({ ...bare, "bn.weight": ones(8), "bn.bias": zeros(16) })).toEqual([
      "size-mismatch error",
      "zero-variance note",
    ]);
  });
});

describe("tiny-variance", () => {
  it("is a warning where the scale shoots up, and depends on eps", async () => {
    const state = withChannels("running_var", { 2: 1e-9 });
    expect(await rulesOf(state)).toEqual(["tiny-variance warning"]);
    expect(await rulesOf(state, { eps: 1e-12 })).toEqual(["exploding warning"]);
  });
});

describe("never-updated", () => {
  it("is a warning where weight and bias were trained", async () => {
    const state = { ...trained("bn"), ...{ "bn.running_mean": zeros(64), "bn.running_var": ones(64) } };
    const { findings } = await firstLayer({ ...state, "bn.num_batches_tracked": countOf(0) });
    expect(findings).toMatchObject([
      { rule: "never-updated", severity: "warning", channels: [], channelCount: 0 },
    ]);
  });

  it("is a warning where batches were counted", async () => {
    const { findings } = await firstLayer({ ...fresh("bn", 8), "bn.num_batches_tracked": countOf(12) });
    expect(findings).toMatchObject([{ rule: "never-updated", severity: "warning" }]);
    expect(findings[0].found).toContain("although 12 batches were counted");
  });

  it("needs every channel", async () => {
    expect(await rulesOf({ ...fresh("bn", 8), "bn.running_mean": replaced(zeros(8), { 7: 0.1 }) })).toEqual([
      "batch-count note",
    ]);
  });
});

describe("batch-count", () => {
  it("notes a count of 0 beside statistics of a batch norm", async () => {
    const state = { ...trained("bn"), "bn.num_batches_tracked": countOf(0) };
    expect(await rulesOf(state)).toEqual(["batch-count note"]);
  });

  it("lets an instance norm be, and a layer that may be one", async () => {
    for (const name of ["inorm", "layer"]) {
      const state = { ...trained(name), [`${name}.num_batches_tracked`]: countOf(0) };
      expect(await rulesOf(state)).toEqual([]);
    }
  });

  it("warns of a count that is none", async () => {
    expect(await rulesOf({ ...trained("bn"), "bn.num_batches_tracked": countOf(-3) })).toEqual([
      "batch-count warning",
    ]);
  });
});

describe("dead-channels", () => {
  it("notes a few, relative to the layer", async () => {
    const { findings } = await firstLayer(withChannels("weight", { 4: 0, 9: 1e-5, 12: -2e-4 }));
    expect(findings).toMatchObject([{ rule: "dead-channels", severity: "note", channels: [4, 9, 12] }]);
    const small = { "ln.weight": new Float64Array(64).fill(1e-6), "ln.bias": zeros(64) };
    expect(await rulesOf(small)).toEqual([]);
  });

  it("warns of half a layer and of a whole one", async () => {
    const half = trained("bn");
    const weight = (half["bn.weight"] as Float64Array).map((value, channel) => (channel % 2 ? value : 1e-7));
    expect(await rulesOf({ ...half, "bn.weight": weight })).toEqual(["dead-channels warning"]);
    expect(await rulesOf({ ...trained("bn"), "bn.weight": zeros(64) })).toEqual(["dead-channels warning"]);
    expect(await rulesOf({ "gn.weight": zeros(8), "gn.bias": ones(8) })).toEqual(["dead-channels warning"]);
    expect(await rulesOf({ "rms_norm.weight": zeros(1) })).toEqual(["dead-channels warning"]);
  });

  it("takes weights on both sides of 0 as crossing it, and counts only exact zeros", async () => {
    const weight = normals(256, 7).map((z) => 0.1 * z);
    const rms = { "rms_norm.weight": replaced(weight, { 1: 1e-6 }) };
    expect(await rulesOf(rms)).toEqual([]);
    const dead = await firstLayer({ "rms_norm.weight": replaced(weight, { 1: 1e-6, 2: 0 }) });
    expect(dead.findings).toMatchObject([{ rule: "dead-channels", channels: [2] }]);
  });
});

describe("exploding", () => {
  it.each([
    ["running_var", 1e9, "running deviation"],
    ["running_mean", -1e4, "|running mean|"],
    ["weight", 1e4, "|scale|"],
  ])("finds a channel of %s three orders of magnitude above the others", async (part, value, what) => {
    const { findings } = await firstLayer(withChannels(part, { 5: value }));
    const [found] = findings.filter(({ rule }) => rule === "exploding");
    expect(found).toMatchObject({ severity: "warning", channels: [5] });
    expect(found.found).toContain(`The ${what} is up to`);
  });

  it("finds one of four, and judges no fewer", async () => {
    const ln = (weight: readonly number[]): State => ({
      "ln.weight": weight,
      "ln.bias": zeros(weight.length),
    });
    expect(await rulesOf(ln([1, 1, 1, 1e6]))).toEqual(["exploding warning"]);
    expect(await rulesOf(ln([1, 1, 2e3]))).not.toContain("exploding warning");
  });

  it("holds live channels against live ones, where most are dead", async () => {
    const layer = trained("bn");
    const isDead = (channel: number): boolean => channel % 3 !== 0;
    const variance = (layer["bn.running_var"] as Float64Array).map((value, c) => (isDead(c) ? 1e-14 : value));
    const weight = (layer["bn.weight"] as Float64Array).map((value, c) => (isDead(c) ? 1e-9 : value));
    const rules = await rulesOf({ ...layer, "bn.running_var": variance, "bn.weight": weight });
    expect(rules).toEqual(["dead-channels warning", "tiny-variance note"]);
  });

  it("finds statistics that float16 cannot hold", async () => {
    const huge = trained("bn");
    const mean = (huge["bn.running_mean"] as Float64Array).map((value) => value * 1e6);
    const variance = (huge["bn.running_var"] as Float64Array).map((value) => value * 1e12);
    const state = { ...trained("bn0"), ...huge, "bn.running_mean": mean, "bn.running_var": variance };
    expect(await rulesOf(state)).toEqual(["beyond-float16 warning"]);
  });

  it("finds a layer among the others, if there are enough", async () => {
    const layers = (count: number): State => {
      const state = Array.from({ length: count }, (_, index) => trained(`bn${index}`, 16, index));
      const variance = (trained("bn1", 16)["bn1.running_var"] as Float64Array).map((value) => value * 1e7);
      return Object.assign({}, ...state, { "bn1.running_var": variance });
    };
    const { findings } = await inspect(checkpointOf(layers(4)));
    expect(findings).toMatchObject([{ rule: "exploding-layer", severity: "warning", layer: "bn1" }]);
    expect(findings[0].found).toContain("running deviation");
    expect(await rulesOf(layers(2))).toEqual([]);
  });
});

describe("outliers", () => {
  it.each(["weight", "bias"])("notes a %s far outside", async (part) => {
    const { findings } = await firstLayer(withChannels(part, { 11: -20 }));
    expect(findings).toMatchObject([{ rule: "outliers", severity: "note", channels: [11] }]);
    expect(findings[0].found).toContain(`${part} is up to -20 in channel 11 of 64`);
  });

  it("lets heavy tails be", async () => {
    const weight = normals(512, 5).map((z) => 1 + 0.05 * z * Math.abs(z));
    expect(await rulesOf({ "ln.weight": weight, "ln.bias": zeros(512) })).toEqual([]);
  });
});

describe("input-range", () => {
  /** `trained`, with the deviation of a layer that sees pixels. */
  function pixels(name: string, factor: number): Record<string, Float64Array | Tensor> {
    const layer = trained(name, 16);
    const variance = (layer[`${name}.running_var`] as Float64Array).map((value) => value * factor ** 2);
    return { ...layer, [`${name}.running_var`]: variance } as Record<string, Float64Array | Tensor>;
  }

  it("warns of a first layer that saw 0..255, alone or before others", async () => {
    expect(await rulesOf(pixels("bn1", 60))).toEqual(["input-range warning"]);
    expect(await rulesOf({ ...pixels("bn1", 60), ...trained("bn2") })).toEqual(["input-range warning"]);
  });

  it("warns of a batch norm on the pixels themselves", async () => {
    const state = { "bn.running_mean": [125, 123, 114], "bn.running_var": [3970, 3850, 4460] };
    expect(await rulesOf(state)).toEqual(["input-range warning"]);
  });

  it("knows the entry by its name where a file is sorted by name", async () => {
    const { findings } = await inspect(checkpointOf({ ...trained("blocks.0.bn"), ...pixels("bn1", 60) }));
    expect(findings).toMatchObject([{ rule: "input-range", layer: "bn1" }]);
  });

  it("says nothing of a later layer, nor where all layers are alike", async () => {
    expect(await rulesOf({ ...trained("bn1"), ...pixels("bn2", 60) })).toEqual([]);
    expect(await rulesOf({ ...pixels("bn1", 60), ...pixels("bn2", 60) })).toEqual([]);
  });
});

describe("tensors", () => {
  it("finds sizes that do not go together", async () => {
    const { findings } = await firstLayer({ ...trained("bn"), "bn.running_var": ones(32) });
    expect(findings[0]).toMatchObject({ rule: "size-mismatch", severity: "error" });
    expect(findings[0].found).toContain(
      "bn.weight has 64, bn.bias has 64, bn.running_mean has 64, bn.running_var has 32",
    );
  });

  it.each([
    ["running_var", "There is a running mean but no running variance"],
    ["running_mean", "There is a running variance but no running mean"],
  ])("finds a missing %s", async (part, text) => {
    const { [`bn.${part}`]: _, ...state } = trained("bn");
    const { findings } = await firstLayer(state);
    expect(findings[0]).toMatchObject({ rule: "missing-statistics", severity: "error", found: text });
  });

  it("does not read what is too large or of a dtype that no tensor holds", async () => {
    const checkpoint = checkpointOf(trained("bn"));
    const entries = new Map(checkpoint.entries);
    entries.set("bn.weight", { dtype: "F8_E4M3", shape: [64] });
    entries.set("bn.bias", { dtype: "F32", shape: [2 ** 30] });
    const { findings, layers } = await inspect({ ...checkpoint, entries });
    expect(checkpoint.reads).toEqual(["bn.running_var", "bn.num_batches_tracked", "bn.running_mean"]);
    expect(findings.map(({ rule }) => rule)).toEqual(["size-mismatch", "unreadable", "unreadable"]);
    expect(findings[1].found).toBe("bn.weight is of dtype F8_E4M3, which is not inspected");
    expect(layers[0].statistics.weight).toBeUndefined();
  });
});
