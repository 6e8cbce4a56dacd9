import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import published from "../../examples/handchecks/handchecks.json" with { type: "json" };
import { encodeNpy } from "../../src/checkpoints/index.ts";
import { InstanceNorm2d, tensor } from "../../src/index.ts";
import { describeInChromium } from "./support/chromium.ts";
import { type Cell, cellOf, cornerOf, digits, type Extents, runningOf } from "./support/expected.ts";
import { drop, type Opened, tabTo, usePlayground } from "./support/playground.ts";

/** Six digits are shown, of float32 results. */
const tolerance = 2e-5;

const near = (text: string | null, value: number): void => {
  expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(value)));
};

const numberIn = async (page: Page, id: string): Promise<string | null> => page.getByTestId(id).textContent();

const expectCell = async (page: Page, expected: Cell): Promise<void> => {
  expect(Number(await numberIn(page, "count"))).toBe(expected.count);
  if (expected.mean === null) expect(await page.getByTestId("mean").count()).toBe(0);
  else near(await numberIn(page, "mean"), expected.mean);
  near(await numberIn(page, "variance"), expected.variance);
  near(await numberIn(page, "y"), expected.y);
};

const expectSilent = ({ complaints, strays }: Opened): void => {
  expect(complaints).toEqual([]);
  expect(strays).toEqual([]);
};

