import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inspect, readSafetensors, writeSafetensors } from "../../src/checkpoints/index.ts";
import { barsOf } from "../../src/cli/bars.ts";
import { painter } from "../../src/cli/colours.ts";
import { html } from "../../src/cli/html.ts";
import { inspectCommand } from "../../src/cli/inspect.ts";
import { reportOf } from "../../src/cli/inspectReport.ts";
import { inspectionText } from "../../src/cli/inspectText.ts";
import {
  checkpointOf,
  countOf,
  replaced,
  type State,
  trained,
  withChannels,
} from "../checkpoints/health/layers.ts";
import { filesIn, makeFolder, model, removeFolder, runInProcess } from "./support.ts";

let folder: string;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => {
  removeFolder(folder);
  process.exitCode = undefined;
});

const run = (...args: string[]): Promise<string> => runInProcess(inspectCommand(), args);

/** The digits network with a dead channel and a variance of 0. */
async function sick(): Promise<string> {
  const tensors = await readSafetensors(model);
  (tensors.get("bn3.weight")?.data as Float32Array)[5] = 0;
  (tensors.get("bn2.running_var")?.data as Float32Array)[3] = 0;
  const path = join(folder, "sick.safetensors");
  await writeSafetensors(path, tensors);
  return path;
}

const controls = ["\u001b", "\u202e"];

const hostile = '<script>alert("1")</script>\u001b[31m\u202e';

async function reportOn(state: State): Promise<string> {
  return reportOf("model", await inspect(checkpointOf(state)));
}

describe("evenkeel inspect", () => {
  it("shows every layer with its kind, size and scale", async () => {
    const text = await run(model);
    const rows = text.split("\n").map((line) => line.split(/\s+/));
    expect(text).toContain("6 normalization layers (3 BatchNorm, 1 GroupNorm, 1 InstanceNorm, 1 LayerNorm)");
    expect(rows).toContainEqual(
      expect.arrayContaining(["bn1", "BatchNorm", "16", "F32", "3.19", "4.4", "6.49", "ok"]),
    );
    expect(rows).toContainEqual(expect.arrayContaining(["inorm", "InstanceNorm", "32"]));
    expect(text).toMatch(/Nothing is wrong\.$/);
  });

  it("says what is wrong, why and what to do, once for all layers that share it", async () => {
    const text = await run(await sick());
    expect(text).toContain("warning  zero-variance\n  bn2: running_var is 0 in channel 3 of 32");
    expect(text).toContain("note  dead-channels\n  bn3: weight is 0");
    expect(text.match(/ {2}Why {2}/g)).toHaveLength(2);
    expect(text).toMatch(/Look before you use it: 1 warning, 1 note\.$/);
  });

  it("prints JSON", async () => {
    const found = JSON.parse(await run(await sick(), "--json"));
    expect([found.errors, found.warnings, found.notes]).toEqual([0, 1, 1]);
    expect(found.layers[0].scale).toHaveLength(16);
    expect(found.findings[0]).toMatchObject({ rule: "zero-variance", layer: "bn2", channels: [3] });
  });

  it("exits with 1 under --strict, if something is wrong that is not ignored", async () => {
    const path = await sick();
    await run(path);
    expect(process.exitCode).toBeUndefined();
    await run(path, "--strict", "--ignore", "zero-variance", "outliers");
    expect(process.exitCode).toBeUndefined();
    await run(model, "--strict");
    expect(process.exitCode).toBeUndefined();
    await run(path, "--strict");
    expect(process.exitCode).toBe(1);
  });

  it("says so where there is no normalization", async () => {
    const path = join(folder, "none.safetensors");
    await writeSafetensors(path, new Map());
    expect(await run(path)).toBe(`${path}: no normalization layer, by the names and shapes of its tensors`);
    expect(process.exitCode).toBeUndefined();
    await run(path, "--strict");
    expect(process.exitCode).toBe(1);
  });

  it("takes eps", async () => {
    expect(JSON.parse(await run(model, "--json", "--eps", "0.5")).layers[0].eps).toBe(0.5);
  });

  it("writes a report", async () => {
    const path = join(folder, "report.html");
    expect(await run(model, "--html", path)).toMatch(/\nThe report is in .*report\.html$/);
    expect(readFileSync(path, "utf8")).toMatch(/^<!doctype html>/);
    expect(filesIn(folder)).toEqual(["report.html"]);
  });

  it("refuses a missing file, one of another format, an unknown rule and a report's path that cannot be written", async () => {
    await expect(run(join(folder, "none"))).rejects.toThrow(/none/);
    writeFileSync(join(folder, "text"), "hello");
    await expect(run(join(folder, "text"))).rejects.toThrow(/expected safetensors/);
    await expect(run(model, "--ignore", "nothing")).rejects.toThrow(/expected a rule among/);
    await expect(run(model, "--html", join(folder, "no", "report.html"))).rejects.toThrow(
      /no such file or directory/,
    );
  });
});

