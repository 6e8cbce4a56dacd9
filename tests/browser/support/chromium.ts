import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { describe, test } from "vitest";

const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** The system's Chromium: CHROME_PATH, or the first on PATH. */
function chromiumPath(): string | undefined {
  const { CHROME_PATH, PATH = "" } = process.env;
  if (CHROME_PATH !== undefined) return existsSync(CHROME_PATH) ? CHROME_PATH : undefined;
  const candidates = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  return candidates.find((path) => existsSync(path));
}

/** Tests that need Chromium: skipped, and said so, where there is none; in CI that is a failure. */
export function describeInChromium(name: string, tests: () => void): void {
  if (chromiumPath() !== undefined) {
    describe(name, tests);
  } else if (process.env.CI) {
    test(name, () => {
      throw new Error("no Chromium on PATH nor at CHROME_PATH, and CI must have one");
    });
  } else {
    test.skip(`${name}: no Chromium on PATH nor at CHROME_PATH`, () => {});
  }
}

/** A Chromium with an empty profile that asks nothing of the network by itself. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath() as string,
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Collects what a page complains of, as lines. */
export function complaintsOf(page: Page): string[] {
  const lines: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") lines.push(message.text());
  });
  page.on("pageerror", (error) => lines.push(String(error)));
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText;
    // The page's own doing: it has read what it wanted, or has gone elsewhere.
    if (reason !== "net::ERR_ABORTED") lines.push(`${request.url()}: ${reason}`);
  });
  return lines;
}
