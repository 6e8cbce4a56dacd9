import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  calibrate as calibrateLayer,
  readSafetensors,
  writeNpy,
  writeNpz,
} from "../../src/checkpoints/index.ts";
import { calibrateCommand } from "../../src/cli/calibrate.ts";
import { BatchNorm2d, InstanceNorm2d, Tensor, tensor } from "../../src/index.ts";
import { rejection } from "../checkpoints/files.ts";
import { normals, uniforms } from "../random.ts";
import { ensureBuilt, filesIn, makeFolder, model, recorded, removeFolder, runInProcess } from "./support.ts";

let folder: string;
let data: string;
let output: string;

beforeEach(() => {
  folder = makeFolder();
  data = join(folder, "x.npy");
  output = join(folder, "out.safetensors");
});

afterEach(() => removeFolder(folder));

function calibrate(...args: string[]): Promise<string> {
  return runInProcess(calibrateCommand(), ["--model", model, "--layer", "bn1", "--data", data, ...args]);
}

async function calibrated(): Promise<BatchNorm2d> {
  const layer = new BatchNorm2d(16);
  await calibrateLayer(layer, [await recorded("eval", "bn1.input")]);
  return layer;
}

/** The bn1 statistics of a written checkpoint. */
async function written(path = output): Promise<unknown> {
  const tensors = await readSafetensors(path);
  return ["running_mean", "running_var", "num_batches_tracked"].map((key) => tensors.get(`bn1.${key}`)?.data);
}

describe("precise", () => {
  test("one file: the statistics in the checkpoint, all else as it was", async () => {
    await writeNpy(data, await recorded("eval", "bn1.input"));
    const text = await calibrate("-o", output);
    expect(text).toContain("precise over 64 samples");
    const layer = await calibrated();
    expect(await written()).toEqual([layer.runningMean?.data, layer.runningVar?.data, BigInt64Array.of(1n)]);
    const [before, after] = [await readSafetensors(model), await readSafetensors(output)];
    expect(after.size).toBe(before.size);
    expect(after.get("fc1.weight")).toEqual(before.get("fc1.weight"));
  });

  test("a directory of npy and npz files gives the same", async () => {
    const x = await recorded("eval", "bn1.input");
    const part = (begin: number, end: number): Tensor =>
      new Tensor("float32", [end - begin, 16, 8, 8], x.data.slice(begin * 1024, end * 1024) as Float32Array);
    const directory = join(folder, "parts");
    mkdirSync(directory);
    await writeNpy(join(directory, "b.npy"), part(0, 20));
    await writeNpz(
      join(directory, "a.npz"),
      new Map([
        ["one", part(20, 25)],
        ["two", part(25, 64)],
      ]),
    );
    writeFileSync(join(directory, "notes.txt"), "not data");
    data = directory;
    const out = JSON.parse(await calibrate("--json", "--batch", "3"));
    const layer = await calibrated();
    expect(out).toMatchObject({
      layer: "bn1",
      method: "precise",
      samples: 64,
      resumedAt: 0,
      numBatchesTracked: 1,
    });
    expect(out.running_mean).toEqual(Array.from(layer.runningMean?.data ?? []));
    expect(filesIn(folder)).toEqual(["parts"]);
  });

  test("an instance norm by its name; ddof 0", async () => {
    const x = await recorded("eval", "inorm.input");
    await writeNpy(data, x);
    const args = ["--model", model, "--layer", "inorm", "--data", data, "--json", "--ddof", "0"];
    const out = JSON.parse(await runInProcess(calibrateCommand(), args));
    const layer = new InstanceNorm2d(32, { trackRunningStats: true, affine: true });
    await calibrateLayer(layer, [x], { ddof: 0 });
    expect(out.module).toMatch(/^InstanceNorm2d/);
    expect(out.running_var).toEqual(Array.from(layer.runningVar?.data ?? []));
  });
});

test("cumulative and momentum by batches", async () => {
  await writeNpy(data, await recorded("eval", "bn1.input"));
  const text = await calibrate("--method", "cumulative", "--batch", "10");
  expect(text).toMatch(/cumulative over 64 samples in 7 batches/);
  expect(text).toContain("nothing written; say --output");
  const out = JSON.parse(
    await calibrate("--method", "momentum", "--batch", "64", "--momentum", "1", "--json"),
  );
  const layer = await calibrated();
  expect(out.running_var).toEqual(Array.from(layer.runningVar?.data ?? []));
  expect(out.numBatchesTracked).toBe(361);
});

