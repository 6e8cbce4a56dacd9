import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";
import { type FoldedPair, type FoldResult, fold, openCheckpoint } from "../checkpoints/index.ts";
import { pythonValue } from "../layers/python.ts";
import { toJson } from "./arrays.ts";
import { writerFor } from "./checkpointWriter.ts";
import { number } from "./numbers.ts";

interface FoldFlags {
  readonly output?: string;
  readonly pair?: readonly string[];
  readonly eps?: EpsFlags;
  readonly transposed?: readonly string[];
  readonly groups?: Readonly<Record<string, number>>;
  readonly json?: boolean;
}

interface EpsFlags {
  readonly all?: number;
  readonly byNorm: Readonly<Record<string, number>>;
}

/** `evenkeel fold`: batch normalizations into the layers before them. */
export function foldCommand(): Command {
  return new Command("fold")
    .description(
      "Fold batch normalizations into the convolutions and linear layers before them, for inference.",
    )
    .argument("<file>", "checkpoint: safetensors, its index or directory, .npz, or PyTorch's .pt")
    .option(
      "-o, --output <file>",
      "where the result goes, .safetensors or .npz; without it nothing is written",
    )
    .option("--pair <layer:norm>", "a pair to fold, such as conv4:bn2; default: all that are found", listed)
    .option("--eps <number>", "eps of all norms, or norm=number; a checkpoint does not hold it", epsFlags)
    .option("--transposed <layer>", "a transposed convolution, whose output channels are dim 1", listed)
    .option("--groups <layer=count>", "groups of a transposed convolution", groupFlags)
    .option("--json", "print a JSON object instead of text")
    .addHelpText(
      "after",
      "\n--pair, --eps, --transposed and --groups may be repeated. The result is the same function in eval mode only, and\n" +
        "the model must leave the folded norms out." +
        "\n\nExamples:\n  evenkeel fold model.safetensors -o folded.safetensors\n" +
        "  evenkeel fold digits.safetensors -o folded.safetensors --pair conv4:bn2 --pair fc1:bn3 --eps bn3=0.001",
    )
    .action(foldFile);
}

async function foldFile(path: string, flags: FoldFlags): Promise<void> {
  const write = flags.output === undefined ? undefined : writerFor("fold", flags.output);
  const file = await openCheckpoint(path);
  try {
    const { eps, transposed, groups, pair: pairs } = flags;
    const options = { pairs, transposed, groups, eps: eps?.all ?? eps?.byNorm };
    const result = await fold(file, options);
    const { folded, refused } = result;
    if (pairs !== undefined && refused.length > 0) {
      throw new RangeError(`fold: ${refused.map(({ pair, reason }) => `${pair}: ${reason}`).join("; ")}`);
    }
    if (folded.length === 0) {
      const reasons = refused.slice(0, 3).map(({ pair, reason }) => `${pair}: ${reason}`);
      throw new RangeError(
        `fold: nothing to fold in ${path}; ${reasons.join("; ") || "it holds no batch norm"}`,
      );
    }
    if (write !== undefined) await write(result.tensors);
    if (flags.json) console.log(toJson({ input: path, output: flags.output ?? null, folded, refused }));
    else console.log(textOf(result, flags.output).join("\n"));
  } finally {
    await file.close();
  }
}

function textOf({ tensors, folded, refused }: FoldResult, output: string | undefined): string[] {
  const table = new Table({
    head: ["layer:norm", "found by", "eps", "weights times", "bias changes by", "error"],
    style: { head: [], border: [] },
  });
  for (const pair of folded) table.push(rowOf(pair));
  const lines = [table.toString()];
  lines.push(
    "error: largest difference over the channel's largest output, on random input, by rounding to the dtype",
  );
  for (const { pair, reason } of refused) lines.push(`not folded  ${pair}: ${reason}`);
  const guessed = folded.filter(({ isEpsGiven }) => !isEpsGiven);
  if (guessed.length > 0) {
    const names = guessed.map(({ norm }) => norm).join(", ");
    lines.push(
      `note: eps ${pythonValue(guessed[0].eps)} is the default, for ${names}; if the model has another, say --eps norm=number`,
    );
  }
  lines.push("note: names cannot show an activation between two layers; check the pairs");
  lines.push(
    `note: for eval mode only; the model must leave out ${folded.map(({ norm }) => norm).join(", ")}`,
  );
  const biased = folded.filter(({ isBiasAdded }) => isBiasAdded).map(({ layer }) => layer);
  if (biased.length > 0) lines.push(`note: the model needs bias=True in ${biased.join(", ")}`);
  const done = `${folded.length} folded, ${tensors.names.length} tensors`;
  lines.push(output === undefined ? `nothing written (${done}); say --output` : `${output}: ${done}`);
  return lines;
}

function rowOf({ pair, foundBy, eps, isEpsGiven, scale, biasChange, error }: FoldedPair): string[] {
  const [least, most] = [Math.min(...scale), Math.max(...scale)];
  const largest = biasChange.reduce((size, change) => Math.max(size, Math.abs(change)), 0);
  return [
    pair,
    foundBy,
    `${pythonValue(eps)}${isEpsGiven ? "" : " (default)"}`,
    `${least.toPrecision(3)} to ${most.toPrecision(3)}`,
    `up to ${largest.toPrecision(3)}`,
    error.maxRelative.toExponential(1),
  ];
}

function listed(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function epsFlags(text: string, before: EpsFlags = { byNorm: {} }): EpsFlags {
  const [name, value] = named(text);
  if (name === undefined) {
    if (Object.keys(before.byNorm).length > 0) throw mixed();
    return { all: number(value), byNorm: {} };
  }
  if (before.all !== undefined) throw mixed();
  return { byNorm: { ...before.byNorm, [name]: number(value) } };
}

function mixed(): InvalidArgumentError {
  return new InvalidArgumentError("expected one number for all norms or norm=number for some, got both");
}

function groupFlags(text: string, before: Readonly<Record<string, number>> = {}): Record<string, number> {
  const [name, value] = named(text);
  if (name === undefined) throw new InvalidArgumentError("expected layer=count");
  return { ...before, [name]: number(value) };
}

/** `name=value`, or a value alone. */
function named(text: string): readonly [string | undefined, string] {
  const at = text.lastIndexOf("=");
  return at === -1 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)];
}
