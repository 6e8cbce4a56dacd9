import { Command } from "commander";
import {
  type ArrayLikeInput,
  type Identification,
  identify,
  type RunningInput,
  type Survivor,
} from "../check/index.ts";
import { writeNpy } from "../checkpoints/index.ts";
import { readArray, toJson } from "./arrays.ts";
import { number } from "./numbers.ts";
import { type Progress, progressBar } from "./progress.ts";

interface IdentifyFlags {
  readonly meant?: string;
  readonly weight?: string;
  readonly bias?: string;
  readonly before?: readonly [string, string];
  readonly after?: readonly [string, string];
  readonly digits?: number;
  readonly tolerance?: number;
  readonly probe?: string;
  readonly json?: boolean;
}

/** Readings of a tie that are printed; --json has all. */
const printed = 6;

/** `evenkeel identify`: which normalization made y from x. */
export function identifyCommand(): Command {
  return new Command("identify")
    .description("Find out which normalization made an output from an input.")
    .argument("<x>", "input: .npy, printed text or JSON; - for standard input")
    .argument("<y>", "output: the same")
    .option("--meant <layer>", "the layer that was meant, such as BatchNorm2d or 'GroupNorm(3, 6)'")
    .option("--weight <file>", "weight that was used; else it is solved for")
    .option("--bias <file>", "bias that was used")
    .option("--before <files>", "running mean and variance before the call: mean.npy,var.npy", pair)
    .option("--after <files>", "running mean and variance after it: mean.npy,var.npy", pair)
    .option(
      "--digits <count>",
      "decimals that the arrays were printed with; by default read from them",
      number,
    )
    .option("--tolerance <number>", "difference of y that is let pass besides rounding", number)
    .option("--probe <file>", "write the smallest input that tells the candidates apart, .npy")
    .option("--json", "print a JSON object instead of text")
    .addHelpText("after", "\nExample:\n  evenkeel identify x.npy y.npy --meant BatchNorm2d")
    .action(run);
}

async function run(xPath: string, yPath: string, flags: IdentifyFlags): Promise<void> {
  const optional = async (path: string | undefined): Promise<ArrayLikeInput | undefined> =>
    path === undefined ? undefined : readArray(path);
  const running = async (paths: IdentifyFlags["before"]): Promise<RunningInput | undefined> =>
    paths && { mean: await readArray(paths[0]), var: await readArray(paths[1]) };
  const x = await readArray(xPath);
  const y = await readArray(yPath);
  let progress: Progress | undefined;
  const found = identify(x, y, {
    meant: flags.meant,
    weight: await optional(flags.weight),
    bias: await optional(flags.bias),
    before: await running(flags.before),
    after: await running(flags.after),
    digits: flags.digits,
    tolerance: flags.tolerance,
    onProgress: (done, total) => {
      progress ??= progressBar("hypotheses", total);
      progress.update(done);
    },
  });
  progress?.stop();
  if (flags.probe !== undefined && found.probe !== null) await writeNpy(flags.probe, found.probe);
  console.log(flags.json ? toJson(found) : text(found, flags.probe));
  if (!found.fits) process.exitCode = 1;
}

function text(found: Identification, probe: string | undefined): string {
  const lines = [found.message];
  const shown = distinctCode(found.survivors).slice(0, printed);
  for (const { torch, numpy, layer } of shown.slice(0, 1)) {
    lines.push("", `evenkeel  ${layer}`, `PyTorch   ${torch}`, `NumPy     ${numpy}`);
  }
  if (shown.length > 1) lines.push("", "or just as well:");
  for (const { torch } of shown.slice(1)) lines.push(`  ${torch}`);
  if (found.probe !== null) {
    const shape = `(${found.probe.shape.join(", ")})`;
    const written = probe === undefined ? "write it with --probe probe.npy" : `it is in ${probe}`;
    lines.push(
      "",
      `An input of shape ${shape} would tell more: ${written}, run your code on it, and identify again.`,
    );
  }
  return lines.join("\n");
}

function distinctCode(survivors: readonly Survivor[]): Survivor[] {
  return [...new Map(survivors.map((survivor) => [survivor.torch, survivor])).values()];
}

function pair(value: string): readonly [string, string] {
  const [mean, variance, ...rest] = value.split(",");
  if (variance === undefined || rest.length > 0)
    throw new RangeError(`expected mean.npy,var.npy, got ${value}`);
  return [mean, variance];
}
