import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { calibrate } from "../../src/checkpoints/index.ts";
import {
  type CalibrateDistributedOptions,
  calibrateDistributed,
  type ProcessGroup,
  RankError,
} from "../../src/distributed/index.ts";
import { BatchNorm2d, InstanceNorm2d, type Tensor, tensor } from "../../src/index.ts";
import type { RunningNorm } from "../../src/layers/runningNorm.ts";
import { rejection } from "../checkpoints/files.ts";
import { ensureBuilt } from "../cli/support.ts";
import { randomTensor } from "../property/arbitraries.ts";
import { messagesOf, resultsOf, simulateAsync } from "./simulate.ts";

const shape = [12, 3, 4, 5];
const x = randomTensor(shape, 1, { dtype: "float32" });

function samples(begin: number, end: number, of: Tensor = x): Tensor {
  const each = of.size / of.shape[0];
  const data = of.data.slice(begin * each, end * each) as Float32Array;
  return tensor(data, [end - begin, ...of.shape.slice(1)]);
}

function statisticsOf({ runningMean, runningVar, numBatchesTracked }: RunningNorm): unknown {
  return [runningMean?.data.slice(), runningVar?.data.slice(), numBatchesTracked];
}

afterEach(() => void vi.restoreAllMocks());

describe("the same bits as one process", () => {
  const kinds = {
    batch: () => new BatchNorm2d(3),
    instance: () => new InstanceNorm2d(3, { trackRunningStats: true }),
  };

  test("however the batches are dealt out", async () => {
    const dealt = fc.record({
      kind: fc.constantFrom("batch" as const, "instance" as const),
      size: fc.integer({ min: 1, max: 5 }),
      owners: fc.array(fc.nat(), { minLength: 1, maxLength: 12 }),
      ddof: fc.constantFrom(0 as const, 1 as const),
    });
    await fc.assert(
      fc.asyncProperty(dealt, async ({ kind, size, owners, ddof }) => {
        const batches = owners.map((_, batch) => samples(batch, batch + 1));
        const whole = kinds[kind]();
        const expected = await calibrate(whole, batches, { ddof });
        const ends = await simulateAsync(size, async (group) => {
          const layer = kinds[kind]();
          const own = batches.filter((_, batch) => owners[batch] % size === group.rank);
          return { result: await calibrateDistributed(layer, own, { group, ddof }), layer };
        });
        for (const { result, layer } of resultsOf(ends)) {
          expect(statisticsOf(layer)).toEqual(statisticsOf(whole));
          expect(result).toEqual({ ...expected, batches: owners.length });
        }
      }),
      { numRuns: 60 },
    );
  });

  test("without a group", async () => {
    const whole = new BatchNorm2d(3);
    await calibrate(whole, [x]);
    const alone = new BatchNorm2d(3);
    await calibrateDistributed(alone, [x], { group: null });
    expect(statisticsOf(alone)).toEqual(statisticsOf(whole));
  });

  test("in threads", async () => {
    ensureBuilt();
    const built = new URL("../../dist/distributed/index.js", import.meta.url).href;
    const { workers } = (await import(built)) as typeof import("../../src/distributed/index.ts");
    const whole = new BatchNorm2d(3);
    await calibrate(whole, [x]);
    const data = { values: x.data, shape, cuts: [0, 5, 5, 12] };
    const ends = await workers(3, new URL("./calibrateRank.mjs", import.meta.url), { data });
    const expected = { samples: 12, mean: whole.runningMean?.data, variance: whole.runningVar?.data };
    expect(ends).toEqual([expected, expected, expected]);
  });
});

test("progress counts the samples of all ranks, slice by slice", async () => {
  let now = 0;
  vi.spyOn(Date, "now").mockImplementation(() => (now += 1000));
  const ends = await simulateAsync(2, async (group) => {
    const seen: number[] = [];
    const own = group.rank === 0 ? [samples(0, 2), samples(2, 5), samples(5, 6)] : [samples(6, 12)];
    await calibrateDistributed(new BatchNorm2d(3), own, {
      group,
      onProgress: (progress) => void seen.push(progress.samples),
    });
    return seen;
  });
  expect(resultsOf(ends)).toEqual([
    [8, 11, 12, 12],
    [8, 11, 12, 12],
  ]);
});

