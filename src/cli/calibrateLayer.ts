import { bytesOf } from "../checkpoints/bytes.ts";
import { checkpointOf } from "../checkpoints/convertedCheckpoint.ts";
import {
  type CalibrateMethod,
  type Checkpoint,
  findNormLayers,
  lazyTensors,
  type NormLayer,
} from "../checkpoints/index.ts";
import { tensorDType } from "../checkpoints/safetensorsHeader.ts";
import { type FloatType, type Layout, Tensor } from "../index.ts";
import { RunningNorm } from "../layers/runningNorm.ts";
import { castArray, toFloat64 } from "../tensor/cast.ts";
import { isFloatType } from "../tensor/dtype.ts";
import { layerFromCheckpoint } from "./layerFromCheckpoint.ts";

/** What `evenkeel calibrate` is told. */
export interface CalibrateFlags {
  readonly model: string;
  readonly layer: string;
  readonly data: readonly string[];
  readonly output?: string;
  readonly method: CalibrateMethod;
  readonly batch?: number;
  readonly momentum?: number;
  readonly ddof: number;
  readonly type?: string;
  readonly layout: Layout;
  readonly state?: string;
  readonly saveEvery: number;
  readonly json?: boolean;
  readonly mpi?: boolean;
}

/** A layer, and its place in the checkpoint. */
export interface FoundLayer {
  readonly layer: RunningNorm;
  readonly norm: NormLayer;
}

/**
 * The layer of a checkpoint that the flags name.
 *
 * @param shape of its input
 * @throws RangeError if there is none with running statistics
 */
export async function layerOf(
  model: Checkpoint,
  { layer: name, type, layout }: CalibrateFlags,
  shape: readonly number[],
): Promise<FoundLayer> {
  const norms = findNormLayers(model).filter(
    ({ keys }) => keys.runningMean !== undefined && keys.runningVar !== undefined,
  );
  const norm = norms.find((each) => each.name === name);
  if (norm === undefined) {
    const names = norms.map((each) => each.name).join(", ");
    throw new RangeError(
      `calibrate: no layer ${JSON.stringify(name)} with running statistics in the checkpoint; it holds ${names || "none"}`,
    );
  }
  const stored = model.entries.get(norm.keys.runningMean as string)?.dtype;
  const dtype = stored === undefined ? undefined : tensorDType(stored);
  if (dtype === undefined || !isFloatType(dtype)) {
    throw new RangeError(`calibrate: expected statistics of F64, F32, F16 or BF16, got ${stored}`);
  }
  const dimensions = Math.max(1, shape.length - 2);
  const flags = { type: type ?? `${norm.kind}${dimensions}d`, layout, dtype };
  const layer = await layerFromCheckpoint(
    model,
    name,
    new Tensor("float32", shape, new Float32Array(0)),
    flags,
    true,
  );
  if (layer instanceof RunningNorm) return { layer, norm };
  throw new RangeError(`calibrate: expected a type with running statistics, got ${layer.name}`);
}

/** Running statistics as float64 numbers. */
export interface Statistics {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** A copy of a layer's running statistics. */
export function statisticsOf({ runningMean, runningVar }: RunningNorm): Statistics {
  const values = (tensor: Tensor | null): Float64Array =>
    tensor === null ? new Float64Array(0) : toFloat64(tensor.data, tensor.dtype).slice();
  return { mean: values(runningMean), variance: values(runningVar) };
}

/** The checkpoint with the layer's statistics and count in place of its own. */
export function withStatistics(model: Checkpoint, layer: RunningNorm, { keys }: NormLayer): Checkpoint {
  const tensors = new Map(lazyTensors(model));
  const put = (key: string | undefined, values: Tensor | null): void => {
    const old = key === undefined ? undefined : tensors.get(key);
    if (key === undefined || old === undefined || values === null) return;
    const dtype = tensorDType(old.dtype) as FloatType;
    const data = castArray(values.data, values.dtype, dtype);
    tensors.set(key, { dtype: old.dtype, shape: old.shape, bytes: () => bytesOf(data) });
  };
  put(keys.runningMean, layer.runningMean);
  put(keys.runningVar, layer.runningVar);
  put(keys.numBatchesTracked, new Tensor("float64", [], Float64Array.of(layer.numBatchesTracked)));
  return checkpointOf("calibrate", tensors, model.metadata, () => model.close());
}
