import { bombs } from "./bombs.ts";
import { judge } from "./judge.ts";
import { forgetPeak, residentMemory } from "./memory.ts";

/** What one bomb did. */
export interface BombReport {
  readonly fault: string | undefined;
  /** Bytes of the file. */
  readonly size: number;
  /** Resident memory beyond that before the file was opened, at most, in bytes; undefined where the system does not tell. */
  readonly memory: number | undefined;
}

const [name, size] = process.argv.slice(2);
const { format, make } = bombs[name];
// Compiles what reading needs.
for (let i = 0; i < 5; i++) await judge(format, make(1000));
const bytes = make(Number(size));
globalThis.gc?.();
forgetPeak();
const before = residentMemory();
const { fault } = await judge(format, bytes);
const after = residentMemory();
const report: BombReport = {
  fault,
  size: bytes.length,
  memory: before === undefined || after === undefined ? undefined : after.peak - before.now,
};
process.send?.(report);
