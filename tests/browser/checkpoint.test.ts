import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Download, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  convert,
  encodeSafetensors,
  fold,
  type LazyTensor,
  openCheckpoint,
  readSafetensors,
  writeSafetensors,
} from "../../src/checkpoints/index.ts";
import { BatchNorm2d } from "../../src/index.ts";
import { describeInChromium } from "./support/chromium.ts";
import { drop, usePlayground } from "./support/playground.ts";

const digits = "examples/digits/model.safetensors";
const pickled = "../shared/data/digits/model.pt";

/** Notes the longest task of the main thread. */
const watchTasks = `
  globalThis.longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
  }).observe({ type: "longtask" });`;

/** Chooses a file as a person does who clicks on the input. */
async function choose(page: Page, path: string): Promise<void> {
  await page.getByLabel(/Drop a checkpoint/).setInputFiles(path);
}

async function bytesOf(download: Download): Promise<Uint8Array> {
  return readFile(await download.path());
}

describeInChromium("the playground's checkpoints", () => {
  const open = usePlayground();
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "evenkeel-checkpoint-"));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("a file of 100 MB is inspected while the page goes on", async () => {
    const path = join(folder, "large.safetensors");
    const tensors = Array.from({ length: 25 }, (_, i) => {
      const weight: LazyTensor = {
        dtype: "F32",
        shape: [64, 256, 8, 8],
        bytes: () => new Uint8Array(4 << 20),
      };
      const norm = Object.entries(new BatchNorm2d(64).stateDict());
      return [
        [`layer${i}.conv.weight`, weight],
        ...norm.map(([name, value]) => [`layer${i}.bn.${name}`, value] as const),
      ] as const;
    });
    await writeSafetensors(path, tensors.flat() as never);
    const { page, complaints } = await open("#checkpoint", { before: watchTasks });
    await page.getByLabel(/Drop a checkpoint/).waitFor();
    // What the page did to be there is not counted.
    await page.waitForLoadState("networkidle");
    await page.evaluate("longest = 0");
    await choose(page, path);
    await page.getByTestId("summary").waitFor();
    expect(await page.getByTestId("summary").textContent()).toContain(
      "25 normalization layers in 150 tensors",
    );
    await page.locator("figure.plot svg").first().waitFor();
    const longest = await page.evaluate<number>("longest");
    const { size } = await stat(path);
    console.log(
      `${(size / 1e6).toFixed(0)} MB inspected; longest task ${longest.toFixed(0)} ms (0: none above 50)`,
    );
    expect(complaints).toEqual([]);
  });

  test("a file that is dropped at once on a slow page is inspected, each of ten times", async () => {
    const bytes = await readFile(digits);
    for (let time = 0; time < 10; time++) {
      const { page } = await open("#checkpoint", { slowdown: 6 });
      await page.getByLabel(/Drop a checkpoint/).waitFor();
      await drop(page, "Drop a checkpoint", { name: "digits.safetensors", bytes });
      await page.getByTestId("summary").waitFor();
      await page.context().close();
    }
  }, 180_000);

  test("what is wrong is told, layer by layer", async () => {
    const path = join(folder, "sick.safetensors");
    const bn = new BatchNorm2d(4);
    bn.runningVar?.data.set([1, -1, 1, 1]);
    bn.runningMean?.data.set([0, Number.NaN, 0, 0]);
    await writeFile(
      path,
      encodeSafetensors(Object.entries(bn.stateDict()).map(([name, value]) => [`bn.${name}`, value])),
    );
    const { page } = await open("#checkpoint");
    await choose(page, path);
    await page.getByTestId("summary").waitFor();
    expect(await page.getByTestId("summary").textContent()).toMatch(/\d errors?/);
    await page.locator("details.layer summary").click();
    await page.locator("details.layer table").waitFor();
    const told = await page.locator("details.layer").textContent();
    expect(told).toContain("NaN");
    expect(told).toContain("running_var");
  });

  test.skipIf(!existsSync(pickled))(
    `a PyTorch file is read, and not executed (needs ${pickled})`,
    async () => {
      const { page, complaints, strays } = await open("#checkpoint");
      await choose(page, pickled);
      await page.getByTestId("summary").waitFor();
      expect(await page.getByTestId("summary").textContent()).toContain("6 normalization layers");
      expect(complaints).toEqual([]);
      expect(strays).toEqual([]);
    },
  );

  test("fold and convert give the files that Node gives", async () => {
    const { page, complaints } = await open("#checkpoint", { acceptDownloads: true });
    await choose(page, digits);
    await page.getByTestId("summary").waitFor();
    await page.getByLabel(/eps, which no file holds/).fill("bn3=0.001");
    await page.getByRole("button", { name: "Fold", exact: true }).click();
    const [folded] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download model-folded.safetensors" }).click(),
    ]);
    const file = await openCheckpoint(digits);
    const inNode = await fold(file, { eps: { bn3: 1e-3 } });
    const fromPage = await readSafetensors(await bytesOf(folded));
    expect([...fromPage.keys()].sort()).toEqual([...inNode.tensors.names].sort());
    for (const [name, { data }] of fromPage)
      expect(data, name).toEqual((await inNode.tensors.tensor(name)).data);

    await page.getByRole("region", { name: "Convert" }).getByRole("combobox").selectOption("keras");
    await page.getByRole("button", { name: "Convert", exact: true }).click();
    const [converted] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download model-keras.safetensors" }).click(),
    ]);
    const asKeras = await convert(file, { to: "keras" });
    const kerasNames = [...(await readSafetensors(await bytesOf(converted))).keys()];
    expect(kerasNames.sort()).toEqual([...asKeras.tensors.names].sort());
    await file.close();
    expect(complaints).toEqual([]);
  });

  test("what is no checkpoint, and an eps that is none, are refused in words", async () => {
    const { page } = await open("#checkpoint");
    const path = join(folder, "notes.safetensors");
    await writeFile(path, "hello");
    await choose(page, path);
    expect(await page.getByRole("alert").textContent()).toContain("notes.safetensors");
    await choose(page, digits);
    await page.getByTestId("summary").waitFor();
    await page.getByLabel(/eps, which no file holds/).fill("much");
    await page.getByRole("button", { name: "Fold", exact: true }).click();
    expect(await page.getByRole("alert").textContent()).toContain("expected an eps");
  });

  test("all of it by keyboard", async () => {
    const { page } = await open("#checkpoint");
    await page.getByRole("button", { name: "Try a network" }).focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("summary").waitFor();
    await page.locator("details.layer summary").first().focus();
    await page.keyboard.press("Enter");
    await page.locator("details.layer table").first().waitFor();
    await page.getByRole("button", { name: "Convert", exact: true }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: /^Download .*megengine/ }).waitFor();
  });
});
