// Bundles each public entry into dist: a few files load in a fraction of the time that many small ones take.
// Packages in devDependencies that src imports are bundled too, for commands that need them: nobody has to install them.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
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

const { dependencies, optionalDependencies } = JSON.parse(await readFile("package.json", "utf8"));

const { metafile } = await build({
  entryPoints: [
    // A file of its own: amid the code, text longer than what gzip looks back on would part what compresses together.
    "src/backends/wasm/binary/kernels.ts",
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
  mainFields: ["module", "main"],
  plugins: [nodeModules],
  external: Object.keys({ ...dependencies, ...optionalDependencies }),
  target: "es2022",
  chunkNames: "chunks/[name]-[hash]",
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
});

// Of this entry's files the kernels would come second, with code on both sides of them.
await importFirst("dist/distributed/index.js", "../backends/wasm/binary/kernels.js");

await writeFile("dist/THIRD-PARTY-LICENSES.txt", await licencesOf(Object.keys(metafile.inputs)));

/** Has a module import another before its own imports, which bundlers place in that order. */
async function importFirst(path, imported) {
  await writeFile(path, `import ${JSON.stringify(imported)};\n${await readFile(path, "utf8")}`);
}

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
