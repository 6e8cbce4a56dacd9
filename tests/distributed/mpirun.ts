import { execFile, spawnSync } from "node:child_process";

/** How a job of mpirun ended. */
export interface Job {
  /** Exit status of mpirun; null where it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why MPI cannot be tried here; undefined where it can. In CI it is an error. */
export function whyNoMpi(): string | undefined {
  const { error, status } = spawnSync("mpirun", ["--version"]);
  if (error === undefined && status === 0) return undefined;
  const reason = "no mpirun here (apt-get install openmpi-bin libopenmpi3)";
  if (process.env.CI) throw new Error(reason);
  return reason;
}

/** After a death mpirun kills the other ranks in two seconds, which on a loaded machine is less than they need to say why they end. */
const options = ["--allow-run-as-root", "--oversubscribe", "--mca", "odls_base_sigkill_timeout", "3"];

/** Most time that a job may take: far more than any needs, so that a hang fails the test. */
const jobMilliseconds = 50_000;

/** Runs Node as so many processes; resolves also where they fail. */
export function mpirun(ranks: number, args: readonly string[]): Promise<Job> {
  return new Promise((resolve) => {
    const job = execFile(
      "mpirun",
      [...options, "-n", String(ranks), process.execPath, ...args],
      { timeout: jobMilliseconds },
      (_, stdout, stderr) => resolve({ code: job.exitCode, stdout, stderr }),
    );
  });
}
