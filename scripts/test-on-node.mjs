// Runs the tests on other Node versions, brought by npm: npm run test:node -- 22 24 26
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const versions = process.argv.slice(2);
if (versions.length === 0 || versions.some((version) => !/^\d+$/.test(version))) {
  console.error("usage: npm run test:node -- MAJOR...   such as 22 24 26");
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), "evenkeel-node-"));
let failed = 0;
try {
  for (const version of versions) {
    const packageName = `node-${process.platform}-${process.arch}`;
    const prefix = join(folder, version);
    const install = ["install", "--silent", "--no-save", "--prefix", prefix, `${packageName}@${version}`];
    spawnSync("npm", install, { stdio: "inherit" });
    const node = join(prefix, "node_modules", packageName, "bin", "node");
    if (!existsSync(node)) {
      console.log(`Node ${version}: skipped, npm brings no ${packageName}@${version}`);
      continue;
    }
    const { status } = spawnSync(node, ["node_modules/vitest/vitest.mjs", "run"], {
      stdio: "inherit",
      env: { ...process.env, PATH: `${join(node, "..")}:${process.env.PATH}` },
    });
    console.log(`Node ${version}: ${status === 0 ? "passed" : "failed"}`);
    if (status !== 0) failed++;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed === 0 ? 0 : 1);
