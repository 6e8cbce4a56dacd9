import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { vi } from "vitest";
import { readSafetensors, writeNpy } from "../../src/checkpoints/index.ts";
import { runCommand } from "../../src/cli/run.ts";
import type { Tensor } from "../../src/index.ts";

export const model = "examples/digits/model.safetensors";

/** The command line program as it is published. */
export const built = "dist/cli/main.js";

/** Builds the program if a source is newer. */
export function ensureBuilt(): void {
  if (!existsSync(built) || statSync(built).mtimeMs < newestChange("src"))
    execFileSync("npm", ["run", "-s", "build"]);
}

function newestChange(folder: string): number {
  return Math.max(
    ...readdirSync(folder, { recursive: true, encoding: "utf8" }).map(
      (name) => statSync(join(folder, name)).mtimeMs,
    ),
  );
}

/** A new empty folder. */
export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "evenkeel-cli-"));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true });
}

/** Names of the files in a folder, sorted. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder).sort();
}

/** What a layer of the digits network saw and gave, in eval or in the training step. */
export async function recorded(file: "eval" | "train-step", key: string): Promise<Tensor> {
  const found = (await readSafetensors(`examples/digits/${file}.safetensors`)).get(key);
  if (found === undefined) throw new Error(`no ${key}`);
  return found as Tensor;
}

/** Writes a recorded input of a layer to `folder`/x.npy. */
export async function writeInput(
  folder: string,
  layer: string,
  file: "eval" | "train-step" = "eval",
): Promise<string> {
  const path = join(folder, "x.npy");
  await writeNpy(path, await recorded(file, `${layer}.input`));
  return path;
}

/** Runs a command in this process; throws what it throws, and gives what it printed. */
export async function runInProcess(command: Command, args: readonly string[]): Promise<string> {
  const program = new Command("evenkeel")
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: () => {} });
  program.addCommand(command.copyInheritedSettings(program));
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  try {
    await program.parseAsync([command.name(), ...args], { from: "user" });
    return log.mock.calls.map((call) => call.join(" ")).join("\n");
  } finally {
    log.mockRestore();
  }
}

/** `evenkeel run` in this process. */
export function run(...args: string[]): Promise<string> {
  return runInProcess(runCommand(), args);
}
