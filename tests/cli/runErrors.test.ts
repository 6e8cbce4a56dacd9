import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeNpy } from "../../src/checkpoints/index.ts";
import { tensor } from "../../src/index.ts";
import { f32, wave } from "../layers/support.ts";
import { writeSafetensors } from "./safetensors.ts";
import { filesIn, makeFolder, model, removeFolder, run, writeInput } from "./support.ts";

let folder: string;

beforeEach(() => {
  folder = makeFolder();
});

afterEach(() => removeFolder(folder));

/** Runs with these flags over a good call's; it must be refused and leave no file. */
async function refusal(flags: Readonly<Record<string, string>>, ...bare: string[]): Promise<string> {
  const before = filesIn(folder);
  const all = {
    "--model": model,
    "--layer": "bn1",
    "--input": join(folder, "x.npy"),
    "--output": join(folder, "y.npy"),
    ...flags,
  };
  const message = await run(...Object.entries(all).flat(), ...bare).then(
    () => "nothing thrown",
    (error: Error) => error.message,
  );
  expect(filesIn(folder)).toEqual(before);
  return message;
}

describe("what the checkpoint cannot tell", () => {
  beforeEach(async () => {
    await writeInput(folder, "gn");
  });

  test("an unknown layer: the layers that are there", async () => {
    expect(await refusal({ "--layer": "bn9" })).toBe(
      'no normalization layer "bn9" in the checkpoint; it holds bn1, gn, inorm, bn2, ln, bn3',
    );
  });

  test("a checkpoint without any", async () => {
    const empty = join(folder, "m.safetensors");
    writeSafetensors(empty, { table: { shape: [1], data: [1] } });
    expect(await refusal({ "--model": empty })).toBe(
      'no normalization layer "bn1" in the checkpoint; it holds none',
    );
  });

  test("a weight and a bias of one axis: the candidates", async () => {
    expect(await refusal({ "--layer": "gn" })).toBe(
      "layer gn holds weight [32], bias [32]: LayerNorm, GroupNorm, InstanceNorm or BatchNorm; say --type",
    );
  });

  test("a count of batches alone", async () => {
    const path = join(folder, "m.safetensors");
    writeSafetensors(path, { "norm.num_batches_tracked": { shape: [], data: [1] } });
    const flags = { "--model": path, "--layer": "norm" };
    expect(await refusal(flags)).toMatch(/norm/);
    expect(await refusal({ ...flags, "--type": "BatchNorm1d" })).toContain(
      'Unexpected key(s) in state_dict: "num_batches_tracked"',
    );
  });

  test("a weight alone", async () => {
    const path = join(folder, "m.safetensors");
    writeSafetensors(path, { "norm.weight": { shape: [4], data: [1, 1, 1, 1] } });
    expect(await refusal({ "--model": path, "--layer": "norm" })).toBe(
      "layer norm holds weight [4]: RMSNorm or LayerNorm; say --type",
    );
  });

  test("running statistics and --train", async () => {
    expect(await refusal({}, "--train")).toMatch(
      /^layer bn1 holds .*: BatchNorm2d or InstanceNorm2d, which differ in training; say --type$/,
    );
  });

  test("GroupNorm without --num-groups, or with one that does not divide", async () => {
    const gn = { "--layer": "gn", "--type": "GroupNorm" };
    expect(await refusal(gn)).toBe("GroupNorm: the checkpoint holds no number of groups; say --num-groups");
    expect(await refusal({ ...gn, "--num-groups": "5" })).toContain("must be divisible by num_groups (5)");
    expect(await refusal({ ...gn, "--num-groups": "2.5" })).toContain(
      "expected numGroups to be an integer, got 2.5",
    );
    expect(await refusal({ ...gn, "--num-groups": "0" })).toContain(
      "expected numGroups to be at least 1, got 0",
    );
  });

  test("an unknown type: the types", async () => {
    expect(await refusal({ "--type": "BatchNorm4d" })).toBe(
      'unknown layer type "BatchNorm4d"; the types are BatchNorm1d, BatchNorm2d, BatchNorm3d, ' +
        "InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, GroupNorm, LayerNorm, RMSNorm",
    );
  });

  test("a type that the tensors do not fit", async () => {
    expect(await refusal({ "--layer": "ln", "--type": "BatchNorm2d" })).toContain("size mismatch for weight");
    expect(await refusal({ "--layer": "gn", "--type": "RMSNorm" })).toContain(
      'Unexpected key(s) in state_dict: "bias"',
    );
    expect(await refusal({ "--layer": "conv2" })).toBe(
      "layer conv2 holds weight [32, 16, 3, 3], bias [32]: not a normalization layer",
    );
  });
});

