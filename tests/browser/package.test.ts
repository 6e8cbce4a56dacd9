import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, type TestContext, test } from "vitest";
import { complaintsOf, describeInChromium, launch } from "./support/chromium.ts";
import { isolation, type Route, type Site, serve } from "./support/server.ts";

/** npm fetches the command line's libraries from the registry. */
const installTimeout = 180_000;

const snippets = [...readFileSync("README.md", "utf8").matchAll(/```ts\n(.*?)```/gs)].map(
  ([, code]) => code as string,
);
const numbered = snippets.map((code, i) => [String(i + 1), code, i] as const);

/** What a snippet says that it prints: `console.log(...); // this`. */
const promised = (code: string): string[] =>
  [...code.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, text]) => text as string);

const folder = mkdtempSync(join(tmpdir(), "evenkeel-package-"));
const project = join(folder, "project");
/** Why the package could not be installed. */
let trouble: string | undefined;

beforeAll(() => {
  mkdirSync(project);
  execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { stdio: "pipe" });
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) as string;
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const { status, stderr } = spawnSync(
    "npm",
    ["install", "--no-audit", "--no-fund", "--prefer-offline", join(folder, tarball)],
    { cwd: project, encoding: "utf8", timeout: installTimeout },
  );
  if (status !== 0) trouble = `npm cannot install the package's dependencies: ${stderr.slice(-300)}`;
  cpSync("examples", join(project, "examples"), { recursive: true });
  for (const [i, code] of snippets.entries()) {
    writeFileSync(join(project, `snippet-${i}.js`), code);
    writeFileSync(
      join(project, `page-${i}.js`),
      `import("./snippet-${i}.js").then(() => { globalThis.outcome = "finished" }, (e) => { globalThis.outcome = String(e) })`,
    );
    writeFileSync(
      join(project, `page-${i}.html`),
      `<!doctype html><title>${i}</title><link rel="icon" href="data:," /><script type="module" src="./page-${i}.js"></script>`,
    );
  }
}, installTimeout + 30_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Without a registry the tests are skipped, and say so; in CI that is a failure. */
function needsInstall({ skip }: TestContext): void {
  if (trouble === undefined) return;
  if (process.env.CI) throw new Error(trouble);
  skip(trouble);
}

/** A bundle of the project's file by esbuild, with nothing configured but that it is for browsers. */
async function bundled(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(project, file)],
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "error",
  });
  return outputFiles[0]?.text ?? "";
}

describe("the package, installed in an empty project", () => {
  test.for(numbered)("README's snippet %s runs in Node as written", ([, code, index], context) => {
    needsInstall(context);
    const { status, stdout, stderr } = spawnSync(process.execPath, [`snippet-${index}.js`], {
      cwd: project,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    for (const line of promised(code)) expect(stdout).toContain(line);
  });

  test("a bundle of one layer carries no other", async (context) => {
    needsInstall(context);
    const layer = 'import { LayerNorm } from "evenkeel"; globalThis.layer = new LayerNorm(4);';
    writeFileSync(join(project, "one.js"), layer);
    const text = await bundled("one.js");
    expect(text).toContain("LayerNorm");
    expect(text.match(/(Batch|Instance|Group)Norm\w*/g)).toBe(null);
  });

  describeInChromium("in a page", () => {
    let browser: Browser;
    const sites: Site[] = [];

    beforeAll(async () => {
      browser = await launch();
      if (trouble !== undefined) return;
      const pages = snippets.map((_, i) => join(project, `page-${i}.html`));
      writeFileSync(
        join(project, "vite.config.js"),
        `export default { base: "./", build: { target: "es2022", rolldownOptions: { input: ${JSON.stringify(pages)} } } }`,
      );
      const vite = join(process.cwd(), "node_modules/vite/bin/vite.js");
      execFileSync(process.execPath, [vite, "build", "--logLevel", "error"], {
        cwd: project,
        env: { ...process.env, NODE_ENV: "production" },
      });
    });

    afterAll(async () => {
      await browser?.close();
      await Promise.all(sites.map((site) => site.close()));
    });

    /** Opens a page and waits for its snippet's end; what the snippet printed. */
    async function outcomeOf(routes: Readonly<Record<string, Route>>, path: string): Promise<string> {
      const site = await serve({ "/examples/": { folder: "examples" }, ...routes }, isolation);
      sites.push(site);
      const page = await browser.newPage();
      const complaints = complaintsOf(page);
      const printed: string[] = [];
      page.on("console", (message) => printed.push(message.text()));
      await page.goto(site.origin + path);
      await page.waitForFunction("globalThis.outcome !== undefined");
      expect(await page.evaluate("outcome")).toBe("finished");
      expect(complaints).toEqual([]);
      return printed.join("\n");
    }

    test.for(numbered)("README's snippet %s runs when built by Vite", async ([, code, index], context) => {
      needsInstall(context);
      const printed = await outcomeOf({ "/": { folder: join(project, "dist") } }, `/page-${index}.html`);
      for (const line of promised(code)) expect(printed).toContain(line);
    });

    test.for(numbered)(
      "README's snippet %s runs when bundled by esbuild",
      async ([, code, index], context) => {
        needsInstall(context);
        const script = await bundled(`page-${index}.js`);
        const html = readFileSync(join(project, `page-${index}.html`), "utf8");
        const routes = { "/": { html }, [`/page-${index}.js`]: { script } };
        const printed = await outcomeOf(routes, "/");
        for (const line of promised(code)) expect(printed).toContain(line);
      },
    );
  });
});