describe("refusals write nothing", () => {
  test.each<[string[], RegExp]>([
    [["--method", "cumulative"], /depends on the batches; say --batch/],
    [["--batch", "0"], /--batch to be a number of samples, got 0/],
    [["--momentum", "0.1"], /--momentum is for --method momentum/],
    [["--ddof", "2"], /--ddof 0 or 1, got 2/],
    [["--save-every", "-1"], /--save-every of 0 or more/],
    [["--layer", "bn9"], /no layer "bn9" with running statistics .* holds bn1, inorm, bn2, bn3/],
    [["--layer", "gn"], /no layer "gn" with running statistics/],
    [["--layer", "bn2"], /x\.npy: BatchNorm2d: expected input of shape \(N, 32, H, W\), got/],
    [
      ["--type", "InstanceNorm3d"],
      /x\.npy: InstanceNorm3d: expected input.s size at dim=0 to match num_features/,
    ],
    [["--type", "LayerNorm"], /LayerNorm/],
    [["-o", "x.bin"], /calibrate: expected an output that ends in/],
    [["--data", "no.npy"], /no\.npy: ENOENT/],
  ])("%j", async (args, message) => {
    await writeNpy(data, await recorded("eval", "bn1.input"));
    expect((await rejection(calibrate(...args))).message).toMatch(message);
    expect(filesIn(folder)).toEqual(["x.npy"]);
  });

  test("no data, data without samples, integers, NaN", async () => {
    data = folder;
    expect((await rejection(calibrate())).message).toMatch(/expected .npy or .npz files, got none/);
    await writeNpy(join(folder, "x.npy"), Float32Array.of(1, 2));
    expect((await rejection(calibrate())).message).toMatch(/expected samples of channels, got shape \(2,\)/);
    await writeNpy(join(folder, "x.npy"), { data: new Int32Array(16), shape: [1, 16, 1, 1] });
    expect((await rejection(calibrate())).message).toMatch(/to hold floating-point numbers, got int32/);
    const bad = tensor(new Float32Array(32).fill(Number.NaN), [2, 16, 1, 1]);
    await writeNpy(join(folder, "x.npy"), bad);
    expect((await rejection(calibrate("-o", output))).message).toMatch(/the data holds NaN/);
    expect(filesIn(folder)).toEqual(["x.npy"]);
  });
});

