import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describe, expect, it, test } from "vitest";
import { readSafetensors } from "../../src/checkpoints/index.ts";
import { SyncBatchNorm } from "../../src/distributed/index.ts";
import type { Tensor } from "../../src/index.ts";
import { differences } from "../conformance/compare.ts";
import { runLayer } from "../conformance/ops/layer.ts";
import {
  CaseView,
  decode,
  type JsonCase,
  type JsonSuite,
  type JsonTensor,
  type JsonTolerance,
  type Outputs,
} from "../conformance/schema.ts";
import { resultsOf, simulate } from "./simulate.ts";

const folder = process.env.EVENKEEL_CONFORMANCE ?? "../shared/conformance";
const digits = "examples/digits/train-step.safetensors";

/** The same formula in float64, summed in another order. */
const float64Tolerance: JsonTolerance = { rtol: 1e-12, atol: 1e-12 };

/** Units in the last place of float32, of the largest value of an array: below it sums cancel. */
const float32Ulp = 2;

const epsilon32 = 2 ** -23;

const layers = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"];

/** Ranks 0 to 3 of 4 hold about half, none, a sixth and the rest of the samples. */
const shares: Readonly<Record<number, readonly number[]>> = {
  1: [1],
  2: [1 / 3, 1],
  3: [0.5, 0.75, 1],
  4: [0.5, 0.5, 2 / 3, 1],
};

function sliced(json: JsonTensor, size: number, rank: number): JsonTensor {
  const [samples, ...rest] = json.shape;
  const edges = [0, ...shares[size].map((part) => Math.round(part * samples))];
  const each = json.data.length / samples;
  const [start, end] = [edges[rank], edges[rank + 1]];
  return { ...json, shape: [end - start, ...rest], data: json.data.slice(start * each, end * each) };
}

/** A case with this rank's part of its batches. */
function shareOf(json: JsonCase, size: number, rank: number): JsonCase {
  const cut = (inputs: JsonCase["inputs"]): JsonCase["inputs"] =>
    Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [
        name,
        name === "x" || name === "gradOutput" ? sliced(value as JsonTensor, size, rank) : value,
      ]),
    ) as JsonCase["inputs"];
  const steps = json.steps?.map((step) => ({ ...step, inputs: cut(step.inputs ?? {}) }));
  return { ...json, inputs: cut(json.inputs), ...(steps ? { steps } : {}) };
}

/** One batch's outputs from the ranks': activations joined, gradients of parameters added, statistics the same. */
function joined(ranks: readonly Outputs[]): Outputs {
  return Object.fromEntries(
    Object.entries(ranks[0]).map(([name, { shape }]) => {
      const all = ranks.map((outputs) => Array.from(outputs[name].data, Number));
      if (/(^|\.)(y|gradInput)$/.test(name)) {
        const samples = ranks.reduce((sum, outputs) => sum + outputs[name].shape[0], 0);
        return [name, { shape: [samples, ...shape.slice(1)], data: all.flat() }];
      }
      if (/grad(Weight|Bias)$/.test(name)) {
        return [name, { shape, data: all[0].map((_, i) => all.reduce((sum, each) => sum + each[i], 0)) }];
      }
      if (/running/.test(name)) for (const each of all) expect(each).toEqual(all[0]);
      return [name, { shape, data: all[0] }];
    }),
  );
}

/** The bound of an array in float32; gradients, in which terms cancel, are held against the sum of their |dy|. */
function ofSize(expected: JsonTensor | null, dy: JsonTensor | undefined): JsonTolerance {
  const largest = (expected?.data ?? []).reduce<number>(
    (most, value) => Math.max(most, Math.abs(Number(value))),
    0,
  );
  const terms = (dy?.data ?? []).reduce<number>((sum, value) => sum + Math.abs(Number(value)), 0);
  const perChannel = terms / (dy?.shape[1] || 1);
  return { atol: float32Ulp * epsilon32 * Math.max(largest, perChannel), ulp: float32Ulp };
}

function differencesIn(json: JsonCase, outputs: Outputs, dtype: "float32" | "float64"): string[] {
  const all = json.steps
    ? Object.fromEntries(
        json.steps.flatMap(({ expected }, step) =>
          Object.entries(expected).map(([name, value]) => [`${step}.${name}`, value] as const),
        ),
      )
    : json.expected;
  const expected = Object.fromEntries(Object.entries(all).filter(([name]) => !/loss$/.test(name)));
  if (dtype === "float64") return differences(outputs, expected, float64Tolerance, dtype);
  return Object.keys(expected).flatMap((name) =>
    differences(outputs, { [name]: expected[name] }, ofSize(expected[name], upstream(json, name)), dtype),
  );
}

