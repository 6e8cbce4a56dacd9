import { Command, Option } from "commander";
import { explain } from "../check/index.ts";
import type { Layout } from "../index.ts";
import { readArray, toJson } from "./arrays.ts";
import { usesColours } from "./colours.ts";
import { integers, number } from "./numbers.ts";

interface ExplainFlags {
  readonly input: string;
  readonly eps?: number;
  readonly numGroups?: number;
  readonly normalizedAxes?: number;
  readonly layout?: Layout;
  readonly at?: readonly number[];
  readonly markdown?: boolean;
  readonly json?: boolean;
}

/** `evenkeel explain`: what a layer computes, step by step. */
export function explainCommand(): Command {
  return new Command("explain")
    .description("Show what a layer computes of an array, step by step, with the numbers.")
    .argument("<layer>", "BatchNorm2d, InstanceNorm1d, GroupNorm, LayerNorm, RMSNorm ...")
    .requiredOption("--input <file>", "input: .npy, printed text or JSON; - for standard input")
    .option("--eps <number>", "eps; by default the layer's", number)
    .option("--num-groups <count>", "groups of a GroupNorm", number)
    .option("--normalized-axes <count>", "trailing axes that LayerNorm and RMSNorm normalize (1)", number)
    .addOption(
      new Option("--layout <layout>", "where the channels are").choices(["channels-first", "channels-last"]),
    )
    .option("--at <position>", "the element to follow, such as 0,1,2,0; by default the first", integers)
    .option("--markdown", "print Markdown")
    .option("--json", "print a JSON object instead of text")
    .addHelpText("after", "\nExample:\n  evenkeel explain BatchNorm2d --input x.npy --at 0,1,0,0")
    .action(run);
}

async function run(layer: string, flags: ExplainFlags): Promise<void> {
  const { eps, numGroups, normalizedAxes, layout } = flags;
  const given = Object.entries({ eps, numGroups, normalizedAxes, layout }).filter(
    ([, value]) => value !== undefined,
  );
  const options = { layer, ...Object.fromEntries(given) };
  const explained = explain(options, await readArray(flags.input), flags.at);
  if (flags.json) console.log(toJson({ ...explained, y: explained.y.data }));
  else console.log(flags.markdown ? explained.markdown : explained.text(usesColours()));
}
