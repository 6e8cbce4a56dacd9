import { readNpy, readSafetensors } from "../../src/checkpoints/index.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  GroupNorm,
  InstanceNorm2d,
  type Layer,
  LayerNorm,
  type StateDictLike,
  Tensor,
} from "../../src/index.ts";
import { float64Of, plainConv, plainLinear, relu } from "../plainNetwork.ts";

/** The checkpoint of the digits network. */
export const digitsModel = "examples/digits/model.safetensors";

/** The pairs of the digits network that fold, by reading make.py. */
export const digitsPairs: readonly string[] = ["stem:bn1", "conv4:bn2", "fc1:bn3"];

/** The first held-out images, (64, 1, 8, 8) in [0, 1]. */
export async function digitsImages(count = 64): Promise<Tensor<"float64">> {
  const { data } = await readNpy("tests/fixtures/digits/images.npy");
  return new Tensor(
    "float64",
    [count, 1, 8, 8],
    Float64Array.from(data.subarray(0, count * 64) as Uint8Array, (v) => v / 16),
  );
}

/** What PyTorch gave for them in eval mode, float32. */
export async function digitsLogits(count = 64): Promise<Float64Array> {
  const logits = (await readSafetensors("examples/digits/eval.safetensors")).get("logits");
  return Float64Array.from((logits as Tensor).data.subarray(0, count * 10));
}

type State = ReadonlyMap<string, Tensor>;

/**
 * The logits of make.py's network in eval mode, in float64: with Evenkeel's norms, and with a norm left out where the
 * state holds none of its tensors.
 */
export function digitsForward(state: State, images: Tensor<"float64">): Tensor<"float64"> {
  const norm = (name: string, layer: Layer, x: Tensor<"float64">): Tensor<"float64"> => {
    if (!state.has(`${name}.weight`)) return x;
    layer.loadStateDict(state as StateDictLike, { prefix: `${name}.` });
    return layer.eval().forward(x) as Tensor<"float64">;
  };
  const conv = (name: string, x: Tensor<"float64">, padding = 1, stride = 1): Tensor<"float64"> =>
    plainConv(x, take(state, `${name}.weight`), state.get(`${name}.bias`) ?? null, { padding, stride });
  const linear = (name: string, x: Tensor<"float64">): Tensor<"float64"> =>
    plainLinear(x, take(state, `${name}.weight`), state.get(`${name}.bias`) ?? null);
  const dtype = "float64";
  let x = relu(norm("bn1", new BatchNorm2d(16, { dtype }), conv("stem", images)));
  x = relu(norm("gn", new GroupNorm(8, 32, { dtype }), conv("conv2", x, 1, 2)));
  const tracking = { affine: true, trackRunningStats: true, dtype } as const;
  x = relu(norm("inorm", new InstanceNorm2d(32, tracking), conv("conv3", x)));
  x = relu(norm("bn2", new BatchNorm2d(32, { dtype }), conv("conv4", x)));
  x = spatialMean(norm("ln", new LayerNorm([32, 4, 4], { dtype }), x));
  return linear("fc2", relu(norm("bn3", new BatchNorm1d(64, { eps: 1e-3, dtype }), linear("fc1", x))));
}

function take(state: State, key: string): Tensor {
  const found = state.get(key);
  if (found === undefined) throw new Error(`no ${key}`);
  return found;
}

/** Mean over all axes but the first two. */
function spatialMean(x: Tensor<"float64">): Tensor<"float64"> {
  const [samples, channels, ...field] = x.shape;
  const size = field.reduce((product, extent) => product * extent, 1);
  const means = Float64Array.from({ length: samples * channels }, (_, row) => {
    return x.data.subarray(row * size, (row + 1) * size).reduce((sum, value) => sum + value, 0) / size;
  });
  return new Tensor("float64", [samples, channels], means);
}

/** A state of every tensor as float64, but for the counts. */
export function float64State(state: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...state].map(([key, value]) => [key, key.endsWith("tracked") ? value : float64Of(value)]));
}
