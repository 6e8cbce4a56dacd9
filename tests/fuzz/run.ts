import { fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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

export interface FuzzOptions {
  readonly format: string;
  readonly seed: number;
  readonly count: number;
  /** Index of the first input. */
  readonly first?: number;
}

/** Inputs that take longer than this hang, in milliseconds. */
const patience = 20_000;

/** Judges inputs in a child process, so that a hang or a crash ends that alone. */
export async function fuzz({ format, seed, count, first = 0 }: FuzzOptions): Promise<ChildReport> {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-fuzz-"));
  const progressPath = join(folder, "progress");
  const child = fork(
    join(import.meta.dirname, "child.ts"),
    [format, seed, first, count, progressPath].map(String),
    {
      execArgv: ["--import", "tsx", "--expose-gc", "--max-semi-space-size=4"],
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
  const end = await new Promise<string>((resolve) => {
    child.on("exit", (code, signal) => resolve(String(signal ?? code)));
  });
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

function readIndex(path: string): number | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.length === 8 ? bytes.readDoubleBE(0) : undefined;
  } catch {
    return undefined;
  }
}
