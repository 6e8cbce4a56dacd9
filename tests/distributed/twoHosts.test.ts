import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { whyNoMpi } from "./mpirun.ts";

const built = new URL("../../dist/distributed/index.js", import.meta.url);

/** What the script ends with where it cannot be run. */
const skipped = 77;

it("runs on two hosts, and ends when a rank of one is killed (tests/distributed/twoHosts.sh)", async (context) => {
  context.skip(!existsSync(built), "no dist: npm run build");
  const noMpi = whyNoMpi();
  context.skip(noMpi !== undefined, noMpi);
  const script = join(import.meta.dirname, "twoHosts.sh");
  const { status, output } = await new Promise<{ status: unknown; output: string }>((resolve) => {
    execFile("bash", [script], (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : error.code, output: stdout + stderr }),
    );
  });
  context.skip(status === skipped, output.trim());
  expect(output).toContain("passed: no process left behind");
  expect(status).toBe(0);
});
