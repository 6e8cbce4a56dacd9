import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type CheckpointEntry,
  type Convention,
  conventions,
  findNormLayers,
  isConvention,
  type NormLayer,
  openSafetensors,
} from "../../src/checkpoints/index.ts";
import { kindInName } from "../../src/checkpoints/normKind.ts";

type Listed = Readonly<Record<string, readonly number[] | CheckpointEntry>>;

function entriesOf(listed: Listed): { entries: ReadonlyMap<string, CheckpointEntry> } {
  const entries = Object.entries(listed).map(([name, value]): [string, CheckpointEntry] => {
    if ("dtype" in value) return [name, value];
    return [name, { dtype: name.endsWith("num_batches_tracked") ? "I64" : "F32", shape: value }];
  });
  return { entries: new Map(entries) };
}

function find(listed: Listed, convention?: Convention): NormLayer[] {
  return findNormLayers(entriesOf(listed), convention);
}

/** Name, kind, what tells it, and convention of each layer. */
function brief(listed: Listed): string[] {
  return find(listed).map((layer) => `${layer.name}: ${layer.kind} by ${layer.kindBy}, ${layer.convention}`);
}

describe("the digits network", () => {
  test("its six layers with their kinds, in the order of the file", async () => {
    const truth = JSON.parse(readFileSync("examples/digits/layers.json", "utf8")) as Record<
      string,
      { type: string }
    >;
    const file = await openSafetensors("examples/digits/model.safetensors");
    const layers = findNormLayers(file);
    await file.close();
    expect(layers.map(({ name, kind }) => [name, kind])).toEqual(
      Object.entries(truth).map(([name, { type }]) => [name, type.replace(/\dd$/, "")]),
    );
    expect(layers.map(({ size }) => size)).toEqual([16, 32, 32, 32, 512, 64]);
    expect(layers.map(({ kindBy }) => kindBy)).toEqual(["name", "name", "name", "name", "keys", "name"]);
    expect(layers[0]).toEqual({
      name: "bn1",
      kind: "BatchNorm",
      kindBy: "name",
      convention: "torch",
      size: 16,
      shape: [16],
      dtype: "F32",
      keys: {
        weight: "bn1.weight",
        bias: "bn1.bias",
        runningMean: "bn1.running_mean",
        runningVar: "bn1.running_var",
        numBatchesTracked: "bn1.num_batches_tracked",
      },
    });
  });
});

