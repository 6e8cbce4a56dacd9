import { Command, Option } from "commander";
import { configure } from "../library.ts";
import { loadLibrary, type Source } from "../load.ts";
import { importTime } from "./importTime.ts";
import { sameBits } from "./sameBits.ts";
import { smallCalls } from "./smallCalls.ts";
import { steadyMemory } from "./steadyMemory.ts";

/** The command line's options. */
interface Options {
  readonly source: Source;
  readonly backend?: string;
  readonly steps: string;
  readonly threads: string;
}

const parts = ["calls", "import", "memory", "bits"] as const;
const program = new Command("bench:micro")
  .description("Small calls, import time, steady memory and same bits; needs no peers.")
  .argument("[parts...]", `any of ${parts.join(", ")}; all by default`)
  .addOption(new Option("--source <what>", "what is measured").choices(["dist", "src"]).default("dist"))
  .option("--backend <name>", "backend, by default the library's own choice")
  .option("--steps <n>", "training steps of the memory part", "10000")
  .option("--threads <n>", "threads of the calls and memory parts", "1");
program.parse();

const options = program.opts<Options>();
const wanted = new Set(program.args.length > 0 ? program.args : parts);
const unknown = [...wanted].filter((name) => !parts.some((part) => part === name));
if (unknown.length > 0)
  throw new RangeError(`unknown part ${unknown.join(", ")}; there are ${parts.join(", ")}`);

const library = await loadLibrary(options.source);
configure(library, options.backend ?? null, Number(options.threads));
const print = (lines: readonly string[]) => console.log(lines.join("\n"));
console.log(
  `evenkeel from ${options.source}, ${library.getBackend()} backend, Node ${process.versions.node}`,
);
if (wanted.has("calls")) print(await smallCalls(library));
if (wanted.has("import")) print(importTime(21));
if (wanted.has("memory")) {
  print(await steadyMemory(library, Number(options.steps), "dispose"));
  print(await steadyMemory(library, Number(options.steps), "collector"));
}
if (wanted.has("bits")) print(sameBits(library));
