// Builds the playground and writes what each part looks like, light, dark and on a phone, to docs/playground.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { launch } from "./support/chromium.ts";
import { buildPlayground, somewhere } from "./support/playground.ts";
import { isolation, serve } from "./support/server.ts";

const target = "docs/playground";

/** Each part by its address, and what is done before its picture is taken. */
const parts: readonly (readonly [name: string, address: string, show: (page: Page) => Promise<unknown>])[] = [
  [
    "see",
    "#see?cell=76&steps=train30.eval10.freeze10.train20",
    (page) => page.locator("figure.plot svg").nth(1).waitFor(),
  ],
  ["check", "#check?example=0", (page) => page.getByTestId("verdict").waitFor()],
  [
    "checkpoint",
    "#checkpoint",
    (page) => page.locator("main section").first().waitFor({ state: "attached" }),
  ],
  [
    "speed",
    "#speed",
    async (page) => {
      await page.getByRole("button", { name: "Measure" }).click();
      await page.getByRole("table").waitFor({ timeout: 120_000 });
      await page.locator("figure.plot svg").waitFor();
    },
  ],
];

const looks = [
  ["light", { colorScheme: "light", viewport: { width: 1280, height: 800 } }],
  ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 800 } }],
  ["phone", { colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true }],
] as const;

const built = buildPlayground();
const site = await serve({ [somewhere]: { folder: built.folder } }, isolation);
const browser = await launch();
try {
  mkdirSync(target, { recursive: true });
  for (const [look, options] of looks) {
    const context = await browser.newContext({
      ...options,
      reducedMotion: "reduce",
      serviceWorkers: "block",
    });
    for (const [name, address, show] of parts) {
      const page = await context.newPage();
      await page.goto(site.origin + somewhere + address);
      await show(page);
      await page.evaluate("scrollTo(0, 0)");
      // What is drawn last, such as a legend, has no event of its own.
      await page.waitForTimeout(500);
      const picture = await page.screenshot({ fullPage: true });
      const file = join(target, `${name}-${look}.png`);
      const { size } = await sharp(picture).png({ palette: true, quality: 90, effort: 10 }).toFile(file);
      console.log(`${file}: ${(size / 1024).toFixed(0)} kB`);
      await page.close();
    }
    await context.close();
  }
} finally {
  await browser.close();
  await site.close();
  built.remove();
}
