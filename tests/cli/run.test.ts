import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  lazyTensors,
  openCheckpoint,
  readNpy,
  writeNpy,
  writeNpz,
  writeSafetensorsShards,
} from "../../src/checkpoints/index.ts";
import { GroupNorm, LayerNorm, RMSNorm, type Tensor, tensor } from "../../src/index.ts";
import { expectClose, f32, wave } from "../layers/support.ts";
import { writeSafetensors } from "./safetensors.ts";
import { filesIn, makeFolder, model, recorded, removeFolder, run, writeInput } from "./support.ts";

let folder: string;
let output: string;

beforeEach(() => {
  folder = makeFolder();
  output = join(folder, "y.npy");
});

afterEach(() => removeFolder(folder));

/** PyTorch's float32 arithmetic rounds a few times: some ULP of values up to 8. */
const torchTolerance = 2e-6;

async function written(): Promise<Tensor> {
  return (await readNpy(output)) as Tensor;
}

describe("the digits network, against what PyTorch recorded in eval", () => {
  test.each([
    ["bn1", [], "BatchNorm2d(16, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"],
    [
      "bn3",
      ["--eps", "0.001", "--momentum", "0.01"],
      "BatchNorm1d(64, eps=0.001, momentum=0.01, affine=True, track_running_stats=True)",
    ],
    [
      "bn2",
      ["--momentum", "none", "--eval"],
      "BatchNorm2d(32, eps=1e-05, momentum=None, affine=True, track_running_stats=True)",
    ],
    [
      "inorm",
      ["--type", "InstanceNorm2d"],
      "InstanceNorm2d(32, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
    ],
    ["gn", ["--type", "GroupNorm", "--num-groups", "8"], "GroupNorm(8, 32, eps=1e-05, affine=True)"],
    ["ln", [], "LayerNorm((32, 4, 4), eps=1e-05, elementwise_affine=True)"],
  ])("%s %j", async (layer, flags, module) => {
    const input = await writeInput(folder, layer);
    const printed = await run(
      "--model",
      model,
      "--layer",
      layer,
      "--input",
      input,
      "--output",
      output,
      ...flags,
    );
    const expected = await recorded("eval", `${layer}.output`);
    expect(printed).toBe(`${layer}: ${module}, eval\n${output}: ${expected}`);
    const y = await written();
    expect(y.shape).toEqual(expected.shape);
    expectClose(y.data, expected.data, torchTolerance);
    expect(filesIn(folder)).toEqual(["x.npy", "y.npy"]);
  });
});

describe("--train, against the recorded training step", () => {
  test.each([
    ["bn1", ["--type", "BatchNorm2d"]],
    ["inorm", ["--type", "InstanceNorm2d"]],
    ["bn2", ["--type", "BatchNorm2d", "--momentum", "None"]],
  ])("%s", async (layer, flags) => {
    const input = await writeInput(folder, layer, "train-step");
    const printed = await run(
      ...[
        "--model",
        model,
        "--layer",
        layer,
        "--input",
        input,
        "--output",
        output,
        "--train",
        "--json",
        ...flags,
      ],
    );
    const summary = JSON.parse(printed);
    expectClose(
      (await written()).data,
      (await recorded("train-step", `${layer}.output`)).data,
      torchTolerance,
    );
    for (const key of ["running_mean", "running_var"]) {
      expectClose(summary[key], (await recorded("train-step", `${layer}.${key}.after`)).data, 1e-6);
    }
    const count = await recorded("train-step", `${layer}.num_batches_tracked.after`);
    expect(summary.num_batches_tracked).toBe(Number(count.data[0]));
    expect(summary.mode).toBe("train");
  });
});

test("the same layer from npz, and from the directory of a sharded checkpoint", async () => {
  const input = await writeInput(folder, "ln");
  const file = await openCheckpoint(model);
  const [npz, directory] = [join(folder, "model.npz"), join(folder, "sharded")];
  await mkdir(directory);
  await writeNpz(npz, lazyTensors(file));
  await writeSafetensorsShards(join(directory, "model.safetensors.index.json"), lazyTensors(file), {
    maxShardBytes: 50_000,
  });
  await file.close();
  await run("--model", model, "--layer", "ln", "--input", input, "--output", output);
  const expected = (await written()).data;
  for (const from of [npz, directory]) {
    await run("--model", from, "--layer", "ln", "--input", input, "--output", output);
    expectClose((await written()).data, expected, 0);
  }
});

