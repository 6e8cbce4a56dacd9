import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readNpy } from "../../src/checkpoints/index.ts";
import { expectClose } from "../layers/support.ts";
import {
  built,
  ensureBuilt,
  filesIn,
  makeFolder,
  model,
  recorded,
  removeFolder,
  writeInput,
} from "./support.ts";

let folder: string;

beforeAll(ensureBuilt, 120_000);

beforeEach(() => {
  folder = makeFolder();
});

afterEach(() => removeFolder(folder));

function evenkeel(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [built, ...args], { encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}

function run(flags: Readonly<Record<string, string>>, ...bare: string[]): ReturnType<typeof evenkeel> {
  const all = {
    "--model": model,
    "--layer": "bn1",
    "--input": join(folder, "x.npy"),
    "--output": join(folder, "y.npy"),
    ...flags,
  };
  return evenkeel("run", ...Object.entries(all).flat(), ...bare);
}

test("run writes the result and says so", async () => {
  await writeInput(folder, "bn1");
  const { code, out, err } = run({});
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("bn1: BatchNorm2d(16");
  const y = await readNpy(join(folder, "y.npy"));
  expectClose(y.data as Float32Array, (await recorded("eval", "bn1.output")).data, 2e-6);
});

test("demo exits 0 and prints no error", () => {
  const { code, out, err } = evenkeel("demo", "--json");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(JSON.parse(out).isWithinBound).toBe(true);
});

describe("a call that is refused: one line on stderr, exit 2, nothing written", () => {
  test.each<[string, Record<string, string>, string[], RegExp]>([
    ["a missing file", { "--input": "no.npy" }, [], /no\.npy: ENOENT/],
    ["a missing model", { "--model": "no.safetensors" }, [], /no\.safetensors: ENOENT/],
    ["a wrong shape", { "--layer": "gn", "--type": "BatchNorm2d" }, [], /BatchNorm2d/],
    [
      "an error of several lines",
      { "--layer": "ln", "--type": "BatchNorm2d" },
      [],
      /size mismatch for weight.*bias/,
    ],
    ["an unknown layer", { "--layer": "bn9" }, [], /no normalization layer "bn9"/],
    ["an unknown type", { "--type": "BatchNorm4d" }, [], /unknown layer type "BatchNorm4d"/],
    ["a bad number", { "--eps": "abc" }, [], /'abc' is invalid/],
    ["--train with --eval", {}, ["--train", "--eval"], /cannot be used with/],
    [
      "an output folder that does not exist",
      { "--output": "no/such/y.npy" },
      [],
      /cannot write no\/such\/y\.npy/,
    ],
    ["an option with a typing error", { "--momentun": "0.1" }, [], /unknown option '--momentun'/],
  ])("%s", async (_, flags, bare, message) => {
    await writeInput(folder, "bn1");
    const { code, out, err } = run(flags, ...bare);
    expect(err).toMatch(message);
    expect(err).toMatch(/^evenkeel: [^\n]+\n$/);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(filesIn(folder)).toEqual(["x.npy"]);
  });

  test("an empty file", () => {
    writeFileSync(join(folder, "x.npy"), "");
    const { code, err } = run({});
    expect(code).toBe(2);
    expect(err).toMatch(/^evenkeel: [^\n]*magic bytes[^\n]*\n$/);
    expect(filesIn(folder)).toEqual(["x.npy"]);
  });

  test.each([[["frobnicate"]], [["demo", "extra"]], [["--frobnicate"]]])("evenkeel %j", (args) => {
    const { code, out, err } = evenkeel(...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^evenkeel: [^\n]+\n$/);
  });
});

test("without a command it prints its help and exits 2", () => {
  const { code, err } = evenkeel();
  expect(code).toBe(2);
  expect(err).toContain("Usage: evenkeel");
});

describe("exit 0", () => {
  test.each([[["--help"]], [["run", "--help"]], [["demo", "--help"]], [["help", "run"]]])(
    "evenkeel %j",
    (args) => {
      const { code, out, err } = evenkeel(...args);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain("Usage: evenkeel");
    },
  );

  test.each(["--version", "-v"])("evenkeel %s", (flag) => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(evenkeel(flag)).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });
});
