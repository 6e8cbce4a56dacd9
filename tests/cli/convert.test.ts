import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  encodeSafetensors,
  findNormLayers,
  openCheckpoint,
  readNpy,
  readSafetensors,
  writeNpy,
} from "../../src/checkpoints/index.ts";
import { convertCommand } from "../../src/cli/convert.ts";
import type { Tensor } from "../../src/index.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import {
  filesIn,
  makeFolder,
  model,
  recorded,
  removeFolder,
  run,
  runInProcess,
  writeInput,
} from "./support.ts";

let folder: string;
let output: string;

beforeEach(() => {
  folder = makeFolder();
  output = join(folder, "out.safetensors");
});

afterEach(() => removeFolder(folder));

function convert(...args: string[]): Promise<string> {
  return runInProcess(convertCommand(), args);
}

async function refusal(...args: string[]): Promise<string> {
  const before = filesIn(folder);
  const message = await convert(...args).then(
    () => "nothing thrown",
    (error: Error) => error.message,
  );
  expect(filesIn(folder)).toEqual(before);
  return message;
}

describe("the digits network", () => {
  test("what changes, what to make the layers with, and the notes", async () => {
    const printed = await convert(
      model,
      "--to",
      "keras",
      "-o",
      output,
      "--eps",
      "bn3=0.001",
      "--momentum",
      "bn2=none",
    );
    const lines = printed.split("\n");
    expect(lines.slice(0, 9)).toEqual([
      `${model}: PyTorch, its names are weight, bias, running_mean, running_var, num_batches_tracked`,
      "",
      "bn1: BatchNorm",
      "  make it  keras.layers.BatchNormalization(axis=-1, momentum=0.9, epsilon=1e-05)",
      "  instead of the default momentum=0.99, epsilon=0.001",
      "  renamed  bn1.weight to bn1/gamma",
      "  renamed  bn1.bias to bn1/beta",
      "  renamed  bn1.running_mean to bn1/moving_mean",
      "  renamed  bn1.running_var to bn1/moving_variance",
    ]);
    expect(printed).toContain("keras.layers.GroupNormalization(groups=?, axis=-1, epsilon=1e-05)");
    expect(printed).toContain("keras.layers.LayerNormalization(axis=(-3, -2, -1), epsilon=1e-05)");
    expect(printed).toContain("BatchNormalization(axis=-1, momentum=0.9, epsilon=0.001)");
    expect(printed).toContain("BatchNormalization(axis=-1, momentum=None, epsilon=1e-05)");
    expect(printed).toContain("note: bn2: Keras has no cumulative average");
    expect(lines.at(-1)).toBe(`${output}: 31 tensors for Keras`);
  });

  test.each(["megengine", "keras", "flax", "onnx", "paddle", "mlx"])(
    "to %s and back, over itself",
    async (to) => {
      await convert(model, "--to", to, "--output", output);
      const there = await openCheckpoint(output);
      expect(findNormLayers(there, to as "mlx").map(({ name }) => name)).toHaveLength(6);
      await there.close();
      await convert(output, "--from", to, "--to", "torch", "--output", output);
      expect(await readSafetensors(output)).toEqual(await readSafetensors(model));
      expect(filesIn(folder)).toEqual(["out.safetensors"]);
    },
  );

  test("npz loses the numbers of batches, and says so", async () => {
    const npz = join(folder, "out.npz");
    expect(await convert(model, "--to", "flax", "-o", npz)).toContain(
      "note: npz has no place for the metadata",
    );
    await convert(npz, "--to", "torch", "-o", output);
    const back = await readSafetensors(output);
    expect(back.get("bn1.num_batches_tracked")?.data).toEqual(BigInt64Array.of(0n));
    expect(back.get("bn1.running_var")).toEqual((await readSafetensors(model)).get("bn1.running_var"));
  });

  test("--json, without an output", async () => {
    const flags = ["--count", "100", "--count", "bn1=50", "--momentum", "0.2", "--json"];
    const summary = JSON.parse(await convert(model, "--to", "onnx", ...flags));
    expect(summary).toMatchObject({ input: model, output: null, from: "torch", to: "onnx" });
    const factors = summary.changes.filter(({ change }: { change: string }) => change === "rescaled");
    expect(factors.map(({ layer, detail }: Record<string, string>) => `${layer} ${detail}`)).toEqual([
      "bn1 times 49 / 50",
      "inorm times 99 / 100",
      "bn2 times 99 / 100",
      "bn3 times 99 / 100",
    ]);
    expect(summary.configuration[0].options).toEqual({ momentum: 0.8, epsilon: 1e-5 });
    expect(filesIn(folder)).toEqual([]);
  });
});

