import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryDirectory } from "../checkpoints/files.ts";
import { mpirun } from "./mpirun.ts";

/** What a rank of tests/distributed/programs told. */
export interface Report {
  readonly rank: number;
  readonly pid: number;
  readonly y: string;
  readonly dx: string;
  readonly running: string;
  readonly batches: number;
  readonly error: string | null;
  readonly isUnchanged: boolean;
  readonly seconds: number;
}

/** Runs `launch` with a file for the ranks' reports, and gives these in the order of ranks. */
export async function reported(launch: (file: string) => Promise<unknown>): Promise<Report[]> {
  const file = join(await temporaryDirectory(), "report");
  await launch(file);
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Report).sort((a, b) => a.rank - b.rank);
}

/** Runs tests/distributed/programs/mpi.mjs on so many processes; resolves also where they fail. */
export function byMpi(ranks: number, task: string, argument: unknown, timeout = 20): Promise<Report[]> {
  const program = join(import.meta.dirname, "programs/mpi.mjs");
  return reported((file) => mpirun(ranks, [program, task, JSON.stringify(argument), file, String(timeout)]));
}

/** Whether a process is still there after a moment; one that has ended and waits to be collected is not. */
export async function isLeftBehind(pid: number): Promise<boolean> {
  for (let look = 0; look < 50; look++) {
    const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
    if (/\) [ZX]/.test(status)) return false;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return true;
}
