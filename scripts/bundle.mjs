// Bundles each public entry into dist: a few files load in a fraction of the time that many small ones take.
import { build } from "esbuild";

await build({
  entryPoints: [
    "src/index.ts",
    "src/megengine/index.ts",
    "src/checkpoints/index.ts",
    "src/check/index.ts",
    "src/distributed/index.ts",
    // The module that the threads of workers() start with.
    "src/distributed/workers/rank.ts",
    "src/cli/main.ts",
  ],
  outbase: "src",
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "neutral",
  external: ["node:*"],
  packages: "external",
  target: "es2022",
  chunkNames: "chunks/[name]-[hash]",
  legalComments: "none",
  logLevel: "warning",
});
