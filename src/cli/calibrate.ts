import { rm } from "node:fs/promises";
import { Command, Option } from "commander";
import { bytesOf } from "../checkpoints/bytes.ts";
import { checkpointOf } from "../checkpoints/convertedCheckpoint.ts";
import {
  type CalibrateMethod,
  type CalibrateResult,
  type Calibration,
  type Checkpoint,
  calibration,
  findNormLayers,
  lazyTensors,
  type NormLayer,
  openCheckpoint,
} from "../checkpoints/index.ts";
import { tensorDType } from "../checkpoints/safetensorsHeader.ts";
import { type FloatType, type Layout, Tensor } from "../index.ts";
import { RunningNorm } from "../layers/runningNorm.ts";
import { castArray, toFloat64 } from "../tensor/cast.ts";
import { isFloatType } from "../tensor/dtype.ts";
import { shapeText, sizeOf } from "../tensor/shape.ts";
import { type Activations, activationsOf } from "./activations.ts";
import { toJson } from "./arrays.ts";
import { type CalibrationTask, readWork, type SavedWork, writeWork } from "./calibrateState.ts";
import { writerFor } from "./checkpointWriter.ts";
import { layerFromCheckpoint } from "./layerFromCheckpoint.ts";
import { number } from "./numbers.ts";
import { progressBar } from "./progress.ts";

interface CalibrateFlags {
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
}

/** Exit code of a process that Ctrl-C ended. */
const interruptedCode = 130;

/** Elements that are read and added between two looks at the clock. */
const elementsPerRead = 1 << 20;

/** `evenkeel calibrate`: running statistics computed again over activations. */
export function calibrateCommand(): Command {
  return new Command("calibrate")
    .description("Compute the running statistics of one layer of a checkpoint again, over its activations.")
    .requiredOption(
      "--model <file>",
      "checkpoint: safetensors, its index or directory, .npz, or PyTorch's .pt",
    )
    .requiredOption("--layer <name>", "the layer's name in the checkpoint, such as layer1.0.bn1")
    .requiredOption("--data <paths...>", "what the layer saw: .npy and .npz files, or directories of them")
    .option(
      "-o, --output <file>",
      "where the result goes, .safetensors or .npz; without it nothing is written",
    )
    .addOption(
      new Option("--method <method>", "see below")
        .choices(["precise", "cumulative", "momentum"])
        .default("precise"),
    )
    .option("--batch <samples>", "samples in a batch, for the methods that depend on it", number)
    .option("--momentum <number>", "weight of each new batch, for --method momentum (default: 0.1)", number)
    .option(
      "--ddof <number>",
      "the variance divides by n - ddof: 1 as PyTorch, 0 as ONNX and Keras",
      number,
      1,
    )
    .option("--type <name>", "layer type, such as InstanceNorm2d, where the name does not tell it")
    .addOption(
      new Option("--layout <layout>", "where the channels are")
        .choices(["channels-first", "channels-last"])
        .default("channels-first"),
    )
    .option("--state <file>", "saves the work there, so that the same command goes on after an interruption")
    .option("--save-every <seconds>", "time between two saves", number, 5)
    .option("--json", "print a JSON object instead of text")
    .addHelpText(
      "after",
      "\nMethods:\n  precise     of all values together, exactly: the same bits whatever the batches\n" +
        "  cumulative  the average of the batches' statistics, as PyTorch with momentum=None; depends on --batch\n" +
        "  momentum    from the checkpoint's statistics, by --momentum per batch; depends on --batch and order\n" +
        "\nExample:\n  evenkeel calibrate --model model.safetensors --layer bn1 --data activations/ -o new.safetensors --state work.json",
    )
    .action(calibrateLayer);
}

async function calibrateLayer(flags: CalibrateFlags): Promise<void> {
  checkFlags(flags);
  const write = flags.output === undefined ? undefined : writerFor("calibrate", flags.output);
  const data = await activationsOf(flags.data);
  const model = await openCheckpoint(flags.model);
  try {
    const { layer, norm } = await layerOf(model, flags, data[0].shape);
    const task: CalibrationTask = {
      layer: flags.layer,
      type: layer.name,
      layout: flags.layout,
      batch: flags.method === "precise" ? null : (flags.batch as number),
      inputs: data.map(({ identity }) => identity),
    };
    const saved = flags.state === undefined ? undefined : await readWork(flags.state, task);
    const before = statisticsOf(layer);
    const result = await run(layer, data, task, saved, flags);
    if (result === undefined) {
      process.exitCode = interruptedCode;
      return;
    }
    if (write !== undefined) await write(withStatistics(model, layer, norm));
    // Last, so that a process killed before this comes to the same result again.
    if (flags.state !== undefined) await rm(flags.state, { force: true });
    report(flags, layer, norm, before, result, saved);
  } finally {
    await model.close();
  }
}

function checkFlags({ method, batch, momentum, ddof, saveEvery }: CalibrateFlags): void {
  if (batch !== undefined && (!Number.isInteger(batch) || batch < 1)) {
    throw new RangeError(`calibrate: expected --batch to be a number of samples, got ${batch}`);
  }
  if (method !== "precise" && batch === undefined) {
    throw new RangeError(`calibrate: the result of --method ${method} depends on the batches; say --batch`);
  }
  if (momentum !== undefined && method !== "momentum") {
    throw new RangeError(`calibrate: --momentum is for --method momentum, got ${method}`);
  }
  if (ddof !== 0 && ddof !== 1) throw new RangeError(`calibrate: expected --ddof 0 or 1, got ${ddof}`);
  if (saveEvery < 0) throw new RangeError(`calibrate: expected --save-every of 0 or more, got ${saveEvery}`);
}

