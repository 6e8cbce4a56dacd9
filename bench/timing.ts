import type { Prepared } from "./peers/peer.ts";
import { median } from "./stats.ts";

/** A timed batch is at least this long, so that reading the clock does not count. */
const batchNanoseconds = 100_000;

/**
 * Median nanoseconds per call over about `milliseconds`. The first call is not timed where it is short:
 * another process has just had the caches.
 */
export async function timeCalls(
  prepared: Pick<Prepared, "repeat">,
  milliseconds: number,
): Promise<{ nanoseconds: number; calls: number }> {
  const budget = milliseconds * 1e6;
  const first = await timeBatch(prepared, 1);
  if (first > budget / 2) return { nanoseconds: first, calls: 1 };
  let perBatch = 1;
  for (let spent = await timeBatch(prepared, 1); spent < batchNanoseconds && perBatch < 1e6; ) {
    perBatch *= 2;
    spent = await timeBatch(prepared, perBatch);
  }
  const samples: number[] = [];
  let spent = 0;
  while (spent < budget || samples.length < 3) {
    const time = await timeBatch(prepared, perBatch);
    samples.push(time / perBatch);
    spent += time;
  }
  return { nanoseconds: median(samples), calls: samples.length * perBatch };
}

async function timeBatch(prepared: Pick<Prepared, "repeat">, count: number): Promise<number> {
  const start = process.hrtime.bigint();
  const pending = prepared.repeat(count);
  if (pending !== undefined) await pending;
  return Number(process.hrtime.bigint() - start);
}