describe("each convention's names", () => {
  const statistics = (names: readonly string[]): Listed =>
    Object.fromEntries(names.map((name) => [name, name.endsWith("tracked") ? [] : [4]]));

  test.each<[Convention, string, readonly string[]]>([
    [
      "torch",
      "module.a.0.bn",
      ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"].map(
        (key) => `module.a.0.bn.${key}`,
      ),
    ],
    ["torch", "", ["weight", "bias", "running_mean", "running_var"]],
    ["torch", "bn", ["bn.running_mean", "bn.running_var"]],
    [
      "keras",
      "a/batch_normalization",
      ["gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"].map(
        (key) => `a/batch_normalization/${key}`,
      ),
    ],
    [
      "keras",
      "batch_normalization_1",
      ["gamma", "moving_mean", "moving_variance"].map((key) => `batch_normalization_1.${key}`),
    ],
    [
      "keras",
      "layers/batch_normalization",
      [0, 1, 2, 3].map((index) => `layers/batch_normalization/vars/${index}`),
    ],
    [
      "keras",
      "layers/batch_normalization",
      [0, 1].map((index) => `layers/batch_normalization/vars/${index}`),
    ],
    [
      "keras",
      "layer-1",
      ["gamma", "beta", "moving_mean", "moving_variance"].map(
        (key) => `layer-1/${key}/.ATTRIBUTES/VARIABLE_VALUE`,
      ),
    ],
    [
      "flax",
      "Block_0/BatchNorm_0",
      [
        "params/Block_0/BatchNorm_0/scale",
        "params/Block_0/BatchNorm_0/bias",
        "batch_stats/Block_0/BatchNorm_0/mean",
        "batch_stats/Block_0/BatchNorm_0/var",
      ],
    ],
    ["flax", "bn", ["params.bn.scale", "params.bn.bias", "batch_stats.bn.mean", "batch_stats.bn.var"]],
    ["flax", "", ["params.scale", "params.bias", "batch_stats.mean", "batch_stats.var"]],
    ["flax", "params2.bn", ["scale", "bias", "mean", "var"].map((key) => `params2.bn.${key}.value`)],
    ["onnx", "bn", ["bn.scale", "bn.B", "bn.input_mean", "bn.input_var"]],
    ["onnx", "bn", ["bn.scale", "bn.B", "bn.mean", "bn.var"]],
    ["paddle", "bn", ["bn.weight", "bn.bias", "bn._mean", "bn._variance"]],
  ])("%s %s %j", (convention, name, keys) => {
    const [layer, ...others] = find(statistics(keys));
    expect(others).toEqual([]);
    expect(layer).toMatchObject({ name, convention, kind: "BatchNorm", size: 4, shape: [4] });
    expect(Object.values(layer.keys).sort()).toEqual([...keys].sort());
    expect(find(statistics(keys), convention)).toEqual([layer]);
  });

  test("MegEngine's four axes tell it from PyTorch; asked for, flat ones are MegEngine's too", () => {
    const shaped = (shape: readonly number[]): Listed =>
      Object.fromEntries(
        ["weight", "bias", "running_mean", "running_var"].map((key) => [`bn.${key}`, shape]),
      );
    expect(find(shaped([1, 4, 1, 1]))).toMatchObject([
      { convention: "megengine", size: 4, shape: [1, 4, 1, 1] },
    ]);
    expect(find(shaped([4]))).toMatchObject([{ convention: "torch" }]);
    expect(find(shaped([4]), "megengine")).toMatchObject([{ convention: "megengine", kindBy: "name" }]);
    expect(find(shaped([4]), "mlx")).toMatchObject([{ convention: "mlx" }]);
  });

  test("a layer that fits two conventions is of the one that the others are of", () => {
    const paddle = { "bn.weight": [4], "bn.bias": [4], "bn._mean": [4], "bn._variance": [4] };
    expect(brief({ ...paddle, "inorm.scale": [4], "inorm.bias": [4] })).toEqual([
      "bn: BatchNorm by name, paddle",
      "inorm: InstanceNorm by name, paddle",
    ]);
  });

  test("two conventions in one file, in the order of the file", () => {
    expect(
      brief({
        "keras/gamma": [4],
        "keras/beta": [4],
        "a.weight": [4],
        "a.bias": [4],
        "bn.weight": [4],
        "bn.bias": [4],
      }),
    ).toEqual([
      "keras: LayerNorm by guess, keras",
      "a: LayerNorm by guess, torch",
      "bn: BatchNorm by name, torch",
    ]);
  });
});

describe("the kind", () => {
  const pair = (name: string): Listed => ({ [`${name}.weight`]: [4], [`${name}.bias`]: [4] });
  const tracked = (name: string): Listed => ({ [`${name}.running_mean`]: [4], [`${name}.running_var`]: [4] });

  test.each([
    [pair("x.group_norm"), "x.group_norm: GroupNorm by name, torch"],
    [pair("x.norm1"), "x.norm1: LayerNorm by guess, torch"],
    [pair("rms"), "rms: LayerNorm by guess, torch"],
    [{ "ln.weight": [2, 3], "ln.bias": [2, 3] }, "ln: LayerNorm by keys, torch"],
    [{ "x.weight": [4] }, "x: RMSNorm by guess, torch"],
    [{ "input_layernorm.weight": [4] }, "input_layernorm: LayerNorm by name, torch"],
    [{ "ln.weight": [2, 3] }, "ln: LayerNorm by keys, torch"],
    [{ "rms_norm.weight": [2, 3] }, "rms_norm: RMSNorm by name, torch"],
    [{ "layer_normalization/beta": [4] }, "layer_normalization: LayerNorm by name, keras"],
    [{ "rms_normalization/scale": [4] }, "rms_normalization: RMSNorm by name, keras"],
    [{ "layers/layer_normalization/vars/0": [4] }, "layers/layer_normalization: LayerNorm by name, keras"],
    [tracked("inorm"), "inorm: InstanceNorm by name, torch"],
    [tracked("downsample.1"), "downsample.1: BatchNorm by guess, torch"],
    [tracked("ln"), "ln: BatchNorm by guess, torch"],
    [{ "a/gamma": [4], "a/moving_mean": [4], "a/moving_variance": [4] }, "a: BatchNorm by keys, keras"],
    [{ "bn.weight": [4], "bn.running_var": [4] }, "bn: BatchNorm by name, torch"],
  ])("%j", (listed, expected) => {
    expect(brief(listed)).toEqual([expected]);
  });

  test.each([
    ["bn1", "BatchNorm"],
    ["layer1.0.bn2", "BatchNorm"],
    ["bns.0", "BatchNorm"],
    ["SyncBN", "BatchNorm"],
    ["preBN", "BatchNorm"],
    ["BatchNorm_0", "BatchNorm"],
    ["batch_normalization_3", "BatchNorm"],
    ["ln_f", "LayerNorm"],
    ["LayerNorm", "LayerNorm"],
    ["in4", "InstanceNorm"],
    ["gn-1", "GroupNorm"],
    ["rms_norm", "RMSNorm"],
    ["subnet", undefined],
    ["design", undefined],
    ["assign_1", undefined],
    ["norm", undefined],
    ["0.1", undefined],
    ["", undefined],
    ["constructor", undefined],
    ["__proto__", undefined],
  ])("said by the name %j: %s", (name, kind) => {
    expect(kindInName(name)).toBe(kind);
  });
});

