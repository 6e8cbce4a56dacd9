import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bitsOf } from "../../bench/bits.ts";
import { inPool } from "../../bench/library.ts";
import * as library from "../../src/index.ts";
import { suitesIn } from "../conformance/suites.ts";
import { bundled } from "./support/bundle.ts";
import { complaintsOf, describeInChromium, launch } from "./support/chromium.ts";
import { isolation, type Route, type Site, serve } from "./support/server.ts";

const folder = process.env.EVENKEEL_CONFORMANCE ?? "../shared/conformance";

/** Records calls of Atomics.wait, which would freeze a page; a worker's own realm is not touched. */
const watchWaits =
  "globalThis.waits = 0; const wait = Atomics.wait; Atomics.wait = (...a) => { waits++; return wait(...a); };";

/** A script tag away from the published files. */
const plainScript = `
  import { BatchNorm2d, empty, setThreads, threadsReady } from "./dist/index.js";
  const bn = new BatchNorm2d(64);
  const x = empty([8, 64, 56, 56]);
  for (let i = 0; i < x.data.length; i++) x.data[i] = Math.sin(i);
  globalThis.answer = async (threads) => {
    setThreads(threads);
    const usable = await threadsReady();
    let last;
    for (let i = 0; i < 5; i++) last = bn.forward(x, { out: last });
    return { threads: usable, isolated: crossOriginIsolated, sum: last.data.reduce((a, b) => a + Math.abs(b), 0) };
  };`;

const page = (script: string): string =>
  `<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="${script}"></script>`;

const modes = [
  ["isolated", isolation, 2],
  ["not isolated", {}, 1],
] as const;

describeInChromium("the library in a page", () => {
  let browser: Browser;
  const sites: Site[] = [];

  beforeAll(async () => {
    browser = await launch();
  });

  afterAll(async () => {
    await browser?.close();
    await Promise.all(sites.map((site) => site.close()));
  });

  async function open(
    script: string,
    headers: Readonly<Record<string, string>>,
    more: Readonly<Record<string, Route>> = {},
  ): Promise<{ readonly tab: Page; readonly complaints: readonly string[] }> {
    const site = await serve(
      {
        "/": { html: page("/page.js") },
        "/page.js": { script },
        "/dist/": { folder: "dist" },
        "/favicon.ico": { script: "" },
        ...more,
      },
      headers,
    );
    sites.push(site);
    const tab = await browser.newPage();
    const complaints = complaintsOf(tab);
    await tab.addInitScript(watchWaits);
    await tab.goto(site.origin);
    return { tab, complaints };
  }

  describe.each(modes)("%s", (mode, headers, mostThreads) => {
    test("works from a plain script, and never blocks the page", async () => {
      const { tab, complaints } = await open(plainScript, headers);
      await tab.waitForFunction("globalThis.answer !== undefined");
      const one = await tab.evaluate<{ sum: number }>("answer(1)");
      const two = await tab.evaluate("answer(2)");
      expect(two).toEqual({ threads: mostThreads, isolated: mode === "isolated", sum: one.sum });
      expect(await tab.evaluate("waits")).toBe(0);
      expect(complaints).toEqual([]);
    });

    test.skipIf(!existsSync(folder))(`passes the conformance suites (needs ${folder})`, async () => {
      const { tab, complaints } = await open(await bundled("conformance.ts"), headers);
      await tab.waitForFunction("globalThis.runSuite !== undefined");
      let passed = 0;
      for (const [file, suite] of suitesIn(folder)) {
        const result = await tab.evaluate(
          (json) => (globalThis as never as { runSuite: (s: unknown) => never }).runSuite(json),
          suite as never,
        );
        const { failures, ...counts } = result as { failures: string[]; passed: number; skipped: number };
        expect(failures, file).toEqual([]);
        passed += counts.passed;
      }
      console.log(`${mode}: ${passed} conformance cases passed in Chromium`);
      expect(passed).toBeGreaterThan(300);
      expect(complaints).toEqual([]);
    });

    test("gives the bits that Node gives, in kernel memory and in plain arrays, on one and more threads", async () => {
      const { tab } = await open(await bundled("bits.ts"), headers);
      await tab.waitForFunction("globalThis.hashOf !== undefined");
      const hash = createHash("sha256");
      for (const bytes of bitsOf(library, inPool(library))) hash.update(bytes);
      const expected = hash.digest("hex");
      for (const threads of [1, 2, 3]) {
        for (const place of ["pool", "plain"]) {
          expect(await tab.evaluate(`hashOf(${threads}, "${place}")`), `${threads} threads, ${place}`).toBe(
            expected,
          );
        }
      }
      console.log(`${mode}: hash ${expected.slice(0, 16)} in Chromium and in Node`);
    });

    test("works in a worker", async () => {
      const worker = `${plainScript} answer(2).then(postMessage);`;
      const main = `globalThis.fromWorker = new Promise((resolve, reject) => {
        const worker = new Worker("/worker.js", { type: "module" });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
      });`;
      const { tab } = await open(main, headers, { "/worker.js": { script: worker } });
      expect(await tab.evaluate("fromWorker")).toMatchObject({ threads: mostThreads });
    });
  });

  describe("under a strict Content-Security-Policy", () => {
    const policy = (source: string): Record<string, string> => ({
      ...isolation,
      "content-security-policy": `default-src 'none'; ${source}`,
    });

    test("'wasm-unsafe-eval' is all it needs; without workers it computes on one thread", async () => {
      const { tab } = await open(plainScript, policy("script-src 'self' 'wasm-unsafe-eval'"));
      await tab.waitForFunction("globalThis.answer !== undefined");
      expect(await tab.evaluate("answer(2)")).toMatchObject({ threads: 1, isolated: true });
    });

    test("worker-src blob: gives it threads", async () => {
      const { tab, complaints } = await open(
        plainScript,
        policy("script-src 'self' 'wasm-unsafe-eval'; worker-src blob:"),
      );
      await tab.waitForFunction("globalThis.answer !== undefined");
      expect(await tab.evaluate("answer(2)")).toMatchObject({ threads: 2 });
      expect(complaints).toEqual([]);
    });

    test("where WebAssembly is refused the error says what to allow", async () => {
      const { tab } = await open(plainScript, policy("script-src 'self'"));
      await tab.waitForFunction("globalThis.answer !== undefined");
      const message = await tab.evaluate("answer(1).catch(({ message }) => message)");
      expect(message).toMatch(/Content-Security-Policy.*'wasm-unsafe-eval'.*setBackend\("reference"\)/);
    });
  });
});
