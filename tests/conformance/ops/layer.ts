import type { Layer, StateDict, Tensor } from "../../../src/index.ts";
import { RunningNorm } from "../../../src/layers/runningNorm.ts";
import { type CaseView, cast, decode, type Outputs } from "../schema.ts";

const stateKeys = {
  weight: "weight",
  bias: "bias",
  runningMean: "running_mean",
  runningVar: "running_var",
  numBatchesTracked: "num_batches_tracked",
} as const;

/** Puts the case's parameters and statistics into a layer, as a checkpoint would. */
export function loadInputs(layer: Layer, view: CaseView): void {
  const dict: StateDict = {};
  for (const [input, key] of Object.entries(stateKeys)) {
    const value = view.input(input);
    if (value === undefined) continue;
    dict[key] = key === "num_batches_tracked" ? cast(value, "int64") : value;
  }
  if (Object.keys(dict).length > 0) layer.loadStateDict(dict, { strict: false });
}

/** Runs a layer on the case's input, or through its steps: each step's outputs under `step.name`. */
export function runLayer(layer: Layer, view: CaseView): Outputs {
  loadInputs(layer, view);
  const { steps } = view.case;
  if (steps === undefined) {
    layer.train(view.attribute("training", true));
    const x = view.input("x");
    if (x === undefined) return {};
    if (view.attribute("applyTwice", false))
      return outputsOf(layer, layer.forward(x), view.input("gradOutput"));
    return outputsOf(layer, x, view.input("gradOutput"));
  }
  const outputs: Outputs = {};
  steps.forEach((step, index) => {
    layer.zeroGrad();
    let result: Outputs = {};
    if (step.action === "reset" && layer instanceof RunningNorm) {
      layer.resetRunningStats();
      result = stateOf(layer);
    } else {
      layer.train(step.action === "train");
      const [x, dy] = [step.inputs?.x, step.inputs?.gradOutput];
      if (x) result = outputsOf(layer, decode(x, view.dtype), dy && decode(dy, view.dtype));
    }
    for (const [name, value] of Object.entries(result)) outputs[`${index}.${name}`] = value;
  });
  return outputs;
}

/** Gradients under the suites' names. */
export function gradientOutputs(gradients: {
  readonly dx: Tensor;
  readonly dWeight: Tensor | null;
  readonly dBias: Tensor | null;
}): Outputs {
  const { dx, dWeight, dBias } = gradients;
  return {
    gradInput: dx,
    ...(dWeight ? { gradWeight: dWeight } : {}),
    ...(dBias ? { gradBias: dBias } : {}),
  };
}

function outputsOf(layer: Layer, x: Tensor, dy: Tensor | undefined): Outputs {
  const y = layer.forward(x);
  const outputs: Outputs = { y, loss: { shape: [], data: [mean(y.data)] } };
  if (dy) outputs.gradInput = layer.backward(dy);
  for (const [name, parameter] of [
    ["gradWeight", layer.weight],
    ["gradBias", layer.bias],
  ] as const) {
    if (parameter?.grad) outputs[name] = { shape: parameter.shape, data: parameter.grad };
  }
  return { ...outputs, ...stateOf(layer) };
}

function stateOf(layer: Layer): Outputs {
  if (!(layer instanceof RunningNorm) || !layer.runningMean || !layer.runningVar) return {};
  return {
    runningMean: { shape: layer.runningMean.shape, data: layer.runningMean.data.slice() },
    runningVar: { shape: layer.runningVar.shape, data: layer.runningVar.data.slice() },
    numBatchesTracked: { shape: [], data: [layer.numBatchesTracked] },
  };
}

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}
