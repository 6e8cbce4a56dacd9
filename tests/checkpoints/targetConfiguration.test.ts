import { describe, expect, test } from "vitest";
import {
  type Convention,
  type ConvertOptions,
  conventions,
  convert,
  encodeSafetensors,
  type LayerConfiguration,
  type NormKind,
  openSafetensors,
} from "../../src/checkpoints/index.ts";
import { tensor } from "../../src/tensor/tensor.ts";

const vector = tensor(new Float32Array(4), [4]);

function keysOf(name: string, keys: string): [string, typeof vector][] {
  return keys.split(" ").map((key) => [`${name}.${key}`, vector]);
}

const affine = "weight bias";
const statistics = "running_mean running_var";

const layers: { readonly [Kind in NormKind]: [string, typeof vector][] } = {
  BatchNorm: keysOf("bn", `${affine} ${statistics}`),
  InstanceNorm: keysOf("inorm", affine),
  GroupNorm: keysOf("gn", affine),
  LayerNorm: keysOf("ln", affine),
  RMSNorm: keysOf("rms", "weight"),
};

async function configure(
  tensors: readonly (readonly [string, typeof vector])[],
  options: ConvertOptions,
): Promise<LayerConfiguration> {
  const file = await openSafetensors(encodeSafetensors(tensors));
  const { configuration } = await convert(file, options);
  return configuration[0];
}

/** What PyTorch's layer with its defaults is elsewhere. */
const expected: { readonly [Kind in NormKind]: { readonly [Name in Convention]: object } } = {
  BatchNorm: {
    torch: { num_features: 4, momentum: 0.1, eps: 1e-5 },
    megengine: { num_features: 4, momentum: 0.9, eps: 1e-5 },
    keras: { axis: -1, momentum: 0.9, epsilon: 1e-5 },
    flax: { axis: -1, momentum: 0.9, epsilon: 1e-5 },
    onnx: { momentum: 0.9, epsilon: 1e-5 },
    paddle: { num_features: 4, momentum: 0.9, epsilon: 1e-5 },
    mlx: { num_features: 4, momentum: 0.1, eps: 1e-5 },
  },
  InstanceNorm: {
    torch: { num_features: 4, affine: true, track_running_stats: false, eps: 1e-5 },
    megengine: { num_channels: 4, eps: 1e-5 },
    keras: { groups: -1, axis: -1, epsilon: 1e-5 },
    flax: { epsilon: 1e-5 },
    onnx: { epsilon: 1e-5 },
    paddle: { num_features: 4, epsilon: 1e-5 },
    mlx: { dims: 4, affine: true, eps: 1e-5 },
  },
  GroupNorm: {
    torch: { num_groups: null, num_channels: 4, eps: 1e-5 },
    megengine: { num_groups: null, num_channels: 4, eps: 1e-5 },
    keras: { groups: null, axis: -1, epsilon: 1e-5 },
    flax: { num_groups: null, epsilon: 1e-5 },
    onnx: { num_groups: null, epsilon: 1e-5 },
    paddle: { num_groups: null, num_channels: 4, epsilon: 1e-5 },
    mlx: { num_groups: null, dims: 4, pytorch_compatible: true, eps: 1e-5 },
  },
  LayerNorm: {
    torch: { normalized_shape: [4], eps: 1e-5 },
    megengine: { normalized_shape: [4], eps: 1e-5 },
    keras: { axis: -1, epsilon: 1e-5 },
    flax: { epsilon: 1e-5 },
    onnx: { axis: -1, epsilon: 1e-5 },
    paddle: { normalized_shape: [4], epsilon: 1e-5 },
    mlx: { dims: 4, eps: 1e-5 },
  },
  RMSNorm: {
    torch: { normalized_shape: [4], eps: null },
    megengine: { normalized_shape: [4], eps: 2 ** -23 },
    keras: { axis: -1, epsilon: 2 ** -23 },
    flax: { epsilon: 2 ** -23 },
    onnx: { axis: -1, epsilon: 2 ** -23 },
    paddle: { normalized_shape: [4], epsilon: 2 ** -23 },
    mlx: { dims: 4, eps: 2 ** -23 },
  },
};