async function layerOf(
  model: Checkpoint,
  { layer: name, type, layout }: CalibrateFlags,
  shape: readonly number[],
): Promise<{ readonly layer: RunningNorm; readonly norm: NormLayer }> {
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

/** Adds everything up; undefined if Ctrl-C came first. */
async function run(
  layer: RunningNorm,
  data: readonly Activations[],
  task: CalibrationTask,
  saved: SavedWork | undefined,
  flags: CalibrateFlags,
): Promise<CalibrateResult | undefined> {
  const { method, momentum, ddof, state } = flags;
  const options = { method, momentum, ddof: ddof as 0 | 1, state: saved?.calibration };
  const work = calibration(layer, options);
  const place = placeIn(data, saved);
  const progress = progressBar(
    "samples",
    data.reduce((total, { shape }) => total + shape[0], 0),
  );
  let isInterrupted = false;
  const interrupt = (): void => {
    isInterrupted = true;
  };
  process.once("SIGINT", interrupt);
  const save = async (): Promise<void> => {
    if (state !== undefined) await writeWork(state, { task, ...place, calibration: work.state() });
  };
  let savedAt = Date.now();
  try {
    progress.update(work.samples);
    for (; place.arrays < data.length; place.arrays++, place.samples = 0) {
      const array = data[place.arrays];
      const file = await array.open();
      try {
        const step =
          flags.batch ?? Math.max(1, Math.floor(elementsPerRead / Math.max(1, sizeOf(array.shape.slice(1)))));
        while (place.samples < array.shape[0]) {
          const end = Math.min(array.shape[0], place.samples + step);
          add(work, layer, await file.rows(place.samples, end), array);
          place.samples = end;
          progress.update(work.samples);
          if (isInterrupted) {
            await save();
            sayInterrupted(work, state);
            return undefined;
          }
          if (Date.now() - savedAt >= flags.saveEvery * 1000) {
            await save();
            savedAt = Date.now();
          }
        }
      } finally {
        await file.close();
      }
    }
    return work.finish();
  } finally {
    progress.stop();
    process.off("SIGINT", interrupt);
  }
}

function add(work: Calibration, layer: RunningNorm, x: Tensor, { identity }: Activations): void {
  try {
    if (layer.batchedInput(x) !== x) {
      throw new RangeError(
        `${layer.name}: expected samples along the first axis, got shape ${shapeText(x.shape)}`,
      );
    }
    work.add(x);
  } catch (error) {
    if (error instanceof Error) error.message = `${identity.name}: ${error.message}`;
    throw error;
  }
}

function placeIn(
  data: readonly Activations[],
  saved: SavedWork | undefined,
): { arrays: number; samples: number } {
  const { arrays, samples } = saved ?? { arrays: 0, samples: 0 };
  const isPlace = arrays >= 0 && arrays <= data.length && samples >= 0;
  if (!isPlace || samples > (data[arrays]?.shape[0] ?? 0)) {
    throw new RangeError(
      `calibrate: expected a state within the data, got array ${arrays}, sample ${samples}`,
    );
  }
  return { arrays, samples };
}

function sayInterrupted({ samples }: Calibration, state: string | undefined): void {
  const next =
    state === undefined
      ? "nothing is kept; say --state to go on another time"
      : `${state} is kept; the same command goes on`;
  process.stderr.write(`evenkeel: interrupted after ${samples} samples; ${next}\n`);
}

interface Statistics {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

function statisticsOf({ runningMean, runningVar }: RunningNorm): Statistics {
  const values = (tensor: Tensor | null): Float64Array =>
    tensor === null ? new Float64Array(0) : toFloat64(tensor.data, tensor.dtype).slice();
  return { mean: values(runningMean), variance: values(runningVar) };
}

/** The checkpoint with the layer's statistics and count in place of its own. */
function withStatistics(model: Checkpoint, layer: RunningNorm, { keys }: NormLayer): Checkpoint {
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

function report(
  { layer: name, json, output, method }: CalibrateFlags,
  layer: RunningNorm,
  { kind, kindBy }: NormLayer,
  before: Statistics,
  result: CalibrateResult,
  saved: SavedWork | undefined,
): void {
  const after = statisticsOf(layer);
  const { samples, batches } = result;
  const resumedAt = saved?.calibration.samples ?? 0;
  if (json) {
    const statistics = { running_mean: after.mean, running_var: after.variance };
    const summary = {
      layer: name,
      module: String(layer),
      method,
      samples,
      resumedAt,
      output: output ?? null,
    };
    console.log(toJson({ ...summary, numBatchesTracked: layer.numBatchesTracked, ...statistics }));
    return;
  }
  const doubt =
    kindBy === "guess" ? `; taken for a ${kind}, which its keys and name do not tell: see --type` : "";
  console.log(`${name}: ${layer}${doubt}`);
  const split = method === "precise" ? "" : ` in ${batches} batches`;
  console.log(
    `${method} over ${samples} samples${split}${resumedAt > 0 ? `, the first ${resumedAt} before` : ""}`,
  );
  const shifts = after.mean.map((mean, c) => Math.abs(mean - before.mean[c]) / Math.sqrt(after.variance[c]));
  const ratios = after.variance.map((variance, c) => variance / before.variance[c]);
  console.log(`mean moved by up to ${Math.max(0, ...shifts).toPrecision(3)} deviations`);
  console.log(
    `variance times ${Math.min(...ratios).toPrecision(4)} to ${Math.max(...ratios).toPrecision(4)}`,
  );
  console.log(output === undefined ? "nothing written; say --output" : `${output}: written`);
}
