import { runCase } from "../../conformance/run.ts";
import type { JsonSuite } from "../../conformance/schema.ts";

/** Failures of a suite, as lines, and how many cases passed and were skipped. */
async function runSuite({ suite, cases }: JsonSuite): Promise<{
  readonly passed: number;
  readonly skipped: number;
  readonly failures: string[];
}> {
  console.warn = () => {};
  const failures: string[] = [];
  let passed = 0;
  let skipped = 0;
  for (const json of cases) {
    const verdict = await runCase(json, suite);
    if (verdict.kind === "passed") passed++;
    else if (verdict.kind === "skipped") skipped++;
    else failures.push(`${json.name}: ${verdict.reasons.join("; ")}`);
  }
  return { passed, skipped, failures };
}

Object.assign(globalThis, { runSuite });