/** The dy behind a gradient. */
function upstream({ inputs, steps }: JsonCase, name: string): JsonTensor | undefined {
  const [step, bare] = name.split(".");
  if (bare?.startsWith("grad")) return steps?.[Number(step)].inputs?.gradOutput;
  return name.startsWith("grad") ? (inputs.gradOutput as JsonTensor | undefined) : undefined;
}

/** Without running statistics, eval takes each rank's own samples. */
function isSynchronized({ attributes, steps }: JsonCase): boolean {
  return attributes.trackRunningStats !== false || !steps?.some(({ action }) => action === "eval");
}

if (existsSync(folder)) {
  const { cases } = JSON.parse(await readFile(`${folder}/pytorch.json`, "utf8")) as JsonSuite;
  const chosen = cases.filter(
    (json) => layers.includes(json.op) && !json.expectError && !json.expectNoError && isSynchronized(json),
  );
  describe.each([1, 2, 3, 4])("PyTorch's batch norm of the whole, by SyncBatchNorm on %i ranks", (size) => {
    for (const dtype of ["float64", "float32"] as const) {
      it.each(chosen)(`$name, ${dtype}`, (json) => {
        const outputs = resultsOf(
          simulate(size, (group) => {
            const view = new CaseView(shareOf(json, size, group.rank), "pytorch", dtype);
            const layer = new SyncBatchNorm(view.attribute<number>("numFeatures", 0), {
              ...view.only("eps", "momentum", "affine", "trackRunningStats"),
              dtype,
              layout: view.channelsLast ? "channels-last" : "channels-first",
              group,
            });
            return runLayer(layer, view);
          }),
        );
        const lines =
          outputs[0].y || json.steps ? differencesIn(json, joined(outputs), dtype) : ["nothing computed"];
        expect(lines).toEqual([]);
      });
    }
  });
} else {
  test.skip(`PyTorch's vectors: no folder ${folder}; set EVENKEEL_CONFORMANCE`, () => {});
}

describe("a training step of the digits network, split over ranks", () => {
  const options = { bn1: {}, bn2: { momentum: null }, bn3: { eps: 1e-3, momentum: 0.01 } };
  it.each([1, 2, 3, 4])("%i ranks", async (size) => {
    const [step, model] = await Promise.all([
      readSafetensors(digits),
      readSafetensors("examples/digits/model.safetensors"),
    ]);
    for (const [name, given] of Object.entries(options)) {
      const of = (key: string): JsonTensor => {
        const { shape, dtype, data } = step.get(`${name}.${key}`) as Tensor;
        return { shape, dtype, data: Array.from(data, Number) };
      };
      const ranks = resultsOf(
        simulate(size, (group): Outputs => {
          const layer = new SyncBatchNorm(of("weight.grad").data.length, { ...given, group });
          layer.loadStateDict(model, { prefix: `${name}.` });
          const take = (key: string): Tensor => decode(sliced(of(key), size, group.rank), "float32");
          const y = layer.forward(take("input"));
          const gradInput = layer.backward(take("grad_output"));
          const { weight, bias, runningMean, runningVar, numBatchesTracked } = layer;
          const flat = (data: ArrayLike<number> | null | undefined) => ({ shape: [], data: data ?? [] });
          return {
            ...{ y, gradInput, gradWeight: flat(weight?.grad), gradBias: flat(bias?.grad) },
            ...{ runningMean: flat(runningMean?.data), runningVar: flat(runningVar?.data) },
            numBatchesTracked: flat([numBatchesTracked]),
          };
        }),
      );
      const expected = {
        ...{ y: of("output"), gradInput: of("grad_input") },
        ...{ gradWeight: of("weight.grad"), gradBias: of("bias.grad") },
        ...{ runningMean: of("running_mean.after"), runningVar: of("running_var.after") },
        numBatchesTracked: of("num_batches_tracked.after"),
      };
      const whole = joined(ranks);
      for (const key of Object.keys(expected) as (keyof typeof expected)[]) {
        expect(
          differences(
            whole,
            { [key]: expected[key] },
            ofSize(expected[key], key.startsWith("grad") ? of("grad_output") : undefined),
            "float32",
          ),
          name,
        ).toEqual([]);
      }
    }
  });
});
