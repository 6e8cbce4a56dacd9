import { rm } from "node:fs/promises";
import { Command, Option } from "commander";
import { type CalibrateResult, type Calibration, calibration, openCheckpoint } from "../checkpoints/index.ts";
// Not the entry point: the module of its worker threads must lie beside the one that starts them.
import { mpi } from "../distributed/mpi/mpi.ts";
import type { RunningNorm } from "../layers/runningNorm.ts";
import { type Activations, activationsOf } from "./activations.ts";
import { checkedSamples, named, samplesPerRead } from "./calibrateData.ts";
import { type CalibrateFlags, layerOf, statisticsOf, withStatistics } from "./calibrateLayer.ts";
import { calibrateOnRanks } from "./calibrateRanks.ts";
import { report } from "./calibrateReport.ts";
import { type CalibrationTask, readWork, type SavedWork, writeWork } from "./calibrateState.ts";
import { writerFor } from "./checkpointWriter.ts";
import { number } from "./numbers.ts";
import { progressBar } from "./progress.ts";

/** Exit code of a process that Ctrl-C ended. */
const interruptedCode = 130;

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
    .option("--mpi", "share the files among the processes that mpirun started; rank 0 writes and prints")
    .option("--json", "print a JSON object instead of text")
    .addHelpText(
      "after",
      "\nMethods:\n  precise     of all values together, exactly: the same bits whatever the batches\n" +
        "  cumulative  the average of the batches' statistics, as PyTorch with momentum=None; depends on --batch\n" +
        "  momentum    from the checkpoint's statistics, by --momentum per batch; depends on --batch and order\n" +
        "\nExample:\n  evenkeel calibrate --model model.safetensors --layer bn1 --data activations/ -o new.safetensors --state work.json\n" +
        "  mpirun -n 4 evenkeel calibrate --mpi --model model.safetensors --layer bn1 --data activations/ -o new.safetensors",
    )
    .action(calibrateLayer);
}

async function calibrateLayer(flags: CalibrateFlags): Promise<void> {
  checkFlags(flags);
  if (flags.mpi) return calibrateOnRanks(flags, await mpi());
  const write = flags.output === undefined ? undefined : writerFor("calibrate", flags.output);
  const data = await activationsOf(flags.data);
  const model = await openCheckpoint(flags.model);
  try {
    const found = await layerOf(model, flags, data[0].shape);
    const { layer, norm } = found;
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
    const resumedAt = saved?.calibration.samples ?? 0;
    report(flags, { found, before, result, resumedAt, ranks: 1 });
  } finally {
    await model.close();
  }
}

function checkFlags({ method, batch, momentum, ddof, saveEvery, mpi, state }: CalibrateFlags): void {
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
  if (mpi && method !== "precise") {
    throw new RangeError(
      `calibrate: --method ${method} depends on the order of batches, which ranks have not; use precise`,
    );
  }
  if (mpi && state !== undefined)
    throw new RangeError("calibrate: --state is for one process, not for --mpi");
  if (saveEvery < 0) throw new RangeError(`calibrate: expected --save-every of 0 or more, got ${saveEvery}`);
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
        const step = flags.batch ?? samplesPerRead(array);
        while (place.samples < array.shape[0]) {
          const end = Math.min(array.shape[0], place.samples + step);
          const x = await file.rows(place.samples, end);
          named(array, () => work.add(checkedSamples(layer, x)));
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
