import { existsSync } from "node:fs";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { runCase } from "./run.ts";
import { suitesIn } from "./suites.ts";

const folder = process.env.EVENKEEL_CONFORMANCE ?? "../shared/conformance";

beforeAll(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
});

if (existsSync(folder)) {
  for (const [file, { suite, cases }] of suitesIn(folder)) {
    describe(file, () => {
      for (const json of cases) {
        test(json.name, async (context) => {
          const verdict = await runCase(json, suite);
          if (verdict.kind === "skipped") context.skip(verdict.reason);
          expect(verdict).toEqual({ kind: "passed" });
        });
      }
    });
  }
} else {
  test.skip(`conformance suites: no folder ${folder}; set EVENKEEL_CONFORMANCE`, () => {});
}
