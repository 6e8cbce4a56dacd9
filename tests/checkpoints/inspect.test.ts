import { describe, expect, it } from "vitest";
import { inspect } from "../../src/checkpoints/index.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { rejection } from "./files.ts";
import { checkpointOf, firstLayer, rulesOf, trained, withChannels } from "./health/layers.ts";

/** Rounding of one division and one square root in float64. */
const rounding = 1e-15;

describe("inspect", () => {
  it("reads the tensors of normalizations only", async () => {
    const checkpoint = checkpointOf({
      "conv.weight": new Tensor("float64", [4, 2, 1, 1], new Float64Array(8)),
      "conv.bias": new Float64Array(4),
      ...trained("bn"),
    });
    const progress: string[] = [];
    const { layers } = await inspect(checkpoint, {
      onProgress: (done, total) => progress.push(`${done}/${total}`),
    });
    expect(layers.map(({ name }) => name)).toEqual(["bn"]);
    expect(checkpoint.reads.filter((name) => name.startsWith("conv"))).toEqual([]);
    expect(progress).toEqual(["1/1"]);
  });

  it("gives weight / sqrt(var + eps) for each channel", async () => {
    const state = {
      "bn.weight": [2, -3],
      "bn.bias": [0, 0],
      "bn.running_mean": [0, 1],
      "bn.running_var": [4, 9],
    };
    const { scale, eps } = await firstLayer(state, { eps: 7 });
    expect(eps).toBe(7);
    expect(scale?.[0]).toBeCloseTo(2 / Math.sqrt(11), -Math.log10(rounding));
    expect(scale?.[1]).toBeCloseTo(-3 / 4, -Math.log10(rounding));
  });

  it("takes weight 1 where there is none, and the weight where there are no statistics", async () => {
    const bare = await firstLayer({ "bn.running_mean": [0], "bn.running_var": [3] }, { eps: 1 });
    expect([...(bare.scale ?? [])]).toEqual([0.5]);
    const ln = await firstLayer({ "ln.weight": [2, 3], "ln.bias": [0, 0] });
    expect([...(ln.scale ?? [])]).toEqual([2, 3]);
  });

  it("takes eps from the framework", async () => {
    expect((await firstLayer(trained("bn"))).eps).toBe(1e-5);
    expect((await firstLayer({ "rms_norm.weight": [1, 2] })).eps).toBe(2 ** -23);
    const keras = { "d/gamma": [1], "d/beta": [1], "d/moving_mean": [0.5], "d/moving_variance": [2] };
    expect((await firstLayer(keras)).eps).toBe(1e-3);
  });

  it("summarizes each tensor, and counts what is not finite", async () => {
    const values = [4, 1, Number.NaN, 2, Number.POSITIVE_INFINITY, 3];
    const { statistics } = await firstLayer({
      "ln.weight": values,
      "ln.bias": new Float64Array(6).fill(Number.NaN),
    });
    expect(statistics.weight).toMatchObject({ count: 6, nan: 1, infinite: 1 });
    expect(statistics.weight?.spread).toMatchObject({
      min: 1,
      max: 4,
      mean: 2.5,
      p25: 1.75,
      median: 2.5,
      p75: 3.25,
    });
    expect(statistics.bias).toEqual({ count: 6, nan: 6, infinite: 0, spread: null });
  });

  it("bins values up to the largest float64", async () => {
    const max = Number.MAX_VALUE;
    const { statistics } = await firstLayer({ "ln.weight": [-max, 0, max, max], "ln.bias": [1, 1, 1, 1] });
    const { counts } = statistics.weight!.spread!.histogram;
    expect([counts[0], counts[4], counts.at(-1)]).toEqual([1, 1, 2]);
    expect(statistics.bias?.spread?.histogram).toEqual({ start: 1, end: 1, counts: [4] });
  });

  it("puts the worst first, and leaves out what is ignored", async () => {
    const state = { ...trained("bn0"), ...withChannels("weight", { 1: Number.NaN, 2: 0 }) };
    const found = await inspect(checkpointOf(state));
    expect([found.errors, found.warnings, found.notes]).toEqual([1, 0, 1]);
    expect(found.findings.map(({ rule }) => rule)).toEqual(["not-finite", "dead-channels"]);
    expect(found.layers[1].findings).toEqual(found.findings);
    expect(await rulesOf(state, { ignore: ["not-finite"] })).toEqual(["dead-channels note"]);
  });

  it("keeps the scales of some layers only, where there are very many", async () => {
    const large = (): Tensor => new Tensor("float32", [2 ** 21 + 1], new Float32Array(2 ** 21 + 1));
    const { layers } = await inspect(checkpointOf({ "norm1.weight": large(), "norm2.weight": large() }));
    expect(layers.map(({ scale }) => scale?.length)).toEqual([2 ** 21 + 1, undefined]);
  });

  it.each([
    [null, {}, TypeError, "expected an open checkpoint"],
    [{ entries: {} }, {}, TypeError, "expected an open checkpoint"],
    [checkpointOf({}), { eps: "1e-5" }, TypeError, "expected eps to be a number"],
    [checkpointOf({}), { eps: -1 }, RangeError, "expected eps of at least 0, got -1"],
    [checkpointOf({}), { eps: Number.NaN }, RangeError, "expected eps of at least 0"],
    [checkpointOf({}), { ignore: "outliers" }, TypeError, "expected ignore to be a list"],
    [checkpointOf({}), { ignore: ["nothing"] }, RangeError, 'got "nothing"'],
  ])("refuses wrong arguments: %j %j", async (checkpoint, options, kind, text) => {
    const error = await rejection(inspect(checkpoint as never, options as never));
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain(text);
  });
});
