import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { encodeNpy, readNpy, writeNpy } from "../../src/checkpoints/index.ts";
import { compareCommand } from "../../src/cli/compare.ts";
import { explainCommand } from "../../src/cli/explain.ts";
import { identifyCommand } from "../../src/cli/identify.ts";
import { functional as F, type Tensor, tensor } from "../../src/index.ts";
import { normals } from "../random.ts";
import { makeFolder, removeFolder, runInProcess } from "./support.ts";

let folder: string;
let path: (name: string) => string;

beforeEach(() => {
  folder = makeFolder();
  path = (name) => join(folder, name);
});

afterEach(() => {
  removeFolder(folder);
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

function stdin(content: string | Uint8Array): void {
  const stream = Readable.from([Buffer.from(content)]);
  vi.spyOn(process, "stdin", "get").mockReturnValue(stream as unknown as typeof process.stdin);
}

const [handcheck] = JSON.parse(readFileSync("examples/handchecks/handchecks.json", "utf8")).cases;

describe("evenkeel identify", () => {
  test("a printed hand-check, against what was meant", async () => {
    writeFileSync(path("x.txt"), JSON.stringify(handcheck.x));
    writeFileSync(path("y.txt"), JSON.stringify(handcheck.y));
    const args = [path("x.txt"), path("y.txt"), "--meant", "BatchNorm2d", "--probe", path("probe.npy")];
    const printed = await runInProcess(identifyCommand(), args);
    expect(printed).toContain("shares one mean and variance across the 2 channels");
    expect(printed).toContain("NumPy     (x - x.mean(axis=(0, 1, 2, 3), keepdims=True))");
    expect((await readNpy(path("probe.npy"))).shape).toEqual([1, 1, 1, 2]);
    expect(process.exitCode).toBeUndefined();
  });

  test("--json from npy and standard input; running statistics", async () => {
    const x = tensor(normals(300, 3), [3, 4, 5, 5]) as Tensor;
    const [mean, variance] = [tensor(new Float64Array(4), [4]), tensor(new Float64Array(4).fill(1), [4])];
    const y = F.batchNorm(x, { training: true });
    await writeNpy(path("x.npy"), x);
    await writeNpy(path("mean.npy"), mean);
    await writeNpy(path("var.npy"), variance);
    F.batchNorm(x, { training: true, runningMean: mean, runningVar: variance });
    await writeNpy(path("mean1.npy"), mean);
    await writeNpy(path("var1.npy"), variance);
    stdin(encodeNpy(y));
    const found = JSON.parse(
      await runInProcess(identifyCommand(), [
        ...[path("x.npy"), "-", "--json"],
        ...["--before", `${path("mean.npy")},${path("var.npy")}`],
        ...["--after", `${path("mean1.npy")},${path("var1.npy")}`],
      ]),
    );
    expect(found).toMatchObject({ fits: true, certain: true, tried: expect.any(Number) });
    expect(found.survivors[0]).toMatchObject({ op: "BatchNorm2d", momentumWeighs: "new" });
  });

  test("nothing fits: exit code 1", async () => {
    stdin("[[1, 2, 3], [4, 5, 7]]");
    writeFileSync(path("y.txt"), "[[3.1, 0.2, 9.4], [4.5, -7.1, 2.6]]");
    expect(await runInProcess(identifyCommand(), ["-", path("y.txt")])).toMatch(/^None fits/);
    expect(process.exitCode).toBe(1);
  });

  test("a missing file is named", async () => {
    await expect(runInProcess(identifyCommand(), ["absent.txt", "absent.txt"])).rejects.toThrow(
      "cannot read absent.txt: ENOENT",
    );
    expect(existsSync(path("probe.npy"))).toBe(false);
  });
});

describe("evenkeel compare", () => {
  test("agrees, disagrees with exit code 1, --json with infinities as text", async () => {
    writeFileSync(path("a.txt"), "[1.0, 2.0]");
    writeFileSync(path("b.txt"), "[1.0, 2.5]");
    const run = (...args: string[]): Promise<string> => runInProcess(compareCommand(), args);
    expect(await run(path("a.txt"), path("b.txt"), "--tolerance", "1")).toMatch(/^Agrees: all 2 elements/);
    expect(process.exitCode).toBeUndefined();
    expect(await run(path("a.txt"), path("b.txt"), "--relative", "0.1")).toMatch(/^Disagrees: 1 of 2/);
    expect(process.exitCode).toBe(1);
    writeFileSync(path("c.txt"), "[1.0, inf]");
    const found = JSON.parse(await run(path("c.txt"), path("b.txt"), "--json"));
    expect(found).toMatchObject({ agrees: false, mismatched: 1, perChannel: [0, "Infinity"] });
  });
});

describe("evenkeel explain", () => {
  test("text, Markdown and JSON", async () => {
    stdin("[[1.0, 2.0], [3.0, 6.0]]");
    const text = await runInProcess(explainCommand(), ["BatchNorm1d", "--input", "-", "--at", "1,1"]);
    expect(text).toContain("The element at [1, 1]");
    expect(text).toContain("x - mean = 6 - 4 = 2");
    stdin("[[1.0, 2.0], [3.0, 6.0]]");
    const markdown = await runInProcess(explainCommand(), ["LayerNorm", "--input", "-", "--markdown"]);
    expect(markdown).toMatch(/^## LayerNorm\(\(2,\)/);
    stdin("[[1.0, 2.0], [3.0, 6.0]]");
    const json = JSON.parse(
      await runInProcess(explainCommand(), ["RMSNorm", "--input", "-", "--json", "--eps", "0"]),
    );
    expect(json).toMatchObject({ count: 2, centered: false, variance: [2.5, 22.5] });
  });
});
