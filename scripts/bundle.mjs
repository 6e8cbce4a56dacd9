// Bundles each public entry into dist: a few files load in a fraction of the time that many small ones take.
import { build } from "esbuild";

/** Turns `import("node:...")`, which bundlers for browsers cannot resolve, into a request to Node for its module. */
const nodeModules = {
  name: "node-modules",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === "dynamic-import" ? { path, namespace: "node-modules" } : { path, external: true },
    );
    onLoad({ filter: /./, namespace: "node-modules" }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => name !== "default");
      const contents = `const give = globalThis.process?.getBuiltinModule;
        if (!give) throw new Error("files and folders need Node: in a page, give an address, a Blob or bytes");
        export const { ${names.join(", ")} } = give(${JSON.stringify(path)});`;
      return { contents };
    });
  },
};

await build({
  entryPoints: [
    "src/index.ts",
    "src/megengine/index.ts",
    "src/checkpoints/index.ts",
    "src/check/index.ts",
    "src/cli/main.ts",
  ],
  outbase: "src",
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "neutral",
  plugins: [nodeModules],
  packages: "external",
  target: "es2022",
  chunkNames: "chunks/[name]-[hash]",
  legalComments: "none",
  logLevel: "warning",
});
