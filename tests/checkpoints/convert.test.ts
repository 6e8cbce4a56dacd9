import { describe, expect, test } from "vitest";
import {
  type Checkpoint,
  type Conversion,
  type ConvertOptions,
  convert,
  encodeSafetensors,
  lazyTensors,
  openSafetensors,
} from "../../src/checkpoints/index.ts";
import { BatchNorm2d } from "../../src/index.ts";
import { BatchNorm2d as MegEngineBatchNorm2d } from "../../src/megengine/index.ts";
import type { TensorLike } from "../../src/tensor/tensor.ts";
import { tensor } from "../../src/tensor/tensor.ts";

type Tensors = Readonly<Record<string, TensorLike>>;

const vector = (...values: number[]): TensorLike => tensor(Float32Array.from(values), [values.length]);

const count = (value: bigint): TensorLike =>
  ({ data: BigInt64Array.of(value), shape: [], dtype: "int64" }) as never;

const torchBatchNorm: Tensors = {
  "bn.weight": vector(1, 2),
  "bn.bias": vector(3, 4),
  "bn.running_mean": vector(5, 6),
  "bn.running_var": vector(7, 8),
  "bn.num_batches_tracked": count(9n),
};

async function checkpoint(
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Checkpoint> {
  return openSafetensors(encodeSafetensors(Object.entries(tensors), { metadata }));
}

async function converted(
  tensors: Tensors,
  options: ConvertOptions,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Conversion> {
  return convert(await checkpoint(tensors, metadata), options);
}

/** The values of every tensor. */
async function valuesOf({ names, tensor: read }: Checkpoint): Promise<Record<string, number[]>> {
  const pairs = names.map(async (name) => [name, Array.from((await read(name)).data, Number)] as const);
  return Object.fromEntries(await Promise.all(pairs));
}

async function refusal(tensors: Tensors, options: unknown): Promise<string> {
  return converted(tensors, options as ConvertOptions).then(
    () => "nothing thrown",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

describe("names and values", () => {
  test.each([
    ["keras", ["bn/beta", "bn/moving_mean", "bn/moving_variance", "bn/gamma"]],
    ["flax", ["params/bn/bias", "batch_stats/bn/mean", "batch_stats/bn/var", "params/bn/scale"]],
    ["onnx", ["bn.B", "bn.input_mean", "bn.input_var", "bn.scale"]],
    ["paddle", ["bn.bias", "bn._mean", "bn._variance", "bn.weight"]],
    ["mlx", ["bn.bias", "bn.running_mean", "bn.running_var", "bn.weight"]],
    ["megengine", ["bn.bias", "bn.running_mean", "bn.running_var", "bn.weight"]],
  ] as const)("PyTorch to %s", async (to, [bias, mean, variance, weight]) => {
    const { tensors, from, changes } = await converted(torchBatchNorm, { to });
    expect(from).toBe("torch");
    expect(await valuesOf(tensors)).toEqual({
      [weight]: [1, 2],
      [bias]: [3, 4],
      [mean]: [5, 6],
      [variance]: [7, 8],
    });
    expect(tensors.entries.get(variance)).toEqual({ dtype: "F32", shape: [2] });
    const renamed = changes.filter(({ change }) => change === "renamed");
    expect(renamed.map(({ from: key }) => key)).toEqual(
      Object.keys(torchBatchNorm).filter((key) => !key.endsWith("tracked") && !tensors.names.includes(key)),
    );
    expect(changes.filter(({ change }) => change !== "renamed")).toEqual([
      { layer: "bn", change: "dropped", from: "bn.num_batches_tracked", detail: "9, kept in the metadata" },
    ]);
  });

  test("the names that a kind has of its own", async () => {
    const pair = (name: string): Tensors => ({ [`${name}.weight`]: vector(1), [`${name}.bias`]: vector(2) });
    const kinds = { ...pair("gn"), ...pair("inorm"), ...pair("ln"), "rms.weight": vector(3) };
    const namesIn = async (to: ConvertOptions["to"]): Promise<readonly string[]> =>
      [...(await converted(kinds, { to })).tensors.names].sort();
    expect(await namesIn("onnx")).toEqual(
      ["gn.bias", "gn.scale", "inorm.B", "inorm.scale", "ln.B", "ln.Scale", "rms.scale"].sort(),
    );
    expect(await namesIn("paddle")).toContain("inorm.scale");
    expect(await namesIn("keras")).toContain("rms/scale");
    expect(await namesIn("megengine")).toContain("rms.weight");
  });

  test("nested names take the target's separator, prefixes stay, and the rest of the file stays", async () => {
    const model = {
      "module.layer1.0.bn.weight": vector(1),
      "module.layer1.0.bn.bias": vector(1),
      "module.layer1.0.conv.weight": tensor(new Float32Array(9), [1, 1, 3, 3]),
    };
    const { tensors, notes } = await converted(model, { to: "flax" });
    expect([...tensors.names].sort()).toEqual([
      "module.layer1.0.conv.weight",
      "params/module/layer1/0/bn/bias",
      "params/module/layer1/0/bn/scale",
    ]);
    expect(notes).toContain(
      "1 other tensor is copied, names and axes as they are; convolutions are OIHW in PyTorch and HWIO in Flax, " +
        "linear layers OI and IO",
    );
  });

  test("an instance norm with running statistics becomes a batch norm, except in PyTorch", async () => {
    const keys = ["weight", "bias", "running_mean", "running_var"];
    const model = Object.fromEntries(keys.map((key) => [`inorm.${key}`, vector(1)]));
    const paddle = await converted(model, { from: "torch", to: "paddle" });
    expect(paddle.configuration[0]).toMatchObject({
      kind: "InstanceNorm",
      type: "paddle.nn.BatchNorm1D/2D/3D",
    });
    expect(paddle.tensors.names).toContain("inorm.weight");
    const torch = await converted(model, { from: "torch", to: "torch" });
    expect(torch.configuration[0].type).toBe("torch.nn.InstanceNorm1d/2d/3d");
  });

  test("PyTorch loads what Keras' numbered variables become", async () => {
    const keras = Object.fromEntries(
      [vector(1, 2), vector(3, 4), vector(5, 6), vector(7, 8)].map((value, index) => [
        `layers/batch_normalization/vars/${index}`,
        value,
      ]),
    );
    const { tensors, changes } = await converted(keras, { to: "torch" });
    const bn = new BatchNorm2d(2);
    const state = new Map<string, TensorLike>();
    for (const name of tensors.names) state.set(name, (await tensors.tensor(name)) as never);
    bn.loadStateDict(state, { prefix: "layers.batch_normalization." });
    expect(Array.from(bn.runningVar?.data ?? [])).toEqual([7, 8]);
    expect(changes.at(-1)).toEqual({
      layer: "layers/batch_normalization",
      change: "added",
      to: "layers.batch_normalization.num_batches_tracked",
      detail: "int64 0",
    });
  });
});

describe("shapes", () => {
  test("MegEngine's (1, C, 1, 1) becomes flat, and MegEngine loads what comes back", async () => {
    const four = (...values: number[]): TensorLike => tensor(Float32Array.from(values), [1, 2, 1, 1]);
    const model = {
      "bn.weight": four(1, 2),
      "bn.bias": four(3, 4),
      "bn.running_mean": four(5, 6),
      "bn.running_var": four(7, 8),
    };
    const { tensors, from, changes } = await converted(model, { to: "torch" });
    expect(from).toBe("megengine");
    const shapes = [...tensors.entries].map(([name, { shape }]) => `${name} [${shape}]`);
    expect(shapes.sort()).toEqual(
      ["bias [2]", "num_batches_tracked []", "running_mean [2]", "running_var [2]", "weight [2]"].map(
        (text) => `bn.${text}`,
      ),
    );
    expect(changes).toContainEqual({
      layer: "bn",
      change: "reshaped",
      from: "bn.weight",
      to: "bn.weight",
      detail: "(1, 2, 1, 1) to (2,)",
    });
    const back = await convert(tensors, { from: "torch", to: "megengine" });
    const bn = new MegEngineBatchNorm2d(2);
    const state = new Map<string, TensorLike>();
    for (const name of back.tensors.names) state.set(name, (await back.tensors.tensor(name)) as never);
    bn.loadStateDict(state, { prefix: "bn." });
    expect(Array.from(bn.runningVar?.data ?? [])).toEqual([7, 8]);
  });

  test("a layer norm keeps its shape, with a word on its axes", async () => {
    const wide = tensor(new Float32Array(6), [2, 3]);
    const { tensors, notes, configuration } = await converted(
      { "ln.weight": wide, "ln.bias": wide },
      { to: "keras" },
    );
    expect(tensors.entries.get("ln/gamma")?.shape).toEqual([2, 3]);
    expect(configuration[0].options).toEqual({ axis: [-2, -1], epsilon: 1e-5 });
    expect(notes.join()).toContain("ln: weight and bias keep the order of their axes");
  });
});

describe("the running variance", () => {
  test("is rescaled by n / (n - 1) or back, rounded once to its dtype, in every float dtype", async () => {
    const { tensors, changes, notes } = await converted(torchBatchNorm, { to: "flax", count: 8 });
    expect((await valuesOf(tensors))["batch_stats/bn/var"]).toEqual(
      [7, 8].map((v) => Math.fround(v * (7 / 8))),
    );
    expect(changes).toContainEqual({
      layer: "bn",
      change: "rescaled",
      from: "bn.running_var",
      to: "batch_stats/bn/var",
      detail: "times 7 / 8",
    });
    expect(notes.join()).toContain("exact only if every batch had that count");
    const back = await convert(tensors, { from: "flax", to: "torch", count: 8 });
    expect((await valuesOf(back.tensors))["bn.running_var"]).toEqual([7, 8]);
    for (const [dtype, bits] of [
      ["float16", 0x4000],
      ["bfloat16", 0x4000],
    ] as const) {
      const half = { data: Uint16Array.of(bits), shape: [1], dtype } as never;
      const halves = { "bn.running_mean": half, "bn.running_var": half };
      const result = await converted(halves, { to: "keras", count: 2 });
      const { data } = await result.tensors.tensor("bn/moving_variance");
      expect([...data].map(Number)).toEqual([dtype === "float16" ? 0x3c00 : 0x3f80]);
    }
  });

  test("by layer, and copied where no count is known, with a word", async () => {
    const two = { ...torchBatchNorm, "b.running_mean": vector(1), "b.running_var": vector(1) };
    const { tensors, notes } = await converted(two, {
      to: "keras",
      count: (layer) => (layer === "bn" ? 2 : undefined),
    });
    const values = await valuesOf(tensors);
    expect(values["bn/moving_variance"]).toEqual([3.5, 4]);
    expect(values["b/moving_variance"]).toEqual([1]);
    expect(notes.join()).toContain(
      "PyTorch divides the running variance by n - 1, Keras by n; it is copied as it is",
    );
  });

  test("is left alone where both divide alike, which is said if a count came", async () => {
    const { tensors, notes } = await converted(torchBatchNorm, { to: "megengine", count: 8 });
    expect((await valuesOf(tensors))["bn.running_var"]).toEqual([7, 8]);
    expect(notes).toContain("the count is not used: both divide the running variance alike");
    expect((await converted(torchBatchNorm, { to: "mlx" })).notes.join()).toContain("before July 2026");
  });

  test("of a dtype that no tensor holds is refused", async () => {
    const eight = { dtype: "F8_E4M3", shape: [1], bytes: () => Uint8Array.of(0x38) } as const;
    const bytes = encodeSafetensors([
      ["bn.running_mean", eight],
      ["bn.running_var", eight],
      ["bn.bias", eight],
    ]);
    const file = await openSafetensors(bytes);
    await expect(convert(file, { to: "keras", count: 4 })).rejects.toThrow(
      "convert: cannot rescale bn.running_var, F8_E4M3 (1,); leave the count away",
    );
    const { tensors } = await convert(file, { to: "keras" });
    expect(await tensors.bytes("bn/moving_variance")).toEqual(Uint8Array.of(0x38));
    await expect(tensors.tensor("bn/moving_variance")).rejects.toThrow("got F8_E4M3; read its raw bytes");
    await expect(tensors.bytes("bn")).rejects.toThrow("expected the name of a tensor, an array [bn/beta");
    await expect(convert(file, { to: "onnx" })).rejects.toThrow("cannot add a tensor of dtype F8_E4M3");
  });
});

describe("the number of batches", () => {
  test("travels in the metadata, also over a third framework", async () => {
    const there = await converted(torchBatchNorm, { to: "keras" }, { a: "b" });
    expect([...there.tensors.metadata]).toEqual([
      ["a", "b"],
      ["evenkeel.num_batches_tracked", '[["bn","9"]]'],
    ]);
    const onwards = await convert(there.tensors, { to: "onnx" });
    const back = await convert(onwards.tensors, { to: "torch" });
    expect([...back.tensors.metadata]).toEqual([["a", "b"]]);
    expect((await valuesOf(back.tensors))["bn.num_batches_tracked"]).toEqual([9]);
    expect(back.changes.at(-1)?.detail).toBe("9, from the metadata");
    expect(back.tensors.entries.get("bn.num_batches_tracked")).toEqual({ dtype: "I64", shape: [] });
  });

  test("of another dtype is dropped", async () => {
    const model = { ...torchBatchNorm, "bn.num_batches_tracked": vector(9) };
    const { tensors, changes } = await converted(model, { from: "torch", to: "keras" });
    expect(changes.at(-1)).toEqual({ layer: "bn", change: "dropped", from: "bn.num_batches_tracked" });
    expect(tensors.metadata.size).toBe(0);
    const same = await converted(model, { from: "torch", to: "torch" });
    expect((await valuesOf(same.tensors))["bn.num_batches_tracked"]).toEqual([0]);
  });

  test.each([
    "{",
    "{}",
    '["bn"]',
    '[["bn",9]]',
    '[["bn","-9"]]',
    '[[1,"9"]]',
    '[["bn","99999999999999999999"]]',
  ])("malformed metadata %s counts for nothing", async (text) => {
    const model = { "bn/gamma": vector(1), "bn/moving_mean": vector(1), "bn/moving_variance": vector(1) };
    const { tensors, notes } = await converted(
      model,
      { to: "torch" },
      { "evenkeel.num_batches_tracked": text },
    );
    expect((await valuesOf(tensors))["bn.num_batches_tracked"]).toEqual([0]);
    expect(notes).toContain("the numbers of batches in the metadata are malformed and are left out");
  });

  test("missing in PyTorch: a word on FrozenBatchNorm2d, 0 for PyTorch", async () => {
    const { "bn.num_batches_tracked": _, ...frozen } = torchBatchNorm;
    const { tensors, notes } = await converted(frozen, { from: "torch", to: "torch" });
    expect((await valuesOf(tensors))["bn.num_batches_tracked"]).toEqual([0]);
    expect(notes.join()).toContain("bn: no num_batches_tracked; if this is torchvision's FrozenBatchNorm2d");
  });
});

describe("what a layer lacks", () => {
  test("scale=False of Keras: ones for frameworks that have both or neither", async () => {
    const model = {
      "bn/beta": vector(3, 4),
      "bn/moving_mean": vector(5, 6),
      "bn/moving_variance": vector(7, 8),
    };
    const { tensors, changes } = await converted(model, { to: "torch" });
    expect((await valuesOf(tensors))["bn.weight"]).toEqual([1, 1]);
    expect(changes).toContainEqual({ layer: "bn", change: "added", to: "bn.weight", detail: "ones" });
    const flax = await converted(model, { to: "flax" });
    expect(flax.tensors.names).toHaveLength(3);
    expect(flax.configuration[0].options).toMatchObject({ use_scale: false });
    const without = await converted(
      { "bn/gamma": vector(3, 4), "bn/moving_mean": vector(5, 6), "bn/moving_variance": vector(7, 8) },
      { to: "mlx" },
    );
    expect((await valuesOf(without.tensors))["bn.bias"]).toEqual([0, 0]);
    const group = await converted({ "group_normalization/gamma": vector(1) }, { to: "torch" });
    expect(group.tensors.names).toEqual(["group_normalization.weight"]);
    expect(group.notes.join()).toContain(
      "group_normalization: weight or bias alone; PyTorch has both or neither",
    );
  });
});

describe("refusals", () => {
  const keras = { "k/gamma": vector(1), "k/beta": vector(1) };

  test("options", async () => {
    expect(await refusal(torchBatchNorm, undefined)).toContain("TypeError: convert: expected options");
    expect(await refusal(torchBatchNorm, { to: "tf" })).toBe(
      'RangeError: convert: expected to to be one of torch, keras, flax, onnx, paddle, mlx, megengine, got "tf"',
    );
    expect(await refusal(torchBatchNorm, { to: "torch", from: "tf" })).toContain(
      "expected from to be auto or one of",
    );
    for (const bad of [1, 0, 2.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(await refusal(torchBatchNorm, { to: "keras", count: bad })).toBe(
        `RangeError: convert: layer "bn": expected a count of 2 or more values per channel, got ${bad}`,
      );
    }
    expect(await refusal(torchBatchNorm, { to: "keras", count: "8" })).toContain(
      "TypeError: convert: expected count",
    );
    expect(await refusal(torchBatchNorm, { to: "keras", eps: "8" })).toContain(
      "TypeError: convert: expected eps",
    );
    expect(await refusal(torchBatchNorm, { to: "keras", eps: -1 })).toContain(
      "expected eps to be 0 or more, got -1",
    );
    expect(await refusal(torchBatchNorm, { to: "keras", momentum: Number.NaN })).toContain(
      "expected momentum",
    );
  });

  test("no layer of the convention, with what there is", async () => {
    expect(await refusal({ "conv.bias": vector(1) }, { to: "torch" })).toBe(
      "RangeError: convert: expected a checkpoint with normalization layers, found none by their names",
    );
    expect(await refusal(keras, { from: "torch", to: "mlx" })).toBe(
      "RangeError: convert: expected a normalization layer with PyTorch's names (weight, bias, running_mean, " +
        "running_var, num_batches_tracked), found none; k has Keras's",
    );
    expect(await refusal({ "conv.bias": vector(1) }, { from: "torch", to: "mlx" })).toMatch(/found none$/);
  });

  test("two conventions in one file, unless one is asked for", async () => {
    const mixed = { ...torchBatchNorm, ...keras };
    expect(await refusal(mixed, { to: "mlx" })).toBe(
      "RangeError: convert: expected one convention, got PyTorch's (bn) and Keras's (k); say which to convert from",
    );
    const { tensors, notes } = await converted(mixed, { from: "torch", to: "onnx" });
    expect(tensors.names).toContain("k/gamma");
    expect(notes).toContain("k: left as it is, with Keras's names");
  });

  test("two tensors of one name", async () => {
    expect(await refusal({ ...torchBatchNorm, "bn.scale": vector(1) }, { to: "onnx" })).toMatch(
      /^RangeError: convert: expected different names, got "bn.scale" for bn.(scale|weight) and for bn.(scale|weight)$/,
    );
  });

  test("tensors of one layer of two sizes", async () => {
    expect(await refusal({ ...torchBatchNorm, "bn.running_var": vector(1, 2, 3) }, { to: "onnx" })).toBe(
      'RangeError: convert: layer "bn": expected tensors of one size, got 2 and 3 elements',
    );
  });
});

describe("notes", () => {
  test("a vector that may be no normalization's stays", async () => {
    const { tensors, notes } = await converted(
      { ...torchBatchNorm, "loss.weight": vector(1) },
      { to: "keras" },
    );
    expect(tensors.names).toContain("loss.weight");
    expect(notes.join()).toContain("loss.weight: left as it is; a vector alone");
  });

  test("the reason says who else would write these names", async () => {
    const pair = { "ln.weight": vector(1), "ln.bias": vector(1) };
    expect((await converted(pair, { to: "keras" })).reason).toBe(
      "its names are weight, bias, which Paddle, MLX, MegEngine would write too",
    );
    expect((await converted(torchBatchNorm, { to: "keras" })).reason).not.toContain("would write too");
    expect((await converted(pair, { from: "mlx", to: "keras" })).reason).toBe("as asked");
  });

  test("what the target has no word for", async () => {
    const wide = tensor(new Float32Array(6), [2, 3]);
    const model = {
      "gn.weight": vector(1),
      "gn.bias": vector(1),
      "rms.weight": vector(1),
      "ln.weight": vector(1),
      "ln2.weight": wide,
      "ln2.bias": wide,
      "inorm.running_mean": vector(1),
      "inorm.running_var": vector(1),
      "bn1.running_mean": vector(1),
      "bn1.running_var": vector(1),
      "bn2.running_mean": vector(1),
      "bn2.running_var": vector(1),
      "bn3.running_mean": vector(1),
      "bn3.running_var": vector(1),
    };
    const metadata = { format: "pt" };
    const options = { from: "torch", momentum: null } as const;
    const megengine = (await converted(model, { ...options, to: "megengine" }, metadata)).notes.join("\n");
    expect(megengine).toContain("gn: the file does not say the number of groups");
    expect(megengine).toContain("MegEngine has no RMSNorm");
    expect(megengine).toContain("ln: MegEngine's LayerNorm always has a bias");
    expect(megengine).toContain(
      "inorm: an instance norm with running statistics, which MegEngine does not have",
    );
    expect(megengine).toContain("MegEngine has no cumulative average");
    expect(megengine).toContain("bn1 and 3 more: no num_batches_tracked");
    expect(megengine).toContain("the metadata still says format: pt");
    const mlx = (await converted(model, { ...options, to: "mlx" })).notes.join("\n");
    expect(mlx).toContain("ln2: MLX normalizes the last axis only");
  });
});

test("the converted checkpoint can be written, and closes its source", async () => {
  let closed = 0;
  const source = await checkpoint(torchBatchNorm);
  const { tensors } = await convert({ ...source, close: async () => void closed++ }, { to: "keras" });
  const parts = lazyTensors(tensors);
  expect([...parts].map(([name]) => name)).toEqual(tensors.names);
  await tensors.close();
  expect(closed).toBe(1);
});
