import { readFileSync, writeFileSync } from "node:fs";

/** Resident memory of this process, in bytes; undefined where the system does not tell. */
export interface ResidentMemory {
  readonly now: number;
  /** The most since {@link forgetPeak}. */
  readonly peak: number;
}

/** Linux counts the highest resident memory too, in kB. */
export function residentMemory(): ResidentMemory | undefined {
  try {
    const status = readFileSync("/proc/self/status", "latin1");
    const bytes = (key: string): number =>
      Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
    return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
  } catch {
    return undefined;
  }
}

/** Lets Linux count the highest resident memory anew. */
export function forgetPeak(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {}
}
