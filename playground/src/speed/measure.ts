import {
  BatchNorm2d,
  empty,
  GroupNorm,
  InstanceNorm2d,
  type Layer,
  LayerNorm,
  RMSNorm,
  setThreads,
  threadsReady,
} from "evenkeel";
import type { OnProgress } from "../tasks/progress.ts";

/** What is measured. */
export interface SpeedCase {
  readonly name: string;
  readonly shape: readonly number[];
  readonly make: () => Layer;
  readonly passes: "forward" | "forward and backward";
}

/** What is asked: on how many threads, and whether the shapes that leave the cache take part. */
export interface SpeedOptions {
  readonly threads: number;
  readonly large: boolean;
}

/** One case measured. */
export interface SpeedRow {
  readonly name: string;
  readonly shape: string;
  /** Median time of one call. */
  readonly milliseconds: number;
  /** Bytes that must be read and written at least, per second. */
  readonly gigabytesPerSecond: number;
  /** The same, for copying an array of this size. */
  readonly copyGigabytesPerSecond: number;
}

/** The rows, and the threads that were really used. */
export interface SpeedReport {
  readonly threads: number;
  readonly rows: readonly SpeedRow[];
}

const small = [8, 64, 28, 28];
const large = [32, 64, 56, 56];

function casesOf(images: readonly number[], rows: readonly number[]): SpeedCase[] {
  const channels = images[1] as number;
  const last = rows.at(-1) as number;
  const forward = "forward" as const;
  const both = "forward and backward" as const;
  return [
    { name: "BatchNorm2d, train", shape: images, passes: forward, make: () => new BatchNorm2d(channels) },
    {
      name: "BatchNorm2d, eval",
      shape: images,
      passes: forward,
      make: () => new BatchNorm2d(channels).eval(),
    },
    {
      name: "BatchNorm2d with backward",
      shape: images,
      passes: both,
      make: () => new BatchNorm2d(channels),
    },
    { name: "InstanceNorm2d", shape: images, passes: forward, make: () => new InstanceNorm2d(channels) },
    { name: "GroupNorm(32)", shape: images, passes: forward, make: () => new GroupNorm(32, channels) },
    { name: "LayerNorm", shape: rows, passes: forward, make: () => new LayerNorm(last) },
    { name: "LayerNorm with backward", shape: rows, passes: both, make: () => new LayerNorm(last) },
    { name: "RMSNorm", shape: rows, passes: forward, make: () => new RMSNorm(last) },
  ];
}

/** Milliseconds spent on one case, about. */
const budget = 400;
const fewestCalls = 5;

/** Measures each case and, beside it, a copy of the same size. */
export async function measure(
  { threads, large: isLarge }: SpeedOptions,
  onProgress: OnProgress,
): Promise<SpeedReport> {
  setThreads(threads);
  const usable = await threadsReady();
  const cases = [...casesOf(small, [512, 768]), ...(isLarge ? casesOf(large, [4096, 768]) : [])];
  const rows: SpeedRow[] = [];
  for (const each of cases) {
    onProgress(rows.length, cases.length);
    rows.push(measured(each));
  }
  onProgress(cases.length, cases.length);
  return { threads: usable, rows };
}

function measured({ name, shape, passes, make }: SpeedCase): SpeedRow {
  const layer = make();
  const x = empty(shape);
  const y = empty(shape);
  const dx = empty(shape);
  try {
    for (let i = 0; i < x.data.length; i++) x.data[i] = Math.sin(i) * 3 + 0.5;
    const both = passes !== "forward";
    // Forward: x read, y written; backward: x and dy read, dx written.
    const bytes = x.data.byteLength * (both ? 5 : 2);
    const [milliseconds, copied] = medianTimes(
      () => {
        layer.forward(x, { out: y });
        if (both) layer.backward(y, { out: dx });
      },
      () => y.data.set(x.data),
    );
    return {
      name,
      shape: shape.join(" × "),
      milliseconds,
      gigabytesPerSecond: bytes / milliseconds / 1e6,
      copyGigabytesPerSecond: (2 * x.data.byteLength) / copied / 1e6,
    };
  } finally {
    for (const each of [x, y, dx]) each.dispose();
  }
}

/** Two calls taking turns, so that what else the machine does slows both. */
function medianTimes(first: () => void, second: () => void): readonly [number, number] {
  const [batchOfFirst, batchOfSecond] = [batchFor(first), batchFor(second)];
  const firsts: number[] = [];
  const seconds: number[] = [];
  const end = performance.now() + budget;
  while (firsts.length < fewestCalls || performance.now() < end) {
    firsts.push(timeOf(first, batchOfFirst) / batchOfFirst);
    seconds.push(timeOf(second, batchOfSecond) / batchOfSecond);
  }
  return [median(firsts), median(seconds)];
}

/** The clock of a page may be coarse: short calls are timed in batches. */
function batchFor(call: () => void): number {
  call();
  let count = 1;
  while (count < 4096 && timeOf(call, count) < 2) count *= 2;
  return count;
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1] as number;
}

function timeOf(call: () => void, count: number): number {
  const start = performance.now();
  for (let i = 0; i < count; i++) call();
  return performance.now() - start;
}