test("a layer without a name, and kinds that nothing tells", async () => {
  const vector = tensor(new Float32Array(2), [2]);
  const path = join(folder, "m.safetensors");
  writeFileSync(
    path,
    encodeSafetensors([
      ["weight", vector],
      ["bias", vector],
    ]),
  );
  const printed = await convert(path, "--to", "megengine");
  expect(printed).toContain("the layer: LayerNorm, a guess: neither keys nor name tell the kind");
  expect(printed).toContain("megengine.module.LayerNorm(normalized_shape=(2,), eps=1e-05)");
  expect(printed).toContain("nothing written; say --output to write it for MegEngine");
  writeFileSync(path, encodeSafetensors([["rms.weight", vector]]));
  expect(await convert(path, "--to", "megengine")).not.toContain("make it");
});

describe("refusals, which leave no file", () => {
  test.each([
    [
      ["--to", "keras", "-o", "x.bin"],
      "convert: expected an output that ends in .safetensors or .npz, got x.bin",
    ],
    [
      ["--to", "keras", "--count", "bn9=4"],
      'no normalization layer "bn9" in the checkpoint; it holds bn1, gn, ',
    ],
    [
      ["--to", "keras", "--count", "1"],
      'layer "bn1": expected a count of 2 or more values per channel, got 1',
    ],
    [["--to", "keras", "--eps", "1", "--eps", "2"], "expected one value for all layers"],
    [["--to", "keras", "--eps", "bn1="], "expected a number"],
    [["--to", "tf"], "Allowed choices are"],
    [[], "required option '--to <convention>' not specified"],
    [["--from", "keras", "--to", "torch"], "found none; bn1 has PyTorch's"],
  ])("%j", async (flags, message) => {
    expect(await refusal(model, ...flags)).toContain(message);
  });

  test("the file is as it was after a conversion that fails", async () => {
    const path = join(folder, "m.safetensors");
    const vector = tensor(new Float32Array(2), [2]);
    const bytes = encodeSafetensors([
      ["bn.weight", vector],
      ["bn.bias", vector],
      ["bn.scale", vector],
    ]);
    writeFileSync(path, bytes);
    expect(await refusal(path, "--to", "onnx", "-o", path)).toContain("expected different names");
    expect(new Uint8Array(readFileSync(path))).toEqual(new Uint8Array(bytes));
  });
});

describe("evenkeel run over other conventions", () => {
  test("Keras' names, with Keras' eps unless another is said", async () => {
    await convert(model, "--to", "keras", "-o", output);
    const y = join(folder, "y.npy");
    const flags = [
      "--model",
      output,
      "--layer",
      "bn1",
      "--input",
      await writeInput(folder, "bn1"),
      "--output",
      y,
    ];
    expect(await run(...flags)).toContain("BatchNorm2d(16, eps=0.001, momentum=0.01,");
    expect(await run(...flags, "--eps", "1e-5", "--momentum", "none")).toContain("eps=1e-05, momentum=None,");
    const expected = await recorded("eval", "bn1.output");
    const written = (await readNpy(y)) as Tensor;
    for (let i = 0; i < 1000; i++) expect(written.data[i]).toBeCloseTo(expected.data[i], 5);
  });

  test("MegEngine's (1, C, 1, 1)", async () => {
    const four = tensor(Float32Array.of(1, 2), [1, 2, 1, 1]);
    const keys = ["weight", "bias", "running_mean", "running_var"];
    writeFileSync(output, encodeSafetensors(keys.map((key) => [`bn.${key}`, four] as const)));
    const x = join(folder, "x.npy");
    await writeNpy(x, tensor(Float32Array.of(1, 2), [1, 2]));
    const printed = await run(
      "--model",
      output,
      "--layer",
      "bn",
      "--input",
      x,
      "--output",
      join(folder, "y.npy"),
    );
    expect(printed).toContain("BatchNorm1d(2, eps=1e-05, momentum=0.1,");
  });
});
