import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readNpy, writeNpy } from "../../src/checkpoints/index.ts";
import {
  BatchNorm1d,
  GroupNorm,
  InstanceNorm2d,
  type Layer,
  LayerNorm,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import { writeSafetensors } from "./safetensors.ts";
import { makeFolder, removeFolder, run } from "./support.ts";

// `run` takes inputs of more than 2^20 elements in steps.
let folder: string;

beforeAll(() => {
  folder = makeFolder();
});

afterAll(() => removeFolder(folder));

function big(shape: readonly number[]): Tensor<"float32"> {
  const size = shape.reduce((a, b) => a * b);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => ((i * 7919) % 1009) / 100 - 3),
    shape,
  );
}

/** Runs `layer` over x by the command and in one forward; both must give the same bits. */
async function expectOneForward(layer: Layer, x: Tensor, ...flags: string[]): Promise<void> {
  expect(x.size).toBeGreaterThan(2 ** 20);
  const [checkpoint, input, output] = ["m.safetensors", "x.npy", "y.npy"].map((name) => join(folder, name));
  const state = Object.entries(layer.stateDict()).filter(([key]) => key !== "num_batches_tracked");
  writeSafetensors(
    checkpoint,
    Object.fromEntries(
      state.map(([key, { shape, data }]) => [
        `norm.${key}`,
        { shape, data: Array.from(data as Float32Array) },
      ]),
    ),
  );
  await writeNpy(input, x);
  await run(
    "--model",
    checkpoint,
    "--layer",
    "norm",
    "--input",
    input,
    "--output",
    output,
    "--type",
    layer.name,
    ...flags,
  );
  const y = await readNpy(output);
  const expected = layer.forward(x);
  expect(y.shape).toEqual(expected.shape);
  expect(Buffer.compare(Buffer.from(y.data.buffer), Buffer.from(expected.data.buffer))).toBe(0);
}

/** Parameters and statistics that differ from channel to channel. */
function varied<L extends Layer>(layer: L): L {
  layer.weight?.data.forEach((_, i, data) => {
    data[i] = 1 + (i % 5) / 4;
  });
  layer.bias?.data.forEach((_, i, data) => {
    data[i] = (i % 3) / 2 - 0.5;
  });
  return layer;
}

describe("an input of more than 2^20 elements equals one forward", () => {
  test("BatchNorm1d in eval", async () => {
    const bn = varied(new BatchNorm1d(1000)).eval();
    bn.runningMean?.data.fill(0.25);
    await expectOneForward(bn, big([1100, 1000]));
  });

  test("BatchNorm1d in training: the statistics are the whole batch's", async () => {
    await expectOneForward(varied(new BatchNorm1d(1000)), big([1100, 1000]), "--train");
  });

  test("InstanceNorm2d in training with statistics", async () => {
    const norm = varied(new InstanceNorm2d(3, { affine: true, trackRunningStats: true }));
    await expectOneForward(norm, big([3, 3, 350, 351]), "--train");
  });

  test("GroupNorm, the last step smaller", async () => {
    await expectOneForward(varied(new GroupNorm(2, 4)), big([5, 4, 300, 200]), "--num-groups", "2");
  });

  test("LayerNorm, one sample larger than a step", async () => {
    await expectOneForward(varied(new LayerNorm(1050)), big([2, 1000, 1050]));
  });

  test("LayerNorm over every axis", async () => {
    await expectOneForward(varied(new LayerNorm([1100, 1000])), big([1100, 1000]));
  });

  test("InstanceNorm2d without a batch axis in eval", async () => {
    const norm = varied(new InstanceNorm2d(4, { affine: true, trackRunningStats: true })).eval();
    await expectOneForward(norm, big([4, 600, 500]));
  });

  test("GroupNorm with one value per group, of which one sample is left over", async () => {
    await expectOneForward(varied(new GroupNorm(4, 4)), big([2 ** 18 + 1, 4]), "--num-groups", "4");
  });
});
