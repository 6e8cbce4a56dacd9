import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { type BackendName, setBackend, setThreads } from "../../src/index.ts";
import { runCase } from "./run.ts";
import { suitesIn } from "./suites.ts";

const usage = "usage: npm run conformance -- DIR [--backend wasm|reference] [--threads N]";

/** Runs every suite of a folder; prints a line per suite, each failure, and `N passed, N failed` last. */
async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { backend: { type: "string" }, threads: { type: "string" }, help: { type: "boolean" } },
  });
  const [folder] = positionals;
  if (values.help || folder === undefined) {
    console.log(usage);
    return values.help ? 0 : 2;
  }
  if (!existsSync(folder)) {
    console.error(`conformance: no such folder: ${folder}`);
    return 2;
  }
  if (values.backend !== undefined) setBackend(values.backend as BackendName);
  if (values.threads !== undefined) setThreads(Number(values.threads));
  console.warn = () => {};
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const [file, { suite, cases }] of suitesIn(folder)) {
    const count = { passed: 0, failed: 0, skipped: 0 };
    const lines: string[] = [];
    for (const json of cases) {
      const verdict = await runCase(json, suite);
      count[verdict.kind]++;
      total[verdict.kind]++;
      if (verdict.kind === "failed")
        lines.push(`  FAILED ${json.name}`, ...verdict.reasons.map((r) => `    ${r}`));
      if (verdict.kind === "skipped") lines.push(`  skipped ${json.name}: ${verdict.reason}`);
    }
    const skips = count.skipped > 0 ? `, ${count.skipped} skipped` : "";
    console.log(`${file}: ${count.passed} passed, ${count.failed} failed${skips}`);
    for (const line of lines) console.log(line);
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
}

process.exitCode = await main();