describe("a state file", () => {
  const state = (): string => join(folder, "work.json");

  /** Runs until Ctrl-C, which comes as soon as the first state is written. */
  async function interrupted(...args: string[]): Promise<string> {
    const said = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
    process.nextTick(() => {
      const timer = setInterval(() => {
        if (process.listenerCount("SIGINT") === 0) return;
        clearInterval(timer);
        process.emit("SIGINT");
      });
    });
    try {
      expect(await calibrate("--batch", "1", ...args)).toBe("");
      expect(process.exitCode).toBe(130);
      return said.mock.calls.join("");
    } finally {
      process.exitCode = undefined;
      said.mockRestore();
    }
  }

  beforeEach(async () => {
    await writeNpy(data, await recorded("eval", "bn1.input"));
  });

  test("Ctrl-C keeps the work, the same command goes on to the same result", async () => {
    expect(await interrupted("--state", state(), "-o", output)).toMatch(
      /interrupted after \d+ samples; .*work.json is kept/,
    );
    expect(filesIn(folder)).toEqual(["work.json", "x.npy"]);
    const text = await calibrate("--batch", "1", "--state", state(), "-o", output);
    expect(text).toMatch(/over 64 samples, the first \d+ before/);
    const layer = await calibrated();
    expect(await written()).toEqual([layer.runningMean?.data, layer.runningVar?.data, BigInt64Array.of(1n)]);
    expect(filesIn(folder)).toEqual(["out.safetensors", "x.npy"]);
  });

  test("without a state file, Ctrl-C keeps nothing and says so", async () => {
    expect(await interrupted()).toContain("nothing is kept; say --state");
    expect(filesIn(folder)).toEqual(["x.npy"]);
  });

  test.each<[string, string[], (path: string) => void, RegExp]>([
    ["another layer", ["--layer", "bn9"], () => {}, /no layer "bn9"/],
    ["another type", ["--type", "InstanceNorm2d"], () => {}, /go on with type BatchNorm2d as before/],
    ["another ddof", ["--ddof", "0"], () => {}, /go on with ddof 1 as before, got 0/],
    ["a changed file", [], (path) => utimesSync(path, 1, 1), /x\.npy with modified .* as before/],
    ["another number of files", ["--data", "examples/none"], () => {}, /ENOENT/],
  ])("refuses %s", async (_, args, change, message) => {
    await interrupted("--state", state());
    change(data);
    expect((await rejection(calibrate("--state", state(), ...args))).message).toMatch(message);
    expect(existsSync(state())).toBe(true);
  });

  test.each([
    ["", /something else/],
    ["{}", /something else/],
    ["null", /something else/],
  ])("refuses %j in the file", async (text, message) => {
    writeFileSync(state(), text);
    expect((await rejection(calibrate("--state", state()))).message).toMatch(message);
  });

  test("refuses a place beyond the data, a number of files that differs, and a directory", async () => {
    await interrupted("--state", state());
    const saved = JSON.parse(readFileSync(state(), "utf8"));
    writeFileSync(state(), JSON.stringify({ ...saved, samples: 65 }));
    expect((await rejection(calibrate("--state", state()))).message).toMatch(
      /a state within the data, got array 0/,
    );
    writeFileSync(state(), JSON.stringify({ ...saved, task: { ...saved.task, inputs: [] } }));
    expect((await rejection(calibrate("--state", state()))).message).toMatch(
      /go on with 0 arrays as before, got 1/,
    );
    expect((await rejection(calibrate("--state", folder))).message).toMatch(/cannot read .*EISDIR/);
  });
});

describe("killed at random moments", () => {
  const kills = 50;

  beforeAll(ensureBuilt, 120_000);

  function start(args: readonly string[]): ChildProcess {
    return spawn(process.execPath, ["dist/cli/main.js", "calibrate", ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  test(`${kills} times kill -9: the output is the old one or the new one, and the bits are the same`, async () => {
    const samples = 3000;
    for (const [place, name] of ["a.npy", "b.npy"].entries()) {
      const x = Float32Array.from(normals(16 * 64, place + 1));
      const all = new Float32Array(samples * x.length);
      for (let n = 0; n < samples; n++)
        all.set(
          x.map((value) => value * (1 + n / samples)),
          n * x.length,
        );
      await writeNpy(join(folder, name), tensor(all, [samples, 16, 8, 8]));
    }
    const inputs = [join(folder, "a.npy"), join(folder, "b.npy")];
    const task = ["--model", model, "--layer", "bn1", "--data", ...inputs, "--batch", "20"];
    const reference = join(folder, "reference.safetensors");
    execFileSync(process.execPath, ["dist/cli/main.js", "calibrate", ...task, "-o", reference]);
    const expected = readFileSync(reference);
    const state = join(folder, "work.json");
    const args = [...task, "-o", output, "--state", state, "--save-every", "0", "--json"];
    const next = uniforms(50);
    const old = Buffer.from("old");
    writeFileSync(output, old);
    let resumed = 0;
    for (let kill = 0; kill < kills; kill++) {
      if (existsSync(state)) resumed++;
      const child = start(args);
      const timer = setTimeout(() => child.kill("SIGKILL"), 150 + 500 * next());
      await once(child, "close");
      clearTimeout(timer);
      const found = readFileSync(output);
      expect(found.equals(old) || found.equals(expected)).toBe(true);
      if (found.equals(expected) && !existsSync(state)) writeFileSync(output, old);
    }
    const last = start(args);
    const [code] = await once(last, "close");
    expect(code).toBe(0);
    expect(readFileSync(output).equals(expected)).toBe(true);
    expect(existsSync(state)).toBe(false);
    console.log(`calibrate: killed ${kills} times, went on from a state ${resumed} times`);
    expect(resumed).toBeGreaterThan(0);
    expect(statSync(output).size).toBe(expected.length);
    rmSync(output);
  }, 300_000);
});
