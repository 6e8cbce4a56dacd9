import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import { openCheckpoint } from "../../src/checkpoints/index.ts";
import { uniforms } from "../random.ts";
import { temporaryDirectory } from "./files.ts";

/** Longest time from the first file of a process to its death, in milliseconds: some dozen writes. */
const longestLife = 60;

/** A temporary file may outlive its writer until the next write, and longer while another process has its id. */
const mostLeftovers = 2;

const script = "node_modules/.cache/evenkeel/killed.mjs";

beforeAll(async () => {
  await build({
    entryPoints: ["tests/checkpoints/killed.ts"],
    outfile: script,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
  });
});

/** Has a process write again and again, and kills it within {@link longestLife} of its first complete file. */
async function writeAndKill(format: string, directory: string, first: number, life: number): Promise<void> {
  const child = spawn(process.execPath, [script, format, directory, String(first)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  await Promise.race([once(child.stdout, "data"), closed]);
  await wait(life);
  child.kill("SIGKILL");
  expect((await closed)[1]).toBe("SIGKILL");
}

/** The value that every number of the checkpoint has. */
async function generationIn(path: string): Promise<number> {
  const file = await openCheckpoint(path);
  try {
    expect(file.names).toEqual(["a", "b", "c", "d"]);
    const values = new Set<number | bigint>();
    for (const name of file.names) for (const value of (await file.tensor(name)).data) values.add(value);
    expect([...values]).toHaveLength(1);
    return Number([...values][0]);
  } finally {
    await file.close();
  }
}

test.each([
  ["safetensors", "model.safetensors", 20, 7],
  ["npz", "model.npz", 20, 8],
  ["shards", "model.safetensors.index.json", 10, 9],
])(
  "%s: kill -9 at random moments leaves the old file or the new one",
  async (format, name, times, seed) => {
    const directory = await temporaryDirectory();
    const uniform = uniforms(seed);
    for (let i = 0; i < times; i++) {
      const first = i * 1000;
      await writeAndKill(format, directory, first, uniform() * longestLife);
      expect(await generationIn(join(directory, name))).toBeGreaterThanOrEqual(first);
      const leftovers = (await readdir(directory)).filter((each) => each.endsWith(".tmp"));
      if (format !== "shards") expect(leftovers.length).toBeLessThanOrEqual(mostLeftovers);
    }
  },
  180_000,
);
