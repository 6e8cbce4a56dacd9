#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { calibrateCommand } from "./calibrate.ts";
import { compareCommand } from "./compare.ts";
import { convertCommand } from "./convert.ts";
import { demoCommand } from "./demo.ts";
import { explainCommand } from "./explain.ts";
import { foldCommand } from "./fold.ts";
import { identifyCommand } from "./identify.ts";
import { inspectCommand } from "./inspect.ts";
import { runCommand } from "./run.ts";

/** Exit code of a call that was refused: bad arguments, a bad file, a wrong shape. */
const refused = 2;

function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("evenkeel")
    .description("Normalization layers with the exact numbers of PyTorch and MegEngine.")
    .version(version(), "-v, --version")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`evenkeel: ${oneLine(text.replace(/^error: /, ""))}\n`),
    });
  for (const command of [
    runCommand(),
    convertCommand(),
    inspectCommand(),
    identifyCommand(),
    compareCommand(),
    explainCommand(),
    foldCommand(),
    calibrateCommand(),
    demoCommand(),
  ]) {
    program.addCommand(command.copyInheritedSettings(program));
  }
  try {
    await program.parseAsync(argv);
    return process.exitCode === undefined ? 0 : Number(process.exitCode);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : refused;
    process.stderr.write(`evenkeel: ${oneLine(error)}\n`);
    if (process.env.EVENKEEL_DEBUG) console.error(error);
    return refused;
  }
}

/** An error's message on one line. */
function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.trim().replaceAll(/\s*\n\s*/g, " ");
}

process.exitCode = await main(process.argv);
