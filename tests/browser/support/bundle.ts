import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** A file of tests/browser/pages as one script for a page. */
export async function bundled(page: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../pages/${page}`, import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["node:*"],
    logLevel: "error",
  });
  return (outputFiles[0] as { text: string }).text;
}
