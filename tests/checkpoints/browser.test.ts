import { build } from "esbuild";
import { expect, test } from "vitest";

const bundle = (entry: string) =>
  build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    platform: "browser",
    external: ["node:*"],
    write: false,
    metafile: true,
    logLevel: "silent",
  });

test("the core reaches no package; checkpoints reach the zip library alone, and no system at once", async () => {
  const core = await bundle("src/index.ts");
  expect(Object.keys(core.metafile.inputs).filter((path) => path.includes("node_modules"))).toEqual([]);
  const checkpoints = await bundle("src/checkpoints/index.ts");
  const packages = Object.keys(checkpoints.metafile.inputs).flatMap(
    (path) => /node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[1] ?? [],
  );
  expect(new Set(packages)).toEqual(new Set(["@zip.js/zip.js"]));
  const imports = Object.values(checkpoints.metafile.outputs).flatMap(({ imports: found }) => found);
  expect(imports.filter(({ kind }) => kind === "import-statement")).toEqual([]);
});

test("a bundle for the browser reads and writes every format from bytes", async () => {
  const { outputFiles } = await bundle("src/checkpoints/index.ts");
  const url = `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`;
  const library = (await import(/* @vite-ignore */ url)) as typeof import("../../src/checkpoints/index.ts");
  const tensors = [["a", new Float32Array([1, 2])]] as const;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of library.streamSafetensors(tensors)) parts.push(part as Uint8Array<ArrayBuffer>);
  for (const blob of [
    new Blob(parts),
    new Blob([await library.encodeNpz(tensors)]),
    new Blob([await library.encodeNpz(tensors, { compress: true })]),
  ]) {
    const file = await library.openCheckpoint(blob);
    expect([...(await file.tensor("a")).data]).toEqual([1, 2]);
  }
});
