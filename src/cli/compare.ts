import { Command } from "commander";
import { compare } from "../check/index.ts";
import { readArray, toJson } from "./arrays.ts";
import { number } from "./numbers.ts";

interface CompareFlags {
  readonly tolerance?: number;
  readonly relative?: number;
  readonly json?: boolean;
}

/** `evenkeel compare`: how far two arrays are apart. */
export function compareCommand(): Command {
  return new Command("compare")
    .description("Say how far two arrays are apart, element by element.")
    .argument("<actual>", ".npy, printed text or JSON; - for standard input")
    .argument("<expected>", "the same")
    .option("--tolerance <number>", "largest absolute difference that passes", number)
    .option("--relative <number>", "part of |expected| that passes", number)
    .option("--json", "print a JSON object instead of text")
    .addHelpText("after", "\nExample:\n  evenkeel compare ours.npy theirs.npy --tolerance 1e-6")
    .action(run);
}

async function run(actual: string, expected: string, flags: CompareFlags): Promise<void> {
  const { tolerance, relative } = flags;
  const found = compare(await readArray(actual), await readArray(expected), { tolerance, relative });
  console.log(flags.json ? toJson(found) : found.message);
  if (!found.agrees) process.exitCode = 1;
}
