import { execFileSync, spawnSync } from "node:child_process";

/** How a job of mpirun ended. */
export interface Job {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Whether this machine has mpirun; with CI set it must have. */
export function hasMpirun(): boolean {
  try {
    execFileSync("mpirun", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    if (process.env.CI) throw new Error("mpirun is missing: apt-get install openmpi-bin libopenmpi3");
    return false;
  }
}

/** Most time that a job may take: far more than any needs, so that a hang fails the test. */
const jobMilliseconds = 50_000;

/** Runs Node as `ranks` processes. */
export function mpirun(ranks: number, args: readonly string[], env: Record<string, string> = {}): Job {
  const { status, stdout, stderr } = spawnSync(
    "mpirun",
    ["--allow-run-as-root", "--oversubscribe", "-n", String(ranks), process.execPath, ...args],
    { encoding: "utf8", timeout: jobMilliseconds, env: { ...process.env, ...env } },
  );
  return { code: status, stdout, stderr };
}