test("--json names the layer, its mode, shape, dtype and file", async () => {
  const input = await writeInput(folder, "ln");
  const printed = await run(
    "--model",
    model,
    "--layer",
    "ln",
    "--input",
    input,
    "--output",
    output,
    "--json",
  );
  expect(JSON.parse(printed)).toEqual({
    layer: "ln",
    module: "LayerNorm((32, 4, 4), eps=1e-05, elementwise_affine=True)",
    mode: "eval",
    shape: [64, 32, 4, 4],
    dtype: "float32",
    output,
  });
});

describe("a checkpoint of one's own", () => {
  const values = wave(12);
  const weight = { shape: [3], data: [1, 2, -1] };
  let checkpoint: string;
  let input: string;

  beforeEach(async () => {
    checkpoint = join(folder, "m.safetensors");
    input = join(folder, "x.npy");
    await writeNpy(input, f32(values, [4, 3]));
  });

  function runOn(layer: string, ...flags: string[]): Promise<string> {
    return run("--model", checkpoint, "--layer", layer, "--input", input, "--output", output, ...flags);
  }

  test("RMSNorm", async () => {
    writeSafetensors(checkpoint, { "norm.weight": weight });
    await runOn("norm", "--type", "RMSNorm", "--eps", "1e-6");
    const rms = new RMSNorm(3, { eps: 1e-6 });
    rms.weight?.data.set(weight.data);
    expectClose((await written()).data, rms.forward(f32(values, [4, 3])).data, 0);
  });

  test("LayerNorm with a weight alone, by --type", async () => {
    writeSafetensors(checkpoint, { "a.b.norm.weight": weight });
    await runOn("a.b.norm", "--type", "LayerNorm");
    const ln = new LayerNorm(3, { bias: false });
    ln.weight?.data.set(weight.data);
    expectClose((await written()).data, ln.forward(f32(values, [4, 3])).data, 0);
  });

  test("keys without a layer name, for --layer ''", async () => {
    writeSafetensors(checkpoint, { running_mean: weight, running_var: { shape: [3], data: [4, 4, 4] } });
    expect(await runOn("", "--eps", "0")).toContain("BatchNorm1d(3, eps=0.0, momentum=0.1, affine=False");
    expectClose(
      (await written()).data,
      values.map((value, i) => (Math.fround(value) - weight.data[i % 3]) / 2),
      1e-6,
    );
  });

  test("the input's dtype is the layer's and the output's", async () => {
    writeSafetensors(checkpoint, { "gn.weight": weight, "gn.bias": weight });
    await writeNpy(input, tensor(Float64Array.from(values), [4, 3]));
    const printed = await runOn("gn", "--type", "GroupNorm", "--num-groups", "1", "--json");
    expect(JSON.parse(printed).dtype).toBe("float64");
    const gn = new GroupNorm(1, 3, { dtype: "float64" });
    for (const parameter of gn.parameters()) parameter.data.set(weight.data);
    expectClose((await written()).data, gn.forward(tensor(Float64Array.from(values), [4, 3])).data, 0);
  });

  test("--layout channels-last", async () => {
    writeSafetensors(checkpoint, { "bn.running_mean": weight, "bn.running_var": weight });
    await writeNpy(input, f32(values, [1, 2, 2, 3]));
    await runOn("bn", "--layout", "channels-last", "--eps", "2");
    const rstd = weight.data.map((variance) => 1 / Math.sqrt(variance + 2));
    const expected = values.map((value, i) => (value - weight.data[i % 3]) * rstd[i % 3]);
    expectClose((await written()).data, expected, 1e-5);
  });

  test("an output that is there is replaced", async () => {
    writeSafetensors(checkpoint, { "norm.weight": weight });
    await writeNpy(output, f32([1], [1]));
    await runOn("norm", "--type", "RMSNorm");
    expect((await written()).shape).toEqual([4, 3]);
    expect(filesIn(folder)).toEqual(["m.safetensors", "x.npy", "y.npy"]);
  });
});
