import { execFile, spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryDirectory } from "../checkpoints/files.ts";

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

/** Why MPI cannot be tried here; undefined where it can. In CI it is an error. */
export function whyNoMpi(): string | undefined {
  const { error, status } = spawnSync("mpirun", ["--version"]);
  if (error === undefined && status === 0) return undefined;
  const reason = "no mpirun here (apt-get install openmpi-bin libopenmpi3)";
  if (process.env.CI) throw new Error(reason);
  return reason;
}

/** Runs `launch` with a file for the ranks' reports, and gives these in the order of ranks. */
export async function reported(launch: (file: string) => Promise<unknown>): Promise<Report[]> {
  const file = join(await temporaryDirectory(), "report");
  await launch(file);
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Report).sort((a, b) => a.rank - b.rank);
}

/** After a death mpirun kills the other ranks in a second, which on a loaded machine is less than they need to say why they end. */
const mpirunOptions = ["--allow-run-as-root", "--oversubscribe", "--mca", "odls_base_sigkill_timeout", "3"];

/** Runs tests/distributed/programs/mpi.mjs on so many processes; resolves also where they fail. */
export function byMpi(ranks: number, task: string, argument: unknown, timeout = 20): Promise<Report[]> {
  const program = join(import.meta.dirname, "programs/mpi.mjs");
  const job = [...mpirunOptions, "-n", String(ranks), process.execPath, program];
  return reported((file) =>
    promisify(execFile)("mpirun", [...job, task, JSON.stringify(argument), file, String(timeout)]).catch(
      (error: unknown) => error,
    ),
  );
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