describeInChromium("the playground", () => {
  const open = usePlayground();

  describe("See", () => {
    const titles = {
      batch: "BatchNorm2d",
      layer: "LayerNorm",
      instance: "InstanceNorm2d",
      group: "GroupNorm",
      channel: "LayerNorm over channels",
      rms: "RMSNorm",
    };

    test("shows the statistic of the cell under the pointer, for every layer, as the library computes it", async () => {
      const opened = await open();
      const { page } = opened;
      const extents: Extents = [3, 6, 3, 3];
      const x = cornerOf(await digits(), extents);
      for (const [norm, title] of Object.entries(titles)) {
        await page.getByRole("radio", { name: title, exact: true }).check({ force: true });
        for (const cell of [0, 71, 161]) {
          await page.locator(`[data-cell="${cell}"]`).hover();
          const expected = cellOf(norm, x, extents, cell, 2);
          await expectCell(page, expected);
          expect(await page.locator(".cell:not(.other)").count(), `${norm}: cells lit`).toBe(expected.count);
        }
      }
      expectSilent(opened);
    });

    test("follows shape, groups, layout and eps, and the address brings all of it back", async () => {
      const opened = await open();
      const { page } = opened;
      await page.getByRole("radio", { name: "GroupNorm", exact: true }).check({ force: true });
      await page.getByLabel("Samples (N)").selectOption("2");
      await page.getByLabel("Channels (C)").selectOption("8");
      await page.getByLabel("Height and width").selectOption("4");
      await page.getByLabel("Groups").selectOption("4");
      await page.getByLabel("Memory layout").selectOption("channels-last");
      await page.getByLabel("Colours show").selectOption("after");
      await page.locator('[data-cell="200"]').click();
      const extents: Extents = [2, 8, 4, 4];
      const expected = cellOf("group", cornerOf(await digits(), extents), extents, 200, 4);
      await expectCell(page, expected);
      await page.reload();
      await page.locator('[data-cell="200"]').waitFor();
      await expectCell(page, expected);
      expect(await page.getByLabel("Groups").inputValue()).toBe("4");
      expect(await page.getByLabel("Memory layout").inputValue()).toBe("channels-last");
      expect(await page.getByLabel("Colours show").inputValue()).toBe("after");
      await page.getByLabel("eps").fill("0.5");
      await page.getByLabel("eps").press("Enter");
      const damped = expected.y * Math.sqrt((expected.variance + 1e-5) / (expected.variance + 0.5));
      near(await numberIn(page, "y"), damped);
      expectSilent(opened);
    });

    test("takes an array that is typed, pasted or dropped, and says what is wrong with one", async () => {
      const opened = await open();
      const { page } = opened;
      await page.getByText("Your own array").click();
      const typed = page.getByRole("textbox", { name: /Typed or pasted/ });
      await typed.fill("[[1, 2], [3, 6]]");
      await expectCell(page, cellOf("batch", [1, 2, 3, 6], [2, 2, 1, 1], 0));
      await typed.fill("[[1, 2], [3]]");
      await page
        .getByRole("alert")
        .filter({ hasText: "expected every list at depth 1 to have 2 items" })
        .waitFor();
      await typed.fill("[1, 2, 3]");
      await page.getByRole("alert").filter({ hasText: "expected 2 to 4 axes (N, C, H, W), got 1" }).waitFor();
      const zone = "Or drop a file";
      await drop(page, zone, { name: "empty.npy", bytes: new Uint8Array(0) });
      await page
        .getByRole("alert")
        .filter({ hasText: "empty.npy: expected an array, got an empty file" })
        .waitFor();
      const own = [1, -2, 3, 7, 5, 6, 0, 8, 9, 10, 11, 12];
      const bytes = encodeNpy(tensor(Float32Array.from(own), [1, 3, 2, 2]));
      await drop(page, zone, { name: "own.npy", bytes });
      await page.locator('[data-cell="11"]').hover();
      await expectCell(page, cellOf("batch", own, [1, 3, 2, 2], 11));
      expect(await page.getByRole("alert").count()).toBe(0);
      await page.getByRole("button", { name: "Back to the digits" }).click();
      await page.locator('[data-cell="161"]').waitFor();
      expectSilent(opened);
    });

    test("moves the running statistics in train alone, by PyTorch's rule", async () => {
      const opened = await open("#see?channel=3&momentum=0.25");
      const { page } = opened;
      const x = await digits();
      const options = { channel: 3, momentum: 0.25 };
      const expectRunning = async (history: Parameters<typeof runningOf>[1]): Promise<void> => {
        const { mean, variance } = runningOf(x, history, options);
        near(await numberIn(page, "running-mean"), mean);
        near(await numberIn(page, "running-var"), variance);
      };
      const start = { mode: "train", steps: 30 };
      await page.getByTestId("running-mean").waitFor();
      await expectRunning([start]);
      await page.getByRole("button", { name: "Start again" }).click();
      await expectRunning([]);
      const history: { mode: string; steps: number }[] = [];
      for (const [button, mode] of [
        ["10 steps in train", "train"],
        ["10 steps in eval", "eval"],
        ["10 steps frozen", "freeze"],
        ["10 steps in train", "train"],
      ] as const) {
        await page.getByRole("button", { name: button }).click();
        history.push({ mode, steps: 10 });
        await expectRunning(history);
      }
      expect(new URL(page.url()).hash).toContain("steps=train10.eval10.freeze10.train10");
      await page.reload();
      await page.getByTestId("running-mean").waitFor();
      await expectRunning(history);
      expectSilent(opened);
    });

    test("says of a layer without running statistics that it has none", async () => {
      const { page } = await open("#see?norm=layer");
      await page.getByText("keeps no running statistics").waitFor();
    });
  });

  describe("Check", () => {
    const verdicts = [
      ["No, it is not BatchNorm2d", "shares one mean and variance across the 2 channels"],
      ["Yes, it is BatchNorm2d"],
      ["Yes, it is BatchNorm2d"],
      ["It is BatchNorm, channels last, eps=1e-10, but for eps", "eps = 0 to "],
      ["No, it is not LayerNorm([3,20,20]), eps=1e-12", "uses the sample deviation (ddof 1)"],
      ["No, it is not InstanceNorm2d(3), eps=1e-12", "uses the sample deviation (ddof 1)"],
      ["No, it is not GroupNorm(3, 6), eps=1e-12", "uses the sample deviation (ddof 1)"],
    ] as const;

    test("judges each published hand-check after one click", async () => {
      const opened = await open("#check");
      const { page } = opened;
      const names = [...published.cases, ...published.recipes].map(({ name }) => name);
      expect(names).toHaveLength(verdicts.length);
      for (const [i, [verdict, difference]] of verdicts.entries()) {
        await page.getByRole("button", { name: names[i] as string }).click();
        await page.getByRole("heading", { name: verdict, exact: true }).waitFor();
        const differences = page.getByRole("list", { name: "What differs" });
        if (difference === undefined) expect(await differences.count()).toBe(0);
        else expect(await differences.textContent()).toContain(difference);
        expect(new URL(page.url()).hash).toContain(`example=${i}`);
      }
      expectSilent(opened);
    });

    test("answers for arrays that are pasted, and the address brings them back", async () => {
      const opened = await open("#check");
      const { page } = opened;
      await page.getByLabel("x, the input").fill("tensor([[1., 2.], [3., 6.]])");
      await page.getByLabel("y, the output").fill("[[-0.99998 0.99998]\n [-0.999998 0.999998]]");
      await page.getByRole("button", { name: "Identify" }).click();
      const message = page.getByTestId("message");
      await message.filter({ hasText: "LayerNorm" }).waitFor();
      const said = await message.textContent();
      await page.reload();
      await message.filter({ hasText: "LayerNorm" }).waitFor();
      expect(await message.textContent()).toBe(said);
      expectSilent(opened);
    });

    test("keeps a file that misses the zones from taking the page's place", async () => {
      const { page, complaints } = await open("#check");
      const isStopped = (what: string) =>
        page.evaluate<boolean[]>(`(() => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(${what});
          const init = { dataTransfer, bubbles: true, cancelable: true };
          const header = document.querySelector("header");
          return ["dragover", "drop"].map((type) => !header.dispatchEvent(new DragEvent(type, init)));
        })()`);
      expect(await isStopped('new File(["1 2 3"], "x.txt")')).toEqual([true, true]);
      // Text can be dragged as ever.
      expect(await isStopped('"1 2 3", "text/plain"')).toEqual([false, false]);
      expect(complaints).toEqual([]);
    });

    test("takes files that are dropped or chosen", async () => {
      const opened = await open("#check");
      const { page } = opened;
      const x = tensor(
        Float32Array.from({ length: 48 }, (_, i) => Math.sin(i * i)),
        [2, 3, 2, 4],
      );
      const y = new InstanceNorm2d(3).forward(x);
      const [npy, json] = [encodeNpy(x), JSON.stringify(nested(Array.from(y.data, Number), y.shape))];
      const [zoneX, zoneY] = ["x as a file", "y as a file"];
      await drop(page, zoneX, { name: "x.npy", bytes: npy });
      await page
        .getByLabel(zoneY)
        .setInputFiles({ name: "y.json", mimeType: "application/json", buffer: Buffer.from(json) });
      await page.getByRole("button", { name: "Identify" }).click();
      await page.getByTestId("verdict").waitFor();
      expect(await page.getByTestId("message").textContent()).toContain("InstanceNorm2d");
      expectSilent(opened);
    });

    test.each([
      [
        "ragged text",
        "[[1, 2], [3]]",
        "[[1, 2], [3, 4]]",
        "x: expected every list at depth 1 to have 2 items, got 1",
      ],
      [
        "other shapes",
        "[[1, 2], [3, 4]]",
        "[[1, 2, 3]]",
        "expected x and y of one shape, got (2, 2) and (1, 3)",
      ],
      ["no numbers", "hello", "[1]", "x: expected a number"],
      ["a shortened print", "tensor([1., ..., 2.])", "[1, 2, 3]", 'shortened by "..."; print all of it'],
    ])("says what is wrong with %s", async (_, x, y, problem) => {
      const { page } = await open("#check");
      await page.getByLabel("x, the input").fill(x);
      await page.getByLabel("y, the output").fill(y);
      await page.getByRole("button", { name: "Identify" }).click();
      await page.getByRole("alert").filter({ hasText: problem }).waitFor();
    });

    test.each([
      ["empty.npy", "", "empty.npy: expected an array, got an empty file"],
      ["empty.txt", "", "empty.txt: expected an array, got an empty file"],
      ["broken.npy", "no npy at all", "npy"],
    ])("says what is wrong with the file %s", async (name, content, problem) => {
      const { page } = await open("#check");
      await drop(page, "x as a file", { name, bytes: Buffer.from(content) });
      await page.getByRole("alert").filter({ hasText: problem }).waitFor();
      expect(await page.getByLabel("x, the input").inputValue()).toBe("");
    });

    test("stops a long search", async () => {
      const opened = await open("#check");
      const { page } = opened;
      const noise = (seed: number): string =>
        JSON.stringify(
          nested(
            Array.from({ length: 8192 }, (_, i) => Math.sin(seed * (i + 1) ** 2)),
            [8, 16, 8, 8],
          ),
        );
      await page.getByLabel("x, the input").fill(noise(1));
      await page.getByLabel("y, the output").fill(noise(7.3));
      await page.getByRole("button", { name: "Identify" }).click();
      await page.getByRole("status").filter({ hasText: "Hypotheses tried" }).waitFor();
      await page.getByRole("button", { name: "Stop" }).click();
      expect(await page.getByRole("status").count()).toBe(0);
      expect(await page.getByTestId("verdict").count()).toBe(0);
      await expect.poll(() => page.workers().length, { timeout: 10_000 }).toBe(0);
      await page.getByRole("button", { name: published.cases[0]?.name as string }).click();
      await page.getByRole("heading", { name: verdicts[0][0] }).waitFor();
      expectSilent(opened);
    });
  });

  describe("Speed", () => {
    test.each([true, false])("measures every layer against a copy (isolated: %s)", async (isolated) => {
      const opened = await open("#speed", { isolated });
      const { page } = opened;
      await page.getByRole("button", { name: "Measure" }).waitFor();
      expect(await page.getByText("One thread").count()).toBe(isolated ? 0 : 1);
      await page.getByRole("button", { name: "Measure" }).click();
      await page.getByRole("status").filter({ hasText: "Cases measured" }).waitFor();
      const rows = page.getByRole("table").getByRole("row");
      await rows.nth(8).waitFor();
      for (const row of (await rows.all()).slice(1)) {
        const numbers = (await row.getByRole("cell").allTextContents()).slice(1).map(Number.parseFloat);
        expect(numbers).toHaveLength(4);
        for (const number of numbers) expect(number).toBeGreaterThan(0);
      }
      await page.locator("figure.plot svg").waitFor();
      expectSilent(opened);
    });

    test("stops", async () => {
      const { page } = await open("#speed?large=on");
      await page.getByRole("button", { name: "Measure" }).click();
      await page.getByRole("button", { name: "Stop" }).click();
      expect(await page.getByRole("status").count()).toBe(0);
      expect(await page.getByRole("button", { name: "Measure" }).isEnabled()).toBe(true);
    });
  });

  test("every part can be used by keyboard alone", async () => {
    const opened = await open();
    const { page } = opened;
    const { keyboard } = page;
    await page.locator("[data-cell]").first().waitFor();
    await tabTo(page, ".skip");
    await tabTo(page, "input[name=norm]");
    await keyboard.press("ArrowRight");
    await page.getByText("new LayerNorm([6, 3, 3])").waitFor();
    await tabTo(page, "select");
    await keyboard.press("ArrowDown");
    expect(new URL(page.url()).hash).toContain("n=4");
    await tabTo(page, "svg.cells");
    for (const key of ["ArrowRight", "ArrowDown", "PageDown"]) await keyboard.press(key);
    const extents: Extents = [4, 6, 3, 3];
    await expectCell(page, cellOf("layer", cornerOf(await digits(), extents), extents, 54 + 9 + 1));

    await page.goto(page.url().replace(/#.*/, "#check"));
    await page.getByRole("button", { name: "Identify" }).waitFor();
    await tabTo(page, "[aria-label='Published hand-checks'] button");
    await keyboard.press("Enter");
    await page.getByRole("heading", { name: "No, it is not BatchNorm2d" }).waitFor();
    await tabTo(page, "textarea");
    await keyboard.press("Control+A");
    await keyboard.type("[[1, 2], [3, 6]]");
    await tabTo(page, "textarea");
    await keyboard.press("Control+A");
    await keyboard.type("[[-0.99998, 0.99998], [-0.999998, 0.999998]]");
    await tabTo(page, "button[type=submit]");
    await keyboard.press("Enter");
    await page.getByTestId("message").filter({ hasText: "LayerNorm" }).waitFor();

    await tabTo(page, ".skip");
    await tabTo(page, "nav a[href='#speed']");
    await keyboard.press("Enter");
    await page.getByRole("button", { name: "Measure" }).waitFor();
    await tabTo(page, "main button.primary");
    await keyboard.press("Enter");
    await page.getByRole("button", { name: "Stop" }).waitFor();
    await tabTo(page, "[role=status] button");
    await keyboard.press("Enter");
    expect(await page.getByRole("status").count()).toBe(0);
    expectSilent(opened);
  });
});

/** Numbers as nested lists of a shape. */
function nested(values: readonly number[], [length, ...inner]: readonly number[]): unknown {
  if (inner.length === 0) return values;
  const size = values.length / (length as number);
  return Array.from({ length: length as number }, (_, i) =>
    nested(values.slice(i * size, (i + 1) * size), inner),
  );
}