describe("every rank fails, and every layer stays", () => {
  /** How three ranks end, of which the last has its own layer, data or options. */
  async function failed(
    last: { layer?: RunningNorm; batches?: Iterable<Tensor>; options?: Partial<CalibrateDistributedOptions> },
    size = 3,
  ): Promise<string[]> {
    const ends = await simulateAsync(size, async (group) => {
      const isLast = group.rank === size - 1;
      const layer = (isLast ? last.layer : undefined) ?? new BatchNorm2d(3);
      const before = statisticsOf(layer);
      const batches = (isLast ? last.batches : undefined) ?? [samples(0, 2)];
      const options = isLast ? last.options : {};
      const error = await rejection(calibrateDistributed(layer, batches, { group, ...options }));
      expect(statisticsOf(layer)).toEqual(before);
      throw error;
    });
    return messagesOf(ends);
  }

  test("a rank whose data cannot be read", async () => {
    function* broken(): Generator<Tensor> {
      yield samples(0, 1);
      throw new Error("disk on fire");
    }
    expect(await failed({ batches: broken() as Iterable<Tensor> }, 1)).toEqual(["disk on fire"]);
    const ends = await simulateAsync(2, async (group) => {
      const batches = group.rank === 1 ? broken() : [samples(0, 2)];
      const error = await rejection(calibrateDistributed(new BatchNorm2d(3), batches, { group }));
      if (error.message.includes("paused")) throw error;
      return error;
    });
    for (const [rank, error] of resultsOf(ends).entries()) {
      expect(error).toBeInstanceOf(RankError);
      expect(error).toMatchObject({ ranks: [1], message: "rank 1 of 2: disk on fire" });
      expect((error.cause as Error | undefined)?.message).toBe(rank === 1 ? "disk on fire" : undefined);
    }
  });

  test.each<[string, Parameters<typeof failed>[0], RegExp]>([
    [
      "another shape",
      { batches: [tensor(new Float32Array(8), [1, 2, 2, 2])] },
      /^rank 2 of 3: BatchNorm2d: expected input/,
    ],
    [
      "no iterable",
      { batches: 3 as unknown as Iterable<Tensor> },
      /^rank 2 of 3: calibrate: expected an iterable/,
    ],
    ["a frozen layer", { layer: new BatchNorm2d(3).freeze() }, /^rank 2 of 3: calibrate: .*unfreeze/],
    [
      "other channels",
      { layer: new BatchNorm2d(4), batches: [] },
      /ranks 0, 1 with 3 channels.*; rank 2 with 4 channels/,
    ],
    ["another dtype", { layer: new BatchNorm2d(3, { dtype: "float64" }) }, /rank 2 with 3 channels, float64/],
    ["another ddof", { options: { ddof: 0 } }, /rank 2 with .*ddof 0/],
    ["an abort", { options: { signal: AbortSignal.abort(new Error("enough")) } }, /^rank 2 of 3: enough/],
    [
      "NaN",
      { batches: [tensor(new Float32Array(60).fill(Number.NaN), [1, 3, 4, 5])] },
      /^calibrate: expected finite/,
    ],
  ])("%s", async (_, last, message) => {
    const messages = await failed(last);
    expect(messages).toHaveLength(3);
    for (const each of messages) expect(each).toMatch(message);
  });

  test("no samples at all; two ranks that fail alike", async () => {
    const ends = await simulateAsync(2, (group) => calibrateDistributed(new BatchNorm2d(3), [], { group }));
    expect(messagesOf(ends)).toEqual(Array(2).fill("calibrate: expected at least one sample, got none"));
    const lazy = await simulateAsync(2, (group) =>
      calibrateDistributed(new BatchNorm2d(null), [x], { group }),
    );
    for (const each of messagesOf(lazy)) expect(each).toMatch(/^ranks 0, 1 of 2: .*lazy BatchNorm2d/);
  });

  test("a rank that ends early", async () => {
    const ends = await simulateAsync(2, async (group) => {
      if (group.rank === 0) await calibrateDistributed(new BatchNorm2d(3), [x], { group });
    });
    expect(messagesOf(ends)).toEqual([
      "rank 0 of 2: calibrateDistributed: rank 1 ended without closing the group",
      "no error",
    ]);
  });
});

test("wrong options", async () => {
  const call = (options: unknown): Promise<Error> =>
    rejection(calibrateDistributed(new BatchNorm2d(3), [x], options as CalibrateDistributedOptions));
  expect((await call({ group: {} as ProcessGroup })).message).toMatch(/expected group to be a process group/);
  expect((await call({ group: undefined })).message).toMatch(/expected group to be a process group/);
  expect((await call({ group: null, timeout: 0 })).message).toMatch(/timeout above 0/);
  expect((await call(null)).message).toMatch(/calibrateDistributed/);
});