describe("the input", () => {
  test("a wrong shape", async () => {
    await writeInput(folder, "gn");
    expect(await refusal({})).toBe("BatchNorm2d: expected input of shape (N, 16, H, W), got (64, 32, 4, 4)");
    expect(await refusal({ "--layer": "ln", "--input": await writeInput(folder, "bn1") })).toContain(
      "Given normalized_shape=[32, 4, 4], expected input with shape [*, 32, 4, 4]",
    );
  });

  test("more axes than any batch norm takes", async () => {
    await writeNpy(join(folder, "x.npy"), f32(wave(16), [1, 16, 1, 1, 1, 1]));
    expect(await refusal({})).toMatch(/BatchNorm/);
  });

  test("a scalar", async () => {
    await writeNpy(join(folder, "x.npy"), f32([1], []));
    expect(await refusal({})).toBe("BatchNorm1d: expected 2D or 3D input (got 0D input)");
  });

  test("integers", async () => {
    await writeNpy(join(folder, "x.npy"), tensor(Int32Array.of(1, 2), [2]));
    expect(await refusal({})).toMatch(/x\.npy to hold floating-point numbers, got int32/);
  });

  test("missing, empty, cut, or not an array", async () => {
    expect(await refusal({})).toContain("cannot read");
    writeFileSync(join(folder, "x.npy"), "");
    expect(await refusal({})).toMatch(/x\.npy: expected the magic bytes/);
    const whole = await writeInput(folder, "bn1");
    writeFileSync(join(folder, "cut.npy"), (await import("node:fs")).readFileSync(whole).subarray(0, 1000));
    expect(await refusal({ "--input": join(folder, "cut.npy") })).toMatch(/cut\.npy/);
    expect(await refusal({ "--input": model })).toContain("expected the magic bytes");
    expect(await refusal({ "--input": folder })).toContain("EISDIR");
  });
});

describe("the model", () => {
  beforeEach(async () => {
    await writeInput(folder, "bn1");
  });

  test("missing, empty, or no checkpoint", async () => {
    expect(await refusal({ "--model": join(folder, "no.safetensors") })).toContain("ENOENT");
    const empty = join(folder, "empty.safetensors");
    writeFileSync(empty, "");
    expect(await refusal({ "--model": empty })).toContain("got an empty file");
    expect(await refusal({ "--model": join(folder, "x.npy") })).toContain("got a single npy array");
  });
});

describe("the output", () => {
  beforeEach(async () => {
    await writeInput(folder, "bn1");
  });

  test("a folder that is not there, or that stands in the file's place", async () => {
    expect(await refusal({ "--output": join(folder, "none", "y.npy") })).toMatch(/cannot write .*ENOENT/);
    expect(await refusal({ "--output": folder })).toMatch(/cannot write .*(EISDIR|ENOTEMPTY|EEXIST)/);
  });
});

describe("the flags", () => {
  test.each([
    ["--eps", "abc", "expected a number"],
    ["--eps", "", "expected a number"],
    ["--eps", "Infinity", "expected a number"],
    ["--momentum", "x", "expected a number"],
    ["--num-groups", "many", "expected a number"],
    ["--layout", "NHWC", "Allowed choices are channels-first, channels-last."],
    ["--epsilon", "1", "unknown option '--epsilon'"],
  ])("%s %s", async (flag, value, message) => {
    expect(await refusal({ [flag]: value })).toContain(message);
  });

  test("--train with --eval", async () => {
    expect(await refusal({}, "--train", "--eval")).toContain(
      "option '--train' cannot be used with option '--eval'",
    );
  });

  test("a required one is missing", async () => {
    await expect(run("--layer", "bn1")).rejects.toThrow("required option '--model <file>' not specified");
  });
});
