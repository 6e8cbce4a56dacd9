import { beforeAll, describe, expect, test } from "vitest";
import { ensureBuilt } from "../cli/support.ts";
import { mpirun, whyNoMpi } from "../distributed/mpirun.ts";

const script = "examples/data-parallel/train.js";
const entry = new URL(`../../${script}`, import.meta.url);
const steps = 3;

interface Run {
  readonly curve: readonly { readonly loss: number; readonly accuracy: number }[];
  readonly bn1: { readonly mean: readonly number[]; readonly variance: readonly number[] };
}

/** Rounding of sums that are added in another order, in float64: a few of 2^-53 of values near 1, over three steps. */
const otherOrderTolerance = 1e-12;

async function run(ranks: number, options: { synchronized?: boolean } = {}): Promise<Run> {
  const built = new URL("../../dist/distributed/index.js", import.meta.url).href;
  const { workers } = (await import(built)) as typeof import("../../src/distributed/index.ts");
  const results = (await workers(ranks, entry, { data: { steps, ...options } })) as Run[];
  const isShared = options.synchronized !== false;
  for (const result of results) {
    expect(result.curve).toEqual(results[0].curve);
    if (isShared) expect(result.bn1).toEqual(results[0].bn1);
  }
  return results[0];
}

describe("examples/data-parallel", () => {
  let one: Run;

  beforeAll(async () => {
    ensureBuilt();
    one = await run(1);
  });

  test("2 and 4 ranks have the curve and the statistics of one, bit for bit", async () => {
    expect(one.curve).toHaveLength(steps);
    expect(await run(2)).toEqual(one);
    expect(await run(4)).toEqual(one);
  });

  test("3 ranks have it but for rounding; 2 that do not share statistics have another", async () => {
    const apart = ({ curve }: Run): number =>
      Math.max(...curve.map(({ loss }, step) => Math.abs(loss - one.curve[step].loss)));
    expect(apart(await run(3))).toBeLessThan(otherOrderTolerance);
    expect(apart(await run(2, { synchronized: false }))).toBeGreaterThan(1e-4);
  });

  test("under mpirun too", async (context) => {
    const noMpi = whyNoMpi();
    context.skip(noMpi !== undefined, noMpi);
    const job = await mpirun(4, [script, "--json", "--steps", String(steps)]);
    expect(job.code).toBe(0);
    expect(JSON.parse(job.stdout)).toEqual(one);
  });
});
