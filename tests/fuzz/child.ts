import { openSync, writeSync } from "node:fs";
import { formats } from "./formats.ts";
import { judge } from "./judge.ts";
import { forgetPeak, residentMemory } from "./memory.ts";
import { randomOf } from "./random.ts";
import type { ChildReport, Fault } from "./run.ts";

/** Inputs before memory is measured: code is compiled and libraries are loaded by then. */
const warmUp = 300;

/** Inputs between two collections of garbage. */
const batch = 250;

/** Inputs at a time: inflating waits for other threads. */
const together = 8;

const mostFaults = 20;

const [name, seed, first, count, progressPath] = process.argv.slice(2);
const format = formats.get(name);
if (format === undefined) throw new Error(`no format ${name}`);

/** A file, since it can be written to where the event loop stands still. */
const progress = openSync(progressPath, "w");
const position = new Uint8Array(8);
const positionView = new DataView(position.buffer);

async function runAll(start: number, end: number, report: ChildReport): Promise<void> {
  for (let index = start; index < end; index += together) {
    positionView.setFloat64(0, index);
    writeSync(progress, position, 0, 8, 0);
    const length = Math.min(together, end - index);
    await Promise.all(Array.from({ length }, (_, offset) => run(index + offset, report)));
  }
}

async function run(index: number, report: ChildReport): Promise<void> {
  const bytes = format?.mutate(randomOf(Number(seed), index)) ?? new Uint8Array(0);
  const { accepted, fault, bytesRead } = await judge(name, bytes);
  report.inputs++;
  if (accepted) report.accepted++;
  report.largestInput = Math.max(report.largestInput, bytes.length);
  report.mostRead = Math.max(report.mostRead, bytesRead / (bytes.length + 1));
  if (fault !== undefined && report.faults.push({ index, fault }) === mostFaults) {
    throw new Error("too many faults");
  }
}

const faults: Fault[] = [];
const report: ChildReport = {
  inputs: 0,
  accepted: 0,
  largestInput: 0,
  mostRead: 0,
  peakMemory: undefined,
  faults,
};
const end = Number(first) + Number(count);

try {
  const ignored: ChildReport = { ...report, faults: [] };
  if (Number(count) > warmUp) await runAll(Number(first), Number(first) + warmUp, ignored);
  for (let start = Number(first); start < end; start += batch) {
    globalThis.gc?.();
    forgetPeak();
    const before = residentMemory();
    await runAll(start, Math.min(start + batch, end), report);
    const after = residentMemory();
    if (before !== undefined && after !== undefined) {
      report.peakMemory = Math.max(report.peakMemory ?? 0, after.peak - before.now);
    }
  }
} catch (error) {
  if (faults.length < mostFaults) throw error;
}
process.send?.(report);
