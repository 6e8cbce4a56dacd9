import axe from "axe-core";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { describeInChromium } from "./support/chromium.ts";
import { usePlayground } from "./support/playground.ts";

/** Each part, and how it comes to show all that it has. */
const parts: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  see: async (page) => {
    await page.getByText("Your own array").click();
    await page.getByRole("textbox", { name: /Typed or pasted/ }).fill("[[1, 2], [3]]");
    await page.getByRole("alert").waitFor();
    await page.locator("figure.plot svg").nth(1).waitFor();
  },
  check: async (page) => {
    await page.getByRole("button", { name: "whole-tensor" }).click();
    await page.getByTestId("verdict").waitFor();
    await page.getByText("Or just as well").click();
  },
  checkpoint: (page) => page.locator("main section").first().waitFor({ state: "attached" }),
  speed: async (page) => {
    await page.getByRole("button", { name: "Measure" }).click();
    await page.getByRole("table").waitFor();
    await page.locator("figure.plot svg").waitFor();
  },
};

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Clicks a cell as soon as there is one, and notes when the panel has answered. */
const clickFirstCell = `
  globalThis.answered = new Promise((resolve) => {
    const watch = new MutationObserver(() => {
      const cell = document.querySelector('[data-cell="10"]');
      if (cell === null) return;
      const clicked = performance.now();
      const of = () => document.querySelector('section[aria-label="The chosen cell"] p')?.textContent;
      const before = of();
      watch.disconnect();
      cell.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      new MutationObserver((_, answer) => {
        if (of() === before) return;
        answer.disconnect();
        requestAnimationFrame(() => resolve({ clicked, answered: performance.now() }));
      }).observe(document.body, { childList: true, subtree: true, characterData: true });
    });
    watch.observe(document, { childList: true, subtree: true });
  });`;

describeInChromium("the playground as a page", () => {
  const open = usePlayground();

  test.each(
    Object.keys(parts).flatMap((part) =>
      (["light", "dark"] as const).map((scheme) => [part, scheme] as const),
    ),
  )("%s, %s: no serious accessibility violation", async (part, colorScheme) => {
    const { page, complaints } = await open(`#${part}`, { colorScheme, reducedMotion: "reduce" });
    await parts[part]?.(page);
    await page.evaluate(axe.source);
    const violations = await page.evaluate<Violation[]>("axe.run().then(({ violations }) => violations)");
    const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    expect(grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test.each(Object.keys(parts))("%s fits a phone", async (part) => {
    const { page } = await open(`#${part}`, { viewport: { width: 390, height: 844 }, hasTouch: true });
    await parts[part]?.(page);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
  });

  test("answers the first click before it loads what other parts need", async () => {
    const { page } = await open("", { before: clickFirstCell });
    const { clicked, answered } = await page.evaluate<{ clicked: number; answered: number }>("answered");
    const late = await page.evaluate<number[]>(
      "new Promise((resolve) => setTimeout(resolve, 1500)).then(() => performance.getEntriesByType('resource')" +
        ".filter(({ name }) => /vega|worker/.test(name)).map(({ startTime }) => startTime))",
    );
    expect(late.length).toBeGreaterThan(0);
    expect(Math.min(...late)).toBeGreaterThan(clicked);
    console.log(
      `cold cache: first cell clickable after ${clicked.toFixed(0)} ms, answered after ${answered.toFixed(0)} ms`,
    );
  });

  test("works without network after one visit, isolated whatever the server sends", async () => {
    const opened = await open("#speed", { isolated: false, serviceWorkers: "allow" });
    const { page, complaints, strays } = opened;
    await page.getByText("kept offline by now").waitFor();
    await page.evaluate("navigator.serviceWorker.ready");
    await page.context().setOffline(true);
    await page.getByRole("button", { name: "Load again" }).click();
    await page.waitForFunction("globalThis.crossOriginIsolated");
    expect(await page.getByText("One thread").count()).toBe(0);
    for (const [part, show] of Object.entries(parts)) {
      await page.goto(`${page.url().replace(/[?#].*/, "")}?${part}#${part}`);
      await show(page);
    }
    expect(complaints).toEqual([]);
    expect(strays).toEqual([]);
    // There really is no network.
    expect(await page.evaluate("fetch('not-kept').then(() => true, () => false)")).toBe(false);
  });
});
