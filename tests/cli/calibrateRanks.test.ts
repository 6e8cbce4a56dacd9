import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { writeNpy } from "../../src/checkpoints/index.ts";
import { calibrateCommand } from "../../src/cli/calibrate.ts";
import type { CalibrateFlags } from "../../src/cli/calibrateLayer.ts";
import { calibrateOnRanks } from "../../src/cli/calibrateRanks.ts";
import { Tensor } from "../../src/index.ts";
import { rejection } from "../checkpoints/files.ts";
import { mpirun, whyNoMpi } from "../distributed/mpirun.ts";
import { simulateAsync } from "../distributed/simulate.ts";
import { ensureBuilt, filesIn, makeFolder, model, recorded, removeFolder, runInProcess } from "./support.ts";

let folder: string;
let data: string;

/** Files of different lengths, as many as no number of ranks divides. */
const cuts = [0, 10, 11, 30, 42, 60, 63, 64];

beforeEach(async () => {
  folder = makeFolder();
  data = join(folder, "activations");
  mkdirSync(data);
  const x = await recorded("eval", "bn1.input");
  for (const [file, begin] of cuts.slice(0, -1).entries()) {
    const values = x.data.slice(begin * 1024, cuts[file + 1] * 1024) as Float32Array;
    await writeNpy(
      join(data, `${file}.npy`),
      new Tensor("float32", [cuts[file + 1] - begin, 16, 8, 8], values),
    );
  }
});

afterEach(() => removeFolder(folder));

const args = (...more: string[]): string[] => ["--model", model, "--layer", "bn1", "--data", data, ...more];

/** The flags as commander gives them. */
const flags = (output?: string): CalibrateFlags => ({
  model,
  layer: "bn1",
  data: [data],
  method: "precise",
  ddof: 1,
  layout: "channels-first",
  saveEvery: 5,
  mpi: true,
  ...(output === undefined ? {} : { output }),
});

describe("evenkeel calibrate --mpi", () => {
  test("three ranks write what one process does", async () => {
    const [one, three] = ["one", "three"].map((name) => join(folder, `${name}.safetensors`));
    await runInProcess(calibrateCommand(), args("-o", one));
    const ends = await simulateAsync(3, (group) => calibrateOnRanks(flags(three), group));
    expect(ends).toEqual([{ result: undefined }, { result: undefined }, { result: undefined }]);
    expect(readFileSync(three)).toEqual(readFileSync(one));
  });

  test("what goes wrong is said by rank 0, and nothing is written", async () => {
    writeFileSync(join(data, "bad.npy"), "not an array");
    const ends = await simulateAsync(2, (group) => calibrateOnRanks(flags(join(folder, "out.npz")), group));
    expect((ends[0] as { error: Error }).error.message).toMatch(/^ranks 0, 1 of 2: .*magic bytes/);
    expect(ends[1]).toEqual({ result: undefined });
    expect(filesIn(folder)).toEqual(["activations"]);
  });

  test.each<[string[], RegExp]>([
    [["--method", "cumulative", "--batch", "4"], /depends on the order of batches/],
    [["--state", "work.json"], /--state is for one process/],
  ])("%s is refused", async (more, message) => {
    expect((await rejection(runInProcess(calibrateCommand(), args("--mpi", ...more)))).message).toMatch(
      message,
    );
  });
});

describe("under mpirun", () => {
  beforeAll(() => ensureBuilt());

  test("four processes write what one does; a file that one cannot read ends all", async (context) => {
    const noMpi = whyNoMpi();
    context.skip(noMpi !== undefined, noMpi);
    const [one, four] = ["one", "four"].map((name) => join(folder, `${name}.safetensors`));
    await runInProcess(calibrateCommand(), args("-o", one));
    const job = await mpirun(4, ["dist/cli/main.js", "calibrate", "--mpi", ...args("-o", four)]);
    expect(job).toMatchObject({ code: 0, stdout: expect.stringContaining("64 samples on 4 ranks") });
    expect(readFileSync(four)).toEqual(readFileSync(one));

    const short = readFileSync(join(data, "5.npy"));
    writeFileSync(join(data, "5.npy"), short.subarray(0, short.length - 4));
    const bad = await mpirun(4, ["dist/cli/main.js", "calibrate", "--mpi", ...args()]);
    expect(bad.code).toBe(2);
    expect(bad.stderr.match(/^evenkeel: .*5\.npy.*$/gm)).toHaveLength(1);
  });
});
