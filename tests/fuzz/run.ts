import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bombs } from "./bombs.ts";

/** An input with an outcome that is neither a right answer nor a clear error. */
export interface Fault {
  readonly index: number;
  readonly fault: string;
}

/** What a child process tells of the inputs that it judged. */
export interface ChildReport {
  inputs: number;
  accepted: number;
  /** In bytes. */
  largestInput: number;
  /** Bytes read from a file over its size, at most. */
  mostRead: number;
  /** Resident memory beyond that before a batch of 250 inputs, at most, in bytes; undefined where the system does not tell. */
  peakMemory: number | undefined;
  readonly faults: Fault[];
}

/** What became of a file that asks for much memory in few bytes. */
export interface BombReport {
  readonly name: string;
  readonly fault: string | undefined;
  /** Bytes of the file. */
  readonly size: number;
  /** Resident memory beyond that before the file was opened, at most, in bytes; undefined where the system does not tell. */
  readonly memory: number | undefined;
}

export interface FuzzOptions {
  readonly format: string;
  readonly seed: number;
  readonly count: number;
  /** Index of the first input. */
  readonly first?: number;
}

/** Inputs that take longer than this hang, in milliseconds. */
const patience = 20_000;

/** Garbage is collected early, so that what is resident is what is in use. */
const execArgv = ["--import", "tsx", "--expose-gc", "--max-semi-space-size=4"];

/** Judges inputs in a child process, so that a hang or a crash ends that alone. */
export async function fuzz({ format, seed, count, first = 0 }: FuzzOptions): Promise<ChildReport> {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-fuzz-"));
  const progressPath = join(folder, "progress");
  const child = fork(
    join(import.meta.dirname, "child.ts"),
    [format, seed, first, count, progressPath].map(String),
    {
      execArgv,
      serialization: "advanced",
    },
  );
  let report: ChildReport | undefined;
  let at = first;
  let since = Date.now();
  let hangs = false;
  const watch = setInterval(() => {
    const now = readIndex(progressPath) ?? at;
    if (now !== at) [at, since] = [now, Date.now()];
    else if (Date.now() - since > patience) {
      hangs = true;
      child.kill("SIGKILL");
    }
  }, 500);
  child.on("message", (message) => {
    report = message as ChildReport;
  });
  const end = await ended(child);
  clearInterval(watch);
  at = readIndex(progressPath) ?? at;
  rmSync(folder, { recursive: true });
  if (report !== undefined) return report;
  const fault = hangs
    ? `it, or one of the few after it, takes more than ${patience / 1000} s`
    : `it ends the process: ${end}`;
  return {
    inputs: at - first,
    accepted: 0,
    largestInput: 0,
    mostRead: 0,
    peakMemory: undefined,
    faults: [{ index: at, fault }],
  };
}

/** Child processes at a time. */
const together = 3;

/** Reads every bomb of about `size` bytes, each in a child process of its own. */
export async function readBombs(size: number): Promise<readonly BombReport[]> {
  const names = Object.keys(bombs);
  const reports: BombReport[] = [];
  const worker = async (): Promise<void> => {
    for (let name = names.shift(); name !== undefined; name = names.shift())
      reports.push(await readBomb(name, size));
  };
  await Promise.all(Array.from({ length: together }, worker));
  return reports;
}

async function readBomb(name: string, size: number): Promise<BombReport> {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-fuzz-"));
  const path = join(folder, "file");
  writeFileSync(path, bombs[name].make(size));
  const child = fork(join(import.meta.dirname, "bombChild.ts"), [name, path], {
    execArgv,
    serialization: "advanced",
  });
  let report: BombReport | undefined;
  child.on("message", (message) => {
    report = message as BombReport;
  });
  const end = await ended(child);
  rmSync(folder, { recursive: true });
  return report ?? { name, fault: `it ends the process: ${end}`, size, memory: undefined };
}

/** How a child process ended; its last message may come after its exit, but not after the channel's end. */
async function ended(child: ChildProcess): Promise<string> {
  const [[code, signal]] = await Promise.all([once(child, "exit"), once(child, "disconnect")]);
  return String(signal ?? code);
}

function readIndex(path: string): number | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.length === 8 ? bytes.readDoubleBE(0) : undefined;
  } catch {
    return undefined;
  }
}
