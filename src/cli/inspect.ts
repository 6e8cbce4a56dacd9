import { Command } from "commander";
import { writeFileAtomic } from "../checkpoints/atomicWrite.ts";
import { type Inspection, inspect, openCheckpoint, type RuleName, ruleNames } from "../checkpoints/index.ts";
import { toJson } from "./arrays.ts";
import { painter, usesColours } from "./colours.ts";
import { reportOf } from "./inspectReport.ts";
import { inspectionText } from "./inspectText.ts";
import { number } from "./numbers.ts";
import { type Progress, progressBar } from "./progress.ts";

interface InspectFlags {
  readonly eps?: number;
  readonly ignore?: readonly RuleName[];
  readonly html?: string;
  readonly json?: boolean;
  readonly strict?: boolean;
}

/** `evenkeel inspect`: the normalization layers of a checkpoint and their health. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Find every normalization layer of a checkpoint and say how healthy it is.")
    .argument("<file>", "checkpoint: safetensors, its index or directory, .npz, or PyTorch's .pt")
    .option("--html <file>", "write a report with plots, one file that needs no network")
    .option("--json", "print a JSON object instead of text")
    .option("--strict", "exit with 1 if there is an error or a warning, or no normalization layer")
    .option("--ignore <rules...>", `leave rules out: ${ruleNames.join(", ")}`)
    .option(
      "--eps <number>",
      "eps of every layer; a checkpoint does not hold it: by default its framework's",
      number,
    )
    .addHelpText(
      "after",
      "\nError: the layer gives NaN or does not load. Warning: it hardly computes what was meant. Note: worth knowing.\n" +
        "\nExample:\n  evenkeel inspect model.safetensors --html report.html --strict",
    )
    .action(run);
}

async function run(path: string, flags: InspectFlags): Promise<void> {
  const { eps, ignore } = flags;
  const file = await openCheckpoint(path);
  let found: Inspection;
  try {
    found = await withProgress((onProgress) => inspect(file, { eps, ignore, onProgress }));
  } finally {
    await file.close();
  }
  if (flags.html !== undefined) {
    const report = await withProgress((onProgress) => reportOf(path, found, onProgress));
    await writeFileAtomic("inspect", flags.html, new TextEncoder().encode(report));
  }
  if (flags.json) console.log(toJson(found));
  else console.log(textOf(path, found, flags.html));
  const isWrong = found.errors + found.warnings > 0 || found.layers.length === 0;
  if (flags.strict && isWrong) process.exitCode = 1;
}

function textOf(path: string, found: Inspection, report: string | undefined): string {
  if (found.layers.length === 0)
    return `${path}: no normalization layer, by the names and shapes of its tensors`;
  const paint = painter(usesColours());
  const text = inspectionText(path, found, { paint, columns: process.stdout.columns });
  return report === undefined ? text : `${text}\nThe report is in ${report}`;
}

/** Work with a bar over the layers, taken away whatever happens. */
async function withProgress<T>(
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  let progress: Progress | undefined;
  try {
    return await work((done, total) => {
      progress ??= progressBar("layers", total);
      progress.update(done);
    });
  } finally {
    progress?.stop();
  }
}