describe("what is not a normalization", () => {
  test.each<[string, Listed]>([
    ["a convolution", { "conv.weight": [4, 3, 3, 3], "conv.bias": [4] }],
    ["a linear layer without bias whose name says norm", { "norm_proj.weight": [4, 4] }],
    ["an embedding", { "embed.weight": [10, 4] }],
    ["scalars", { "x.weight": [], "x.bias": [] }],
    ["a PReLU", { "act.prelu.weight": [4] }],
    ["integers", { "bn.weight": { dtype: "I8", shape: [4] }, "bn.bias": { dtype: "I8", shape: [4] } }],
    ["ConvNeXt's layer scale", { "blocks.0.gamma": [4] }],
    ["a quantization scale", { "x.scale": [4] }],
    ["a data set's mean", { "norm.mean": [3] }],
    ["a count of batches", { "norm.num_batches_tracked": [] }],
    ["a bias", { "head.bias": [4] }],
    [
      "three numbered variables",
      Object.fromEntries([0, 1, 2].map((n) => [`batch_normalization/vars/${n}`, [4]])),
    ],
    [
      "variables numbered with a gap",
      { "layer_normalization/vars/1": [4], "layer_normalization/vars/5": [4] },
    ],
  ])("%s", (_, listed) => {
    expect(find(listed)).toEqual([]);
  });

  test("two keys for one tensor", () => {
    expect(find({ "params/bn/scale": [4], "bn/scale": [4], "params/bn/bias": [4] }, "flax")).toEqual([]);
  });

  test("layer scale beside a file's norms", () => {
    expect(brief({ "a.norm.weight": [4], "a.norm.bias": [4], "a.gamma": [4] })).toEqual([
      "a.norm: LayerNorm by guess, torch",
    ]);
  });
});

describe("the table", () => {
  test("the facts that SEMANTICS states: which value momentum weighs, its default, eps, ddof", () => {
    const facts = Object.entries(conventions).map(([name, { momentum, eps, ddof }]) => [
      name,
      momentum.weighs,
      momentum.default,
      eps.BatchNorm,
      ddof,
    ]);
    expect(facts).toEqual([
      ["torch", "new", 0.1, 1e-5, 1],
      ["megengine", "old", 0.9, 1e-5, 1],
      ["keras", "old", 0.99, 1e-3, 0],
      ["flax", "old", 0.99, 1e-5, 0],
      ["onnx", "old", 0.9, 1e-5, 0],
      ["paddle", "old", 0.9, 1e-5, 0],
      ["mlx", "new", 0.1, 1e-5, 1],
    ]);
    for (const { source } of Object.values(conventions)) expect(source).not.toBe("");
  });

  test("isConvention", () => {
    expect(["torch", "keras", "toString", 1, undefined].map(isConvention)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
