import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Installs the peers where they are missing or are not those of the lockfile. Without install scripts:
 * onnxruntime-node's downloads a GPU library; the CPU one is in the package.
 *
 * @throws Error if npm fails
 */
export function installPeers(): void {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  if (sameVersions(`${folder}package-lock.json`, `${folder}node_modules/.package-lock.json`)) return;
  process.stderr.write("installing the peers (npm ci --prefix bench) ...\n");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder];
  const { status } = spawnSync(npm, args, { stdio: ["ignore", process.stderr, process.stderr] });
  if (status !== 0) throw new Error(`npm ci --prefix bench failed with code ${status}`);
}

function sameVersions(wanted: string, installed: string): boolean {
  if (!existsSync(installed)) return false;
  const has = versionsOf(installed);
  return [...versionsOf(wanted)].every(([path, { version, optional }]) => {
    const found = has.get(path);
    return found === undefined ? optional : found.version === version;
  });
}

function versionsOf(lockfile: string): Map<string, { version: string; optional: boolean }> {
  const { packages } = JSON.parse(readFileSync(lockfile, "utf8")) as {
    packages: Record<string, { version: string; optional?: boolean }>;
  };
  return new Map(
    Object.entries(packages)
      .filter(([path]) => path !== "")
      .map(([path, { version, optional = false }]) => [path, { version, optional }]),
  );
}
