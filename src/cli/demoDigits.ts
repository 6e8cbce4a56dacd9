import { readFile } from "node:fs/promises";
import { readSafetensors } from "../checkpoints/index.ts";
import {
  type BackendName,
  BatchNorm1d,
  BatchNorm2d,
  GroupNorm,
  InstanceNorm2d,
  type Layer,
  LayerNorm,
  Tensor,
} from "../index.ts";
import { RunningNorm } from "../layers/runningNorm.ts";
import { type Closeness, closenessOf, largestMagnitude } from "./closeness.ts";

/**
 * Bound on every difference, in float32 units in the last place of the scale. PyTorch rounds its float32 arithmetic
 * a few times, and its sums follow their terms' magnitude; the reference rounds once, the kernels as PyTorch does.
 */
export const ulpBounds: Readonly<Record<BackendName, number>> = { reference: 2, wasm: 4 };

/** One line of the demo's table. */
export interface DemoRow {
  readonly layer: string;
  readonly module: string;
  readonly mode: "eval" | "train";
  readonly shape: readonly number[];
  /** Distance to PyTorch of each result that the layer has. */
  readonly distances: Readonly<Partial<Record<DemoQuantity, Closeness>>>;
}

/** The results that the demo compares. */
export const demoQuantities = ["y", "dx", "dWeight", "dBias", "runningMean", "runningVar"] as const;

type DemoQuantity = (typeof demoQuantities)[number];

type Recording = Map<string, Tensor>;

const makers: Readonly<Record<string, () => Layer>> = {
  bn1: () => new BatchNorm2d(16),
  gn: () => new GroupNorm(8, 32),
  inorm: () => new InstanceNorm2d(32, { affine: true, trackRunningStats: true }),
  bn2: () => new BatchNorm2d(32, { momentum: null }),
  ln: () => new LayerNorm([32, 4, 4]),
  bn3: () => new BatchNorm1d(64, { eps: 1e-3, momentum: 0.01 }),
};

/**
 * Runs each normalization layer of the digits checkpoint on what it saw in PyTorch, in eval and in a training step,
 * forward and backward.
 *
 * @param folder where model, eval and train-step.safetensors and layers.json are
 * @throws RangeError if a recording lacks a tensor or a layer is not the one that was recorded
 */
export async function digitsRows(folder: URL): Promise<DemoRow[]> {
  const recording = async (name: string): Promise<Recording> =>
    (await readSafetensors(new URL(name, folder))) as Recording;
  const model = await recording("model.safetensors");
  const evaluated = await recording("eval.safetensors");
  const trained = await recording("train-step.safetensors");
  const described = JSON.parse(await readFile(new URL("layers.json", folder), "utf8")) as Record<
    string,
    { repr: string }
  >;
  return Object.entries(makers).flatMap(([name, make]) => {
    const layer = make();
    layer.loadStateDict(model, { prefix: `${name}.` });
    if (String(layer) !== described[name].repr) {
      throw new RangeError(`demo: ${name} was recorded as ${described[name].repr}, got ${layer}`);
    }
    return [evalRow(name, layer, evaluated), trainRow(name, layer, trained)];
  });
}

function evalRow(name: string, layer: Layer, recorded: Recording): DemoRow {
  const x = take(recorded, `${name}.input`);
  const y = layer.eval().forward(x);
  const distances = { y: closenessOf(y.data, take(recorded, `${name}.output`).data) };
  return { layer: name, module: String(layer), mode: "eval", shape: x.shape, distances };
}

function trainRow(name: string, layer: Layer, recorded: Recording): DemoRow {
  const x = take(recorded, `${name}.input`);
  const dy = take(recorded, `${name}.grad_output`);
  const scales = termMagnitudes(makers[name](), x, dy);
  const y = layer.train().forward(x);
  const dx = layer.backward(dy);
  const distances: DemoRow["distances"] = {
    y: closenessOf(y.data, take(recorded, `${name}.output`).data),
    dx: closenessOf(dx.data, take(recorded, `${name}.grad_input`).data),
    dWeight: closenessOf(
      layer.weight?.grad ?? [],
      take(recorded, `${name}.weight.grad`).data,
      scales.dWeight,
    ),
    dBias: closenessOf(layer.bias?.grad ?? [], take(recorded, `${name}.bias.grad`).data, scales.dBias),
  };
  if (layer instanceof RunningNorm && layer.runningMean && layer.runningVar) {
    const after = (statistic: string): Tensor["data"] => take(recorded, `${name}.${statistic}.after`).data;
    const count = Number(after("num_batches_tracked")[0]);
    if (layer.numBatchesTracked !== count) {
      throw new RangeError(`demo: ${name} counted ${layer.numBatchesTracked} batches, PyTorch ${count}`);
    }
    Object.assign(distances, {
      runningMean: closenessOf(layer.runningMean.data, after("running_mean")),
      runningVar: closenessOf(layer.runningVar.data, after("running_var")),
    });
  }
  return { layer: name, module: String(layer), mode: "train", shape: x.shape, distances };
}

/**
 * Largest sum |dy * xhat| and sum |dy| of a parameter: the magnitude that the rounding of the gradients' sums follows.
 *
 * @param plain the layer as constructed, with weight 1 and bias 0, so that its output is xhat
 */
function termMagnitudes(
  plain: Layer,
  x: Tensor,
  dy: Tensor,
): { readonly dWeight: number; readonly dBias: number } {
  const xhat = plain.forward(x);
  const magnitude = new Tensor("float32", dy.shape, (dy.data as Float32Array).map(Math.abs));
  plain.backward(magnitude);
  const dBias = largestMagnitude(plain.bias?.grad ?? []);
  plain.zeroGrad();
  const aligned = (magnitude.data as Float32Array).map((value, i) => value * Math.sign(xhat.data[i]));
  plain.backward(new Tensor("float32", dy.shape, aligned));
  return { dWeight: largestMagnitude(plain.weight?.grad ?? []), dBias };
}

function take(recorded: Recording, key: string): Tensor {
  const found = recorded.get(key);
  if (found === undefined) throw new RangeError(`demo: the recording holds no ${key}`);
  return found;
}