describe("the text", () => {
  const plain = painter(false);

  it("fits a terminal by the end of the names, and marks guesses", async () => {
    const name = `${"module.".repeat(8)}layer4`;
    const found = await inspect(
      checkpointOf({ ...trained(name), [`${name}.num_batches_tracked`]: countOf(1) }),
    );
    const text = inspectionText("model", found, { paint: plain, columns: 100 });
    expect(text).toMatch(/\n….*layer4 +BatchNorm\?/);
    expect(text).toContain("? neither the keys nor the name tell the kind");
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(110);
  });

  it("has colours only where they are wanted", async () => {
    const found = await inspect(checkpointOf(withChannels("weight", { 1: Number.NaN })));
    const text = (isColoured: boolean): string =>
      inspectionText("model", found, { paint: painter(isColoured), columns: undefined });
    expect(text(false)).not.toContain("\u001b");
    expect(text(true)).toContain("\u001b[31m\u001b[1merror");
    expect(text(false)).toMatch(/Not fit for use as it is: 1 error\.$/);
  });

  it("shows control characters of a name as text", async () => {
    const found = await inspect(checkpointOf(trained(`${hostile}.bn`)));
    const text = inspectionText("model", found, { paint: plain, columns: undefined });
    for (const character of controls) expect(text).not.toContain(character);
    expect(text).toContain("\\u{1b}[31m\\u{202e}.bn");
  });

  it("shows a dash where nothing is finite, and counts layers beyond twelve", async () => {
    const nan = new Float64Array(4).fill(Number.NaN);
    const names = Array.from({ length: 14 }, (_, index) => `norm${index}`);
    const state = Object.fromEntries(
      names.flatMap((name) => [
        [`${name}.weight`, nan],
        [`${name}.bias`, [0, 1, 2, 3]],
      ]),
    );
    const text = inspectionText("model", await inspect(checkpointOf(state)), {
      paint: plain,
      columns: undefined,
    });
    expect(text).toMatch(/norm3 .* - +- +- +1 error/);
    expect(text).toContain("and 2 layers more: see --json");
  });

  it("draws bars of counts", () => {
    expect(barsOf([0, 1, 8, 4], 4)).toBe(" ▁█▄");
    expect(barsOf([1, 1, 2, 0], 2)).toBe("██");
    expect(barsOf([7], 12)).toBe("█");
  });
});

describe("the report", () => {
  it("needs nothing else, and every plot has a title", async () => {
    const report = await reportOn({ ...trained("bn1"), ...withChannels("weight", { 1: Number.NaN, 2: 0 }) });
    expect(report).not.toMatch(/<script|<link|<img|src=|@import|url\(|https?:/);
    expect(report).toContain("default-src 'none'");
    expect(report).toContain("prefers-color-scheme: dark");
    const count = (pattern: RegExp): number => report.match(pattern)?.length ?? 0;
    expect(count(/<svg /g)).toBeGreaterThan(8);
    expect(count(/role="img"><title>[^<]+<\/title>/g)).toBe(count(/<svg /g));
    expect(count(/<svg /g)).toBe(count(/<\/svg>/g));
  });

  it("escapes names, wherever they stand", async () => {
    const layer = trained(`${hostile}.bn`);
    const weight = replaced(layer[`${hostile}.bn.weight`] as Float64Array, { 3: 0 });
    const report = await reportOn({ ...layer, [`${hostile}.bn.weight`]: weight });
    for (const text of ["<script", ...controls]) expect(report).not.toContain(text);
    expect(report).toContain("&lt;script&gt;");
    expect(html`<p title="${hostile}">${[html`<b>${'&<>"'}</b>`]}${1}</p>`.text).toBe(
      '<p title="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;\\u{1b}[31m\\u{202e}"><b>&amp;&lt;&gt;&quot;</b>1</p>',
    );
  });

  it("links findings to their layers, and counts those beyond thirty", async () => {
    const nan = [1, Number.NaN, 1];
    const names = Array.from({ length: 45 }, (_, index) => `norm${index}`);
    const state = Object.fromEntries(
      names.flatMap((name) => [
        [`${name}.weight`, nan],
        [`${name}.bias`, [0, 1, 2]],
      ]),
    );
    const steps: string[] = [];
    const report = await reportOf("m", await inspect(checkpointOf(state)), (done, total) =>
      steps.push(`${done}/${total}`),
    );
    expect(report).toContain('<a href="#layer-3"><bdi>norm3</bdi></a>: weight holds NaN');
    expect(report).toContain("and 15 layers more");
    expect(report).toContain("5 more are in the table above");
    expect(report.match(/ id="layer-\d+"/g)).toHaveLength(40);
    expect(steps.at(-1)).toBe("40/40");
  });

  it("stays small with thousands of layers", async () => {
    const state = Object.assign(
      {},
      ...Array.from({ length: 2500 }, (_, i) => trained(`blocks.${i}.bn`, 4, i)),
    );
    const report = await reportOn(state);
    expect(report.length).toBeLessThan(2_500_000);
    expect(report).toContain("and 500 layers more");
    expect(report).toContain("dark band: middle half");
  });
});
