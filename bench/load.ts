import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Library } from "./library.ts";

/** Which code is measured: `dist` is what users get, `src` goes through tsx. */
export type Source = "dist" | "src";

/**
 * Loads evenkeel.
 *
 * @throws RangeError if dist is asked for and not built
 */
export async function loadLibrary(source: Source): Promise<Library> {
  const url = new URL(source === "dist" ? "../dist/index.js" : "../src/index.ts", import.meta.url);
  if (!existsSync(fileURLToPath(url))) throw new RangeError("dist/ is missing: run `npm run build` first");
  return (await import(url.href)) as Library;
}
