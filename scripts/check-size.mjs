// Bundles each public import out of dist as an application would, and fails where one is larger than its limit.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Bytes after gzip; a limit is a few hundredths above what the import takes, so that growth is a decision. */
const imports = [
  { names: "{ BatchNorm2d }", limit: 33_000, without: ["GroupNorm", "LayerNorm"] },
  { names: "{ LayerNorm }", limit: 25_200, without: ["BatchNorm", "GroupNorm", "running_mean"] },
  { names: "{ RMSNorm }", limit: 25_200, without: ["BatchNorm", "LayerNorm", "running_mean"] },
  { names: "{ GroupNorm }", limit: 38_600, without: ["BatchNorm", "LayerNorm", "running_mean"] },
  { names: "{ InstanceNorm2d }", limit: 40_100, without: ["BatchNorm", "LayerNorm"] },
  { names: "*", limit: 45_000 },
  { names: "*", from: "megengine", limit: 43_000 },
  { names: "*", from: "check", limit: 69_000 },
  { names: "*", from: "checkpoints", limit: 54_900 },
  { names: "*", from: "distributed", limit: 45_000 },
];

let failures = 0;
for (const { names, from, limit, without = [] } of imports) {
  const text = await bundled(names, `./dist/${from ? `${from}/` : ""}index.js`);
  const size = gzipSync(text, { level: 9 }).length;
  const kept = without.filter((word) => text.includes(word));
  const problems = [
    size > limit ? "too large" : "",
    kept.length > 0 ? `not shaken off: ${kept.join(", ")}` : "",
  ].filter(Boolean);
  failures += problems.length;
  const what = `${names} from evenkeel${from ? `/${from}` : ""}`;
  console.log(
    `${what.padEnd(36)} ${kilobytes(size)} of ${kilobytes(limit)} kB  ${problems.join("; ")}`.trimEnd(),
  );
}
if (failures > 0) process.exitCode = 1;

/** The text of a minified module that exports the same names. */
async function bundled(names, path) {
  const { outputFiles } = await build({
    stdin: { contents: `export ${names} from "${path}";`, resolveDir: process.cwd() },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    external: ["node:*"],
    packages: "external",
    write: false,
    logLevel: "error",
  });
  return outputFiles[0].text;
}

function kilobytes(bytes) {
  return (bytes / 1000).toFixed(1).padStart(5);
}
