import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { demoCommand } from "../../src/cli/demo.ts";
import { type DemoRow, digitsRows, ulpBounds } from "../../src/cli/demoDigits.ts";
import { type HandcheckRow, handcheckRows } from "../../src/cli/demoHandchecks.ts";
import { runInProcess } from "./support.ts";

const layers = ["bn1", "gn", "inorm", "bn2", "ln", "bn3"];
const disagreeing = [
  "whole-tensor 'BatchNorm2D'",
  "LayerNorm by hand with a sample standard deviation",
  "InstanceNorm by hand with a sample standard deviation",
  "GroupNorm by hand with a sample standard deviation",
];

afterEach(() => {
  process.exitCode = undefined;
});

describe("evenkeel demo --json", () => {
  let printed: { ulpBound: number; isWithinBound: boolean; digits: DemoRow[]; handchecks: HandcheckRow[] };

  beforeAll(async () => {
    printed = JSON.parse(await runInProcess(demoCommand(), ["--json"]));
  });

  test("a row for every layer in eval and in training", () => {
    expect(printed.digits.map(({ layer, mode }) => `${layer} ${mode}`)).toEqual(
      layers.flatMap((layer) => [`${layer} eval`, `${layer} train`]),
    );
  });

  test("every quantity that PyTorch recorded is compared", () => {
    const quantities = ["y", "dx", "dWeight", "dBias"];
    const tracked = ["bn1", "inorm", "bn2", "bn3"];
    for (const { layer, mode, distances } of printed.digits) {
      const expected =
        mode === "eval"
          ? ["y"]
          : [...quantities, ...(tracked.includes(layer) ? ["runningMean", "runningVar"] : [])];
      expect(Object.keys(distances), layer).toEqual(expected);
    }
  });

  test("every difference is within the bound of 2 ULP", () => {
    expect([printed.ulpBound, ulpBounds.reference, printed.isWithinBound]).toEqual([2, 2, true]);
    const distances = printed.digits.flatMap((row) => Object.values(row.distances));
    expect(distances).toHaveLength(6 + 6 * 4 + 4 * 2);
    for (const { abs, ulp } of distances) {
      expect(ulp).toBeLessThanOrEqual(2);
      expect(abs).toBeLessThan(1e-6);
    }
    expect(Math.max(...distances.map(({ ulp }) => ulp))).toBeGreaterThan(0);
  });

  test("the whole-tensor hand-check and the three sample deviations disagree, and nothing else", () => {
    const { cases, recipes } = JSON.parse(readFileSync("examples/handchecks/handchecks.json", "utf8"));
    const names = [...cases, ...recipes].map(({ name }: { name: string }) => name);
    expect(printed.handchecks.map(({ name }) => name)).toEqual(names);
    expect(printed.handchecks.filter(({ agrees }) => !agrees).map(({ name }) => name)).toEqual(disagreeing);
    for (const { agrees, difference, allowed } of printed.handchecks)
      expect(difference <= allowed).toBe(agrees);
  });

  test("each says why", () => {
    const reasons = printed.handchecks.filter(({ agrees }) => !agrees).map(({ reason }) => reason);
    expect(reasons[0]).toMatch(/^shares one mean and variance across the 2 channels$/);
    for (const reason of reasons.slice(1)) expect(reason).toMatch(/^uses the sample deviation \(ddof 1\)/);
  });
});

test("evenkeel demo prints both tables and leaves the exit code", async () => {
  const printed = await runInProcess(demoCommand(), []);
  const rows = printed.split("\n").filter((line) => /│ (eval|train)\s+│/.test(line));
  expect(rows).toHaveLength(12);
  expect(rows.filter((row) => row.includes("NaN") || row.includes("Infinity"))).toEqual([]);
  expect(printed).toMatch(/Largest difference: [012]\.\d\d ULP, bound 2, backend reference\./);
  expect(printed.match(/DISAGREES/g)).toHaveLength(4);
  expect(printed).toContain("4 of 7 disagree with the layer they were meant to be.");
  expect(process.exitCode).toBeUndefined();
});

describe("a recording that does not fit is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-demo-"));
  const url = pathToFileURL(`${folder}/`);
  const names = ["model.safetensors", "eval.safetensors", "train-step.safetensors", "layers.json"];

  function copyWith(name: string, change: (bytes: Buffer) => Buffer): void {
    for (const file of names) {
      const bytes = readFileSync(join("examples/digits", file));
      writeFileSync(join(folder, file), file === name ? change(bytes) : bytes);
    }
  }

  /** Replaces text by text of the same length, so that the file's offsets stay. */
  function replaced(from: string, to: string): (bytes: Buffer) => Buffer {
    return (bytes) => {
      const at = bytes.indexOf(from);
      expect(at).toBeGreaterThan(-1);
      const copy = Buffer.from(bytes);
      copy.write(to, at);
      return copy;
    };
  }

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    ["layers.json", replaced("BatchNorm2d(16", "BatchNorm2d(17"), "demo: bn1 was recorded as BatchNorm2d(17"],
    ["eval.safetensors", replaced('"bn1.output"', '"bn1.outpud"'), "demo: the recording holds no bn1.output"],
    ["model.safetensors", replaced('"gn.weight"', '"gn.veight"'), "Missing key(s) in state_dict"],
  ])("%s", async (name, change, message) => {
    const { mkdirSync } = await import("node:fs");
    mkdirSync(folder, { recursive: true });
    copyWith(name, change);
    await expect(digitsRows(url)).rejects.toThrow(message);
  });
});

test("a hand-check that no normalization made is said to fit none", async () => {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-demo-"));
  const file = join(folder, "handchecks.json");
  const odd = { name: "odd", x: [[[[1, 2]]]], y: [[[[5, 9]]]], printedDigits: 4, meant: "BatchNorm2d(1)" };
  writeFileSync(file, JSON.stringify({ cases: [odd], recipes: [] }));
  const [row] = await handcheckRows(pathToFileURL(file));
  rmSync(folder, { recursive: true });
  expect(row).toMatchObject({ agrees: false, reason: expect.stringMatching(/^None fits/) });
});
