import { compile, type TopLevelSpec } from "vega-lite";
import { describe, expect, it } from "vitest";
import { type InspectionPlot, inspect, layerPlots, networkPlots } from "../../src/checkpoints/index.ts";
import { inModelOrder } from "../../src/checkpoints/layerOrder.ts";
import { checkpointOf, firstLayer, type State, trained, withChannels } from "./health/layers.ts";

/** What Vega-Lite has to say against a specification. */
function complaints({ spec }: InspectionPlot): string[] {
  const found: string[] = [];
  const note = (...texts: readonly unknown[]): typeof logger => {
    found.push(texts.join(" "));
    return logger;
  };
  const silent = (): typeof logger => logger;
  const logger = { level: silent, error: note, warn: note, info: silent, debug: silent } as never;
  compile(spec as unknown as TopLevelSpec, { logger });
  // Said of every plot that is as high as its rows ask for, whatever is to be fitted.
  return found.filter((text) => !text.includes('Dropping "fit-y"'));
}

/** Values of the first data set in a specification. */
function valuesOf({ spec }: InspectionPlot): readonly Readonly<Record<string, unknown>>[] {
  return (spec.data as { values: Record<string, unknown>[] }).values;
}

async function network(state: State, width = 640): Promise<InspectionPlot[]> {
  return networkPlots(await inspect(checkpointOf(state)), width);
}

describe("layerPlots", () => {
  it("draws each quantity of a batch norm, as plain JSON that Vega-Lite takes without a warning", async () => {
    const plots = layerPlots(await firstLayer(trained("bn")), 200);
    expect(plots.map(({ quantity }) => quantity)).toEqual([
      "weight",
      "bias",
      "runningMean",
      "deviation",
      "scale",
    ]);
    for (const plot of plots) {
      expect(JSON.parse(JSON.stringify(plot.spec))).toEqual(plot.spec);
      expect(complaints(plot)).toEqual([]);
    }
    expect(plots[0].description).toMatch(/^weight of bn: from [\d.]+ to [\d.]+, median [\d.]+$/);
  });

  it("draws weight and bias of a layer without statistics, and nothing of what is not finite", async () => {
    const ln = { "ln.weight": [1, 2, 3], "ln.bias": [Number.NaN, Number.NaN, Number.NaN] };
    expect(layerPlots(await firstLayer(ln), 200).map(({ quantity }) => quantity)).toEqual(["weight"]);
  });

  it("counts every channel once, equal ones in one bar in the middle", async () => {
    const [weight] = layerPlots(await firstLayer(trained("bn", 100)), 200);
    expect(valuesOf(weight).reduce((sum, { count }) => sum + Number(count), 0)).toBe(100);
    const [same] = layerPlots(await firstLayer({ "ln.weight": [3, 3], "ln.bias": [0, 1] }), 200);
    const [bar, ...others] = valuesOf(same);
    expect(others).toEqual([]);
    expect(bar.count).toBe(2);
    expect(Number(bar.from)).toBeLessThan(3);
    expect(Number(bar.to)).toBeGreaterThan(3);
  });
});

describe("networkPlots", () => {
  it("draws a row for each layer, wide and narrow", async () => {
    const state = { ...trained("a.bn"), ...trained("b.bn"), "ln.weight": [1, 2], "ln.bias": [0, 0] };
    for (const width of [320, 900]) {
      const [scale, deviation, ...others] = await network(state, width);
      expect(others).toEqual([]);
      expect([scale.form, deviation.form]).toEqual(["rows", "rows"]);
      expect(valuesOf(scale).map(({ label }) => label)).toEqual(["a.bn", "b.bn", "ln"]);
      expect(valuesOf(deviation)).toHaveLength(2);
      expect([...complaints(scale), ...complaints(deviation)]).toEqual([]);
      expect(scale.description).toContain(
        "|scale| of the channels, layer by layer, 3 layers. The medians go from",
      );
    }
  });

  it("puts zeros at the axis's low end, within eight decades", async () => {
    const [scale] = await network(withChannels("weight", { 0: 0, 1: 1e-30 }));
    const [{ min, max }] = valuesOf(scale);
    expect(Number(min)).toBeGreaterThan(0);
    expect(Number(max) / Number(min)).toBeLessThan(1e8);
  });

  it("tells layers of equal labels apart, shows the end of a long name, and control characters as text", async () => {
    const long = (start: string): string => `${start}.${"x".repeat(60)}.bn`;
    const [scale] = await network({ ...trained(long("a")), ...trained(long("b")), ...trained("c\u001b.bn") });
    const labels = valuesOf(scale).map(({ label }) => String(label));
    expect(new Set(labels).size).toBe(3);
    expect(labels[0]).toMatch(/^…x+\.bn$/);
    expect(labels[2]).toBe("c\\u{1b}.bn");
  });

  it("draws bands over many layers, of bounded size, with marks for what is wrong", async () => {
    const state = Object.assign(
      {},
      ...Array.from({ length: 900 }, (_, i) => trained(`blocks.${i}.bn`, 4, i)),
    );
    const [scale] = await network({ ...state, "blocks.7.bn.weight": [1, 1, Number.NaN, 1] });
    expect(scale.form).toBe("bands");
    expect(complaints(scale)).toEqual([]);
    expect(valuesOf(scale)).toHaveLength(300);
    expect(JSON.stringify(scale.spec).length).toBeLessThan(60_000);
    expect(JSON.stringify(scale.spec)).toContain('{"health":"error","place":7');
  });

  it("draws nothing where there is nothing above 0", async () => {
    expect(await network({ "ln.weight": [0, 0], "ln.bias": [0, 0] })).toEqual([]);
    expect(await network({})).toEqual([]);
  });
});

describe("inModelOrder", () => {
  const named = (names: readonly string[], dtype = "F32"): { name: string; dtype: string }[] =>
    names.map((name) => ({ name, dtype }));

  it("counts, where the file is sorted by name, also by dtype first", () => {
    const sorted = [...named(["b.1", "b.10", "b.2"], "F64"), ...named(["a.1", "b.3"])];
    expect(inModelOrder(sorted).map(({ name }) => name)).toEqual(["a.1", "b.1", "b.2", "b.3", "b.10"]);
  });

  it("leaves any other order", () => {
    const order = ["stem", "b.10", "b.2"];
    expect(inModelOrder(named(order)).map(({ name }) => name)).toEqual(order);
  });
});
