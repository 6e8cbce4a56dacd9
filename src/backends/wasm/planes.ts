import type { Plan } from "../../plan/plan.ts";
import * as binary from "./binary/kernels.ts";
import { coefficientsBySums, coefficientsOf, pairsFor, parameterSums } from "./coefficients.ts";
import { type Compute, elementBytes, kernelPair } from "./operands.ts";
import { flag, type GradInputCall, type LoopShape } from "./request.ts";
import { parallel, scratchBytes, threadCount } from "./runtime.ts";
import { reserve } from "./workspace.ts";

/** Elements of a segment, the part of a chunk whose sums are kept apart; as in kernels/sums.ts. */
const segmentElements = 32768;

/** Scratch for the columns of kernels/shortColumns.ts. */
const columnBytes = 3 << 13;

/** Runs of at most this in at least so many rows are summed as columns, by the fused kernels alone. */
const mostShort = 256;
const leastColumnRows = 8;

/** A block of groups whose data over all of pool is at most this stays in a core's second-level cache. */
const cachedBytes = 1 << 18;

/** From this size on the data comes from memory, and long contiguous reads matter most. */
const streamedBytes = 1 << 23;

/** Up to this size, on one thread and without reading ahead, nothing is faster than reading in order. */
const sweptBytes = 1 << 25;

/** Contiguous bytes to read at a time from memory: less cannot keep it busy. */
const longReadBytes = 200 << 10;

/** The same from the third-level cache. */
const cachedReadBytes = 48 << 10;

/** The same where reading and writing go on at the same time. */
const aheadReadBytes = 32 << 10;

/** Elements of a group, and of its runs, from which on it is read while the one before it is written: less does not repay the turns. */
const leastAhead = 256;
const leastRunAhead = 16;

/** Up to this size, backward, it does not repay them either. */
const aheadBytes = 1 << 20;

/** Where pool is 1 and nothing is read ahead, groups of at most this stay in the first-level cache until they are written. */
const nearestBytes = 1 << 13;

const kernels = {
  forward: kernelPair("planesForward"),
  normalize: kernelPair("planesNormalize"),
  backward: kernelPair("planesBackward"),
};

/** Runs of `inner` elements share a statistic and a parameter. Right for every plan, fast from 16 elements on. */
export const planes: LoopShape = {
  kernels: binary.planes,

  forward(call) {
    const { plan, compute, x, y, weight, bias, mean, m2, rstd, eps } = call;
    const { pool, group, channel, inner } = plan;
    const chunk = channel * inner;
    const centered = flag(plan.centered);
    const { block, ahead } = cutOf(plan, compute, 1);
    if (block > 0) {
      parallel(
        kernels.forward[compute],
        // Spelled out: spreading arrays takes as long as a tenth of a small call.
        [x, y, weight, bias, mean, m2, rstd, pool, group, channel, inner, block, flag(ahead), centered, eps],
        plan.batch * Math.ceil(group / block),
        plan.size,
      );
      return;
    }
    const segments = plan.batch * turnsOf(pool, chunk) * group * Math.ceil(chunk / segmentElements);
    const sums = reserve(segments * 16);
    parallel(`planesSegments${compute}`, [x, sums, pool, group, chunk, centered], segments, plan.size);
    parallel(
      `planesMerge${compute}`,
      [x, sums, mean, m2, rstd, pool, group, chunk, centered, eps],
      plan.statistics,
    );
    if (y !== 0) planes.normalize({ plan, compute, x, y, weight, bias, mean, rstd });
  },

  normalize({ plan, compute, x, y, weight, bias, mean, rstd }) {
    const { batch, pool, group, channel, inner } = plan;
    parallel(
      kernels.normalize[compute],
      [x, y, weight, bias, mean, rstd, pool, group, channel, inner],
      batch * pool * group * channel,
      plan.size,
    );
  },

  backward(call) {
    const { plan, compute, x, dy, dx, weight, mean, rstd, fixed, parameters } = call;
    const { batch, pool, group, channel, inner } = plan;
    const pairs = pairsFor(plan);
    const runs = batch * pool * group * channel;
    const { block, ahead } = fixed && !parameters ? phases : cutOf(plan, compute, 2);
    if (block > 0) {
      parallel(
        kernels.backward[compute],
        [
          ...[x, dy, dx, weight, mean, rstd, pairs, pool, group, channel, inner, block],
          ...[flag(ahead), flag(plan.centered), flag(fixed)],
        ],
        batch * Math.ceil(group / block),
        plan.size,
      );
    } else {
      if (!fixed || parameters) {
        const segments = batch * turnsOf(pool, inner) * group * channel * Math.ceil(inner / segmentElements);
        const parts = reserve(segments * 16);
        parallel(
          `planesGradSegments${compute}`,
          [x, dy, mean, parts, pool, group, channel, inner],
          segments,
          plan.size,
        );
        parallel(
          `planesGradMerge${compute}`,
          [parts, mean, rstd, pairs, pool, group, channel, inner],
          plan.statistics,
        );
      }
      if (dx !== 0) {
        const coefficients = coefficientsOf(call, pairs);
        parallel(
          `planesGradInput${compute}`,
          [x, dy, dx, mean, coefficients, pool, group, channel, inner, flag(fixed)],
          runs,
          plan.size,
        );
      }
    }
    return parameters ? parameterSums(plan, pairs) : { parameters: 0 };
  },
};

