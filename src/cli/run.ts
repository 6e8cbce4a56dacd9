import { Command, Option } from "commander";
import { openCheckpoint, readNpy, writeNpy } from "../checkpoints/index.ts";
import { empty, GroupNorm, type Layer, LayerNorm, type Layout, RMSNorm, Tensor } from "../index.ts";
import { RunningNorm } from "../layers/runningNorm.ts";
import { asTensor } from "../tensor/tensor.ts";
import { layerFromCheckpoint } from "./layerFromCheckpoint.ts";
import { number } from "./numbers.ts";
import { type Progress, progressBar } from "./progress.ts";

interface RunFlags {
  readonly model: string;
  readonly layer: string;
  readonly input: string;
  readonly output: string;
  readonly type?: string;
  readonly eps?: number;
  readonly momentum?: number | "none";
  readonly numGroups?: number;
  readonly layout: Layout;
  readonly train?: boolean;
  readonly json?: boolean;
}

/** Elements normalized between two steps of the progress bar. */
const elementsPerStep = 1 << 20;

/** `evenkeel run`: one layer of a checkpoint over one array. */
export function runCommand(): Command {
  return new Command("run")
    .description("Run one normalization layer of a checkpoint over an array.")
    .requiredOption(
      "--model <file>",
      "checkpoint: safetensors, its index or directory, .npz, or PyTorch's .pt",
    )
    .requiredOption("--layer <name>", "the layer's name in the checkpoint, such as layer1.0.bn1")
    .requiredOption("--input <file>", "input array, .npy")
    .requiredOption("--output <file>", "where the result goes, .npy")
    .option("--type <name>", "layer type, such as InstanceNorm2d, where the keys do not tell it")
    .option("--eps <number>", "eps; a checkpoint does not hold it: by default the layer type's", number)
    .option("--momentum <number>", "weight of the new value in the running statistics, or none", numberOrNone)
    .option("--num-groups <count>", "groups of a GroupNorm", number)
    .addOption(
      new Option("--layout <layout>", "where the channels are")
        .choices(["channels-first", "channels-last"])
        .default("channels-first"),
    )
    .addOption(new Option("--train", "normalize by the batch's statistics").conflicts("eval"))
    .addOption(new Option("--eval", "normalize by the running statistics where there are any (the default)"))
    .option("--json", "print a JSON object instead of text")
    .addHelpText(
      "after",
      "\nExample:\n  evenkeel run --model model.safetensors --layer bn1 --input x.npy --output y.npy",
    )
    .action(run);
}

async function run(flags: RunFlags): Promise<void> {
  const x = asTensor("run", flags.input, await readNpy(flags.input));
  const file = await openCheckpoint(flags.model);
  let layer: Layer;
  try {
    layer = await layerFromCheckpoint(
      file,
      flags.layer,
      x,
      { ...flags, momentum: flags.momentum === "none" ? null : flags.momentum, dtype: x.dtype },
      flags.train === true,
    );
  } finally {
    await file.close();
  }
  layer.train(flags.train === true);
  const y = forward(layer, x);
  await writeNpy(flags.output, y);
  report(flags, layer, y);
}

/** The layer over x, in steps of whole samples where a sample's result does not depend on the others. */
function forward(layer: Layer, x: Tensor): Tensor {
  if (x.size <= elementsPerStep || !takesSamples(layer, x)) return layer.forward(x);
  const samples = x.shape[0];
  const y = empty(x.shape, { dtype: x.dtype });
  const perSample = x.size / samples;
  const step = Math.max(1, Math.floor(elementsPerStep / perSample));
  const progress: Progress = progressBar("samples", samples);
  try {
    for (let start = 0; start < samples; start += step) {
      const end = Math.min(samples, start + step);
      layer.forward(samplesOf(x, start, end), { out: samplesOf(y, start, end) });
      progress.update(end);
    }
  } finally {
    progress.stop();
  }
  return y;
}

/** Whether the first axis counts samples that this layer, as it stands, normalizes one by one. */
function takesSamples(layer: Layer, x: Tensor): boolean {
  if (layer instanceof LayerNorm || layer instanceof RMSNorm) {
    return layer.normalizedShape.length < x.shape.length;
  }
  if (layer instanceof GroupNorm) return x.size / x.shape[0] > layer.numGroups;
  const isEvaluated = layer instanceof RunningNorm && !layer.training && layer.runningMean !== null;
  return isEvaluated && x.shape.at(layer.layout === "channels-first" ? 1 : -1) === layer.numFeatures;
}

/** The samples [start, end) of a tensor, over the same data. */
function samplesOf(tensor: Tensor, start: number, end: number): Tensor {
  const [samples, ...rest] = tensor.shape;
  const perSample = tensor.size / samples;
  return new Tensor(
    tensor.dtype,
    [end - start, ...rest],
    tensor.data.subarray(start * perSample, end * perSample),
  );
}

function report(flags: RunFlags, layer: Layer, y: Tensor): void {
  const running =
    layer instanceof RunningNorm && layer.runningMean && layer.runningVar
      ? {
          running_mean: Array.from(layer.runningMean.data),
          running_var: Array.from(layer.runningVar.data),
          num_batches_tracked: layer.numBatchesTracked,
        }
      : {};
  const mode = layer.training ? "train" : "eval";
  if (flags.json) {
    const summary = {
      layer: flags.layer,
      module: String(layer),
      mode,
      shape: y.shape,
      dtype: y.dtype,
      output: flags.output,
      ...running,
    };
    console.log(JSON.stringify(summary));
    return;
  }
  console.log(`${flags.layer}: ${layer}, ${mode}`);
  console.log(`${flags.output}: ${y}`);
}

function numberOrNone(text: string): number | "none" {
  return text.toLowerCase() === "none" ? "none" : number(text);
}
