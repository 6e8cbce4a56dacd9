import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonSuite } from "./schema.ts";

/** The suites of a folder, by file name. */
export function suitesIn(folder: string): Map<string, JsonSuite> {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return new Map(
    files.sort().map((name) => [name, JSON.parse(readFileSync(join(folder, name), "utf8")) as JsonSuite]),
  );
}
