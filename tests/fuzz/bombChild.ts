import { readFileSync } from "node:fs";
import { bombs } from "./bombs.ts";
import { judge } from "./judge.ts";
import { forgetPeak, residentMemory } from "./memory.ts";
import type { BombReport } from "./run.ts";

// Made elsewhere, since the memory that this takes would be used again.
const [name, path] = process.argv.slice(2);
const { format, make } = bombs[name];
// Compiles what reading needs.
for (let i = 0; i < 20; i++) await judge(format, make(1000));
const bytes = readFileSync(path);
globalThis.gc?.();
forgetPeak();
const before = residentMemory();
const { fault } = await judge(format, bytes);
const after = residentMemory();
const report: BombReport = {
  name,
  fault,
  size: bytes.length,
  memory: before && after && after.peak - before.now,
};
process.send?.(report);