describe("what each framework's layer must be made with", () => {
  test.each(Object.keys(layers) as NormKind[])("%s", async (kind) => {
    for (const to of Object.keys(conventions) as Convention[]) {
      const { options, kind: told } = await configure(layers[kind], { from: "torch", to });
      expect([to, told, options]).toEqual([to, kind, expected[kind][to]]);
    }
  });

  test("what differs from the target's default is told with the default", async () => {
    const keras = await configure(layers.BatchNorm, { to: "keras" });
    expect(keras).toMatchObject({
      layer: "bn",
      kindBy: "name",
      type: "keras.layers.BatchNormalization",
      defaults: { momentum: 0.99, epsilon: 1e-3 },
    });
    expect((await configure(layers.BatchNorm, { to: "megengine" })).defaults).toEqual({});
    expect((await configure(layers.LayerNorm, { to: "flax" })).defaults).toEqual({ epsilon: 1e-6 });
    expect((await configure(layers.RMSNorm, { to: "megengine" })).type).toBeNull();
  });

  test("eps and momentum given, for all layers or by layer", async () => {
    const given = { to: "keras", eps: 1e-3, momentum: 0.01 } as const;
    expect((await configure(layers.BatchNorm, given)).options).toEqual({
      axis: -1,
      momentum: 0.99,
      epsilon: 1e-3,
    });
    const byLayer = {
      to: "torch",
      from: "mlx",
      eps: (name: string) => (name === "bn" ? 0 : undefined),
    } as const;
    expect((await configure(layers.BatchNorm, byLayer)).options).toMatchObject({ eps: 0, momentum: 0.1 });
    expect((await configure(layers.LayerNorm, byLayer)).options).toMatchObject({ eps: 1e-5 });
    expect((await configure(layers.BatchNorm, { to: "torch", momentum: null })).options).toMatchObject({
      momentum: null,
    });
  });

  test("momentum changes its direction without binary noise", async () => {
    const keras = keysOf("bn", "gamma beta moving_mean moving_variance");
    const { options } = await configure(keras, { to: "torch" });
    expect(options).toMatchObject({ momentum: 0.01, eps: 1e-3 });
  });

  test("MegEngine has no RMS norm whose eps could be known", async () => {
    expect((await configure(layers.RMSNorm, { from: "megengine", to: "torch" })).options).toEqual({
      normalized_shape: [4],
    });
  });

  test("a float64 layer's machine epsilon is float64's", async () => {
    const rms = { "rms.weight": tensor(new Float64Array(4), [4]) };
    const file = await openSafetensors(encodeSafetensors(Object.entries(rms)));
    const { configuration } = await convert(file, { to: "keras" });
    expect(configuration[0].options).toMatchObject({ epsilon: Number.EPSILON });
  });

  test.each<[Convention, object]>([
    ["torch", { affine: false }],
    ["keras", { scale: false, center: false }],
    ["flax", { use_scale: false, use_bias: false }],
    ["paddle", { weight_attr: false, bias_attr: false }],
    ["onnx", {}],
    ["mlx", { affine: false }],
  ])("no parameters in %s", async (to, options) => {
    const bare = await configure(keysOf("bn", statistics), { from: "torch", to });
    expect(bare.options).toMatchObject(options);
  });

  test.each<[Convention, object]>([
    ["torch", { bias: false }],
    ["keras", { center: false }],
    ["flax", { use_bias: false }],
    ["paddle", { bias_attr: false }],
    ["mlx", { bias: false }],
  ])("no bias in a layer norm of %s", async (to, options) => {
    expect((await configure(keysOf("ln", "weight"), { from: "torch", to })).options).toMatchObject(options);
  });

  test("a tracking instance norm in PyTorch", async () => {
    const tracking = keysOf("inorm", statistics);
    expect((await configure(tracking, { from: "torch", to: "torch", momentum: 0.2 })).options).toEqual({
      num_features: 4,
      track_running_stats: true,
      affine: false,
      momentum: 0.2,
      eps: 1e-5,
    });
  });
});
