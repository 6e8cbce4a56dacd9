import type * as Evenkeel from "../src/index.ts";
import { type Case, eps, momentum, parametersOf } from "./cases.ts";
import type { Inputs, Results } from "./inputs.ts";

/** The public API. */
export type Library = typeof Evenkeel;
type Layer = InstanceType<
  | typeof Evenkeel.BatchNorm1d
  | typeof Evenkeel.BatchNorm2d
  | typeof Evenkeel.InstanceNorm2d
  | typeof Evenkeel.GroupNorm
  | typeof Evenkeel.LayerNorm
  | typeof Evenkeel.RMSNorm
>;
type Tensor = Evenkeel.Tensor<"float32">;

/** Chooses backend and threads as the command line asks; null leaves the library's default. */
export function configure(library: Library, backend: string | null, threads: number): void {
  if (backend !== null) library.setBackend(backend as Evenkeel.BackendName);
  library.setThreads(threads);
}

/** A case ready to be called, its memory allocated. */
export interface PreparedCase {
  /** Forward, and backward where the case has one; results go where the last ones went. */
  readonly call: () => void;
  /** What one call from the initial state gives. */
  readonly results: () => Results;
}

/** Makes the tensor that holds an array; this decides whose memory it lives in. */
export type Place = (values: Float32Array, shape: readonly number[]) => Tensor;

/** Tensors in the kernels' own memory. */
export function inPool(library: Library): Place {
  return (values, shape) => {
    const placed = library.empty(shape);
    placed.data.set(values);
    return placed;
  };
}

/** Tensors around plain typed arrays. */
export function inPlainArrays(library: Library): Place {
  return (values, shape) => library.tensor(values, shape);
}

/** A layer with the case's parameters and statistics, and the call that is timed. */
export function prepareCase(
  library: Library,
  c: Case,
  inputs: Inputs,
  place: Place,
  backend?: string,
): PreparedCase {
  const layer = layerOf(library, c, backend);
  layer.weight?.data.set(inputs.weight);
  layer.bias?.data.set(inputs.bias);
  const running = "runningMean" in layer ? layer : null;
  running?.runningMean?.data.set(inputs.runningMean);
  running?.runningVar?.data.set(inputs.runningVar);
  if (c.mode === "eval") layer.eval();
  const x = place(inputs.x, c.shape);
  const y = place(new Float32Array(inputs.x.length), c.shape);
  if (c.mode !== "forward+backward") {
    return {
      call: () => void layer.forward(x, { out: y }),
      results: () => {
        layer.forward(x, { out: y });
        return { y: y.data, ...(c.mode === "train" && runningOf(running)) };
      },
    };
  }
  const dy = place(inputs.dy, c.shape);
  const dx = place(new Float32Array(inputs.x.length), c.shape);
  const call = () => {
    layer.forward(x, { out: y });
    layer.zeroGrad();
    layer.backward(dy, { out: dx });
  };
  return {
    call,
    results: () => {
      call();
      const gradients = { dWeight: layer.weight?.grad, ...(layer.bias && { dBias: layer.bias.grad }) };
      return { y: y.data, dx: dx.data, ...gradients, ...runningOf(running) } as Results;
    },
  };
}

function layerOf(library: Library, c: Case, backend?: string): Layer {
  const count = parametersOf(c);
  const options = { eps, ...(backend !== undefined && { backend: backend as Evenkeel.BackendName }) };
  const channels = { ...options, layout: c.layout };
  switch (c.layer) {
    case "BatchNorm1d":
      return new library.BatchNorm1d(count, { ...channels, momentum });
    case "BatchNorm2d":
      return new library.BatchNorm2d(count, { ...channels, momentum });
    case "InstanceNorm2d":
      return new library.InstanceNorm2d(count, { ...channels, affine: true });
    case "GroupNorm":
      return new library.GroupNorm(c.groups ?? 1, count, channels);
    case "LayerNorm":
      return new library.LayerNorm(count, options);
    case "RMSNorm":
      return new library.RMSNorm(count, options);
  }
}

function runningOf(
  layer: { runningMean: { data: unknown } | null; runningVar: { data: unknown } | null } | null,
): Results {
  if (!layer?.runningMean || !layer.runningVar) return {};
  return { runningMean: layer.runningMean.data, runningVar: layer.runningVar.data } as Results;
}