/** How often samples with runs of n elements are taken, as in kernels/samples.ts. */
function turnsOf(pool: number, n: number): number {
  return n > mostShort && n % 16 === 0 ? Math.ceil(pool / 2) : pool;
}

/** dx by sums that are known. */
export function planesGradInput(call: GradInputCall): void {
  const { plan, compute, x, dy, dx, mean } = call;
  const { batch, pool, group, channel, inner } = plan;
  const coefficients = coefficientsBySums(call);
  parallel(
    `planesGradInput${compute}`,
    [x, dy, dx, mean, coefficients, pool, group, channel, inner, flag(call.sums === null)],
    batch * pool * group * channel,
    plan.size,
  );
}

/** How the fused kernels take a plan; it does not change results. */
interface Cut {
  /** Groups of one item; 0 if the plan is to be done in phases instead. */
  readonly block: number;
  /** Whether an item is summed while the one before it is written (kernels/readAhead.ts). */
  readonly ahead: boolean;
}

/** For too few statistics to share among the threads, or too many channels for the scratch block. */
const phases: Cut = { block: 0, ahead: false };

/** @param streams arrays that are read: 1 forward, 2 backward */
function cutOf(plan: Plan, compute: Compute, streams: number): Cut {
  const { batch, group, channel, inner } = plan;
  const bytes = elementBytes(compute);
  const most = Math.floor(
    Math.min(scratchBytes / (3 * bytes * channel + 24), (scratchBytes - columnBytes) / 24),
  );
  const threads = threadCount();
  const isUneven = threads > 1 && plan.statistics < 4 * threads && plan.statistics % threads !== 0;
  const run = (streams === 1 ? channel : 1) * inner;
  const isColumns = plan.pool >= leastColumnRows && run <= mostShort;
  if (most === 0 || (isUneven && !isColumns && plan.size >= segmentElements)) return phases;
  const chunkBytes = channel * inner * bytes * streams;
  const ahead = compute === "F32" && isReadAhead(plan, chunkBytes, streams);
  const block = Math.max(1, Math.min(groupsAtOnce(plan, chunkBytes, ahead, threads), most, group));
  let blocks = Math.ceil(group / block);
  // Equal shares for the threads; with many items it matters no more.
  while (batch * blocks < 8 * threads && (batch * blocks) % threads !== 0 && blocks < group) blocks++;
  return { block: Math.ceil(group / blocks), ahead };
}

/** Whether reading ahead is possible, and repays its turns; chunkBytes are read of a group of each sample. */
function isReadAhead(
  { batch, pool, group, channel, inner }: Plan,
  chunkBytes: number,
  streams: number,
): boolean {
  const elements = channel * inner;
  if (inner < leastRunAhead || elements < leastAhead || elements > segmentElements) return false;
  const bytes = batch * pool * group * chunkBytes;
  if (pool === 1) return streams === 1 || bytes > aheadBytes;
  const isInTwos = turnsOf(pool, inner) * 2 === pool;
  return channel === 1 && isInTwos && bytes >= streamedBytes;
}

/** How many groups of a sample, of chunkBytes each, to read before they are written: what the caches like best. */
function groupsAtOnce(plan: Plan, chunkBytes: number, ahead: boolean, threads: number): number {
  const { pool, batch, group } = plan;
  if (pool === 1) return ahead ? 1 : Math.floor(nearestBytes / chunkBytes);
  const bytes = batch * pool * group * chunkBytes;
  const isStreamed = bytes >= streamedBytes;
  if (threads === 1 && isStreamed && !ahead && bytes <= sweptBytes) return group;
  const longBytes = ahead ? aheadReadBytes : isStreamed ? longReadBytes / threads : cachedReadBytes;
  return Math.max(Math.floor(cachedBytes / (pool * chunkBytes)), Math.ceil(longBytes / chunkBytes));
}
