import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { complaintsOf, launch } from "./chromium.ts";
import { isolation, type Site, serve } from "./server.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** The page is not at the root of its server: it must work from any folder. */
export const somewhere = "/some/where/";

/** Builds the playground into a folder of its own; `remove` when done. */
export function buildPlayground(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-playground-"));
  const arguments_ = ["build", "playground", "--outDir", folder, "--emptyOutDir", "--logLevel", "error"];
  execFileSync(process.execPath, ["node_modules/vite/bin/vite.js", ...arguments_], {
    cwd: root,
    env: { ...process.env, NODE_ENV: "production" },
  });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Milliseconds that anything on the page may take, on a machine that has other work. */
const timeout = 20_000;

/** A page of the playground that was opened. */
export interface Opened {
  readonly page: Page;
  /** What the page complained of: it must stay empty. */
  readonly complaints: readonly string[];
  /** Addresses asked for outside the playground's folder: it must stay empty. */
  readonly strays: readonly string[];
}

/** How a page is opened. */
export interface OpenOptions extends BrowserContextOptions {
  /** Whether the server sends the headers that give shared memory; by default it does. */
  readonly isolated?: boolean;
  /** A script to run before the page's own. */
  readonly before?: string;
  /** How many times slower than the machine the page is. */
  readonly slowdown?: number;
}

/** Builds and serves the playground for the tests of a describe block; what comes back opens pages of it. */
export function usePlayground(): (address?: string, options?: OpenOptions) => Promise<Opened> {
  let browser: Browser;
  let built: ReturnType<typeof buildPlayground>;
  const sites: Site[] = [];
  beforeAll(async () => {
    built = buildPlayground();
    const routes = { [somewhere]: { folder: built.folder } };
    sites.push(await serve(routes, isolation), await serve(routes));
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all(sites.map((site) => site.close()));
    built?.remove();
  });
  return async (address = "", { isolated = true, before, slowdown = 1, ...options } = {}) => {
    const base = (sites[isolated ? 0 : 1] as Site).origin + somewhere;
    const context = await browser.newContext(options);
    context.setDefaultTimeout(timeout);
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    const strays: string[] = [];
    context.on("request", (request) => {
      if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(base)) strays.push(request.url());
    });
    if (before !== undefined) await page.addInitScript(before);
    const devtools = await context.newCDPSession(page);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: slowdown });
    await page.goto(base + address);
    return { page, complaints, strays };
  };
}

/** Drops a file on the drop zone with this label. */
export async function drop(
  page: Page,
  label: string,
  file: { name: string; bytes: Uint8Array },
): Promise<void> {
  const zone = page.locator("fieldset", { hasText: label });
  await zone.evaluate(
    (target: unknown, { name, bytes }) => {
      const { DataTransfer, DragEvent, File } = globalThis as never as DropRealm;
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
      for (const type of ["dragover", "drop"]) {
        const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
        (target as EventTarget).dispatchEvent(event);
      }
    },
    { name: file.name, bytes: [...file.bytes] },
  );
}

/** What of a page's realm dropping needs. */
interface DropRealm {
  readonly DataTransfer: new () => { readonly items: { add(file: unknown): void } };
  readonly DragEvent: new (type: string, init: object) => Event;
  readonly File: new (parts: readonly Uint8Array[], name: string) => unknown;
}

/** Presses Tab until an element that matches is focused, as one without a mouse would. */
export async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
  }
  throw new Error(`Tab reaches no ${selector}`);
}
