// Bundles each public entry into dist: a few files load in a fraction of the time that many small ones take.
// Packages in devDependencies that src imports are bundled too, for commands that need them: nobody has to install them.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const publicEntries = [
  "src/index.ts",
  "src/megengine/index.ts",
  "src/checkpoints/index.ts",
  "src/check/index.ts",
  "src/distributed/index.ts",
  // The module that the threads of workers() start with.
  "src/distributed/workers/rank.ts",
  "src/cli/main.ts",
];

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

/**
 * Has every entry import what `evenkeel` exports, so that it is one file: splitting by who imports what would make eight of it, each of
 * which takes Node a millisecond to find and load. Its namespace stays apart: bundlers cannot leave out a part of such an object.
 */
const oneCore = {
  name: "one-core",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^evenkeel:core$/ }, ({ path }) => ({ path, namespace: "core" }));
    onLoad({ filter: /./, namespace: "core" }, async () => {
      const contents = (await readFile("src/index.ts", "utf8")).replace(/^export \* as .*$/m, "");
      return { contents, loader: "ts", resolveDir: resolve("src") };
    });
    const entries = new Set(publicEntries.map((path) => resolve(path)));
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!entries.has(path)) return undefined;
      const contents = (await readFile(path, "utf8")).replace(/^(#!.*\n)?/, '$&import "evenkeel:core";\n');
      return { contents, loader: "ts" };
    });
  },
};

const { dependencies, optionalDependencies } = JSON.parse(await readFile("package.json", "utf8"));

const { metafile } = await build({
  // The kernels are a file of their own: amid the code, text longer than what gzip looks back on would part what compresses together.
  entryPoints: ["src/backends/wasm/binary/kernels.ts", ...publicEntries],
  outbase: "src",
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  plugins: [nodeModules, oneCore],
  external: Object.keys({ ...dependencies, ...optionalDependencies }),
  target: "es2022",
  chunkNames: "chunks/[name]-[hash]",
  legalComments: "none",
  logLevel: "warning",
  // Of imports that are there for the sake of this splitting alone.
  logOverride: { "ignored-bare-import": "silent" },
  metafile: true,
});

await writeFile("dist/THIRD-PARTY-LICENSES.txt", await licencesOf(Object.keys(metafile.inputs)));

/** The licence of each package that files were bundled from. */
async function licencesOf(files) {
  const found = files.map((file) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  const folders = [...new Set(found.filter((folder) => folder !== undefined))].sort();
  const texts = await Promise.all(folders.map(licenceOf));
  return `Packages bundled in this one, and their licences.\n\n${texts.join("\n")}`;
}

async function licenceOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
  if (file === undefined) throw new Error(`${folder}: bundled, but has no licence file`);
  return `--- ${name} ${version} (${license})\n\n${await readFile(join(folder, file), "utf8")}`;
}
