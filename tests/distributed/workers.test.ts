import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { workers } from "../../src/distributed/index.ts";
import { spawnRank } from "../../src/distributed/spawnRank.ts";
import { type RankStart, runRank } from "../../src/distributed/workers/runRank.ts";
import { sharedMemory } from "../../src/distributed/workers/sharedTransport.ts";
import { rejection, temporaryDirectory } from "../checkpoints/files.ts";

vi.mock("../../src/distributed/spawnRank.ts", { spy: true });

const entry = new URL("file:///train.js");

beforeEach(() => {
  vi.mocked(spawnRank).mockReset();
});

describe("workers", () => {
  test("what the ranks give comes back in their order, and each is started with the data", async () => {
    vi.mocked(spawnRank).mockImplementation(async ({ rank }) => ({ result: rank * 10 }));
    expect(await workers(3, entry, { data: "d", timeout: 5 })).toEqual([0, 10, 20]);
    const starts = vi.mocked(spawnRank).mock.calls.map(([start]) => start);
    expect(starts.map(({ rank, entry, data, timeout }) => ({ rank, entry, data, timeout }))).toEqual(
      [0, 1, 2].map((rank) => ({ rank, entry: "file:///train.js", data: "d", timeout: 5 })),
    );
  });

  test("of several failures the cause is told, not those that missed it", async () => {
    vi.mocked(spawnRank).mockImplementation(async ({ rank }) => ({
      message: rank === 1 ? "boom" : "rank 1 ended without closing the group",
      stack: `stack of ${rank}`,
    }));
    const error = await rejection(workers(3, String(entry)));
    expect(error.message).toBe("workers: rank 1 failed: boom");
    expect((error.cause as Error).stack).toBe("stack of 1");
  });

  test("where all only missed each other the first is told", async () => {
    vi.mocked(spawnRank).mockResolvedValue({ message: "the ranks are out of step", stack: "" });
    expect((await rejection(workers(2, entry))).message).toBe(
      "workers: rank 0 failed: the ranks are out of step",
    );
  });

  test.each([
    [1.5, entry, TypeError, "expected a number of ranks"],
    [0, entry, RangeError, "expected 1 to 256 ranks, got 0"],
    [257, entry, RangeError, "expected 1 to 256 ranks, got 257"],
    [1, 7, TypeError, "expected the address of a module"],
  ])("%s ranks of %s are refused", async (count, address, kind, message) => {
    const error = await rejection(workers(count, address as URL));
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain(message);
    expect(spawnRank).not.toHaveBeenCalled();
  });

  test("without shared memory the error says what a page needs", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const error = await rejection(workers(1, entry));
    vi.unstubAllGlobals();
    expect(error.message).toBe("workers: this page has no shared memory; serve it cross-origin isolated");
  });
});

describe("one rank's thread", () => {
  async function run(source: string): Promise<Awaited<ReturnType<typeof runRank>>> {
    const path = join(await temporaryDirectory(), "entry.mjs");
    await writeFile(path, source);
    const start: RankStart = {
      entry: pathToFileURL(path).href,
      rank: 0,
      memory: sharedMemory(1),
      timeout: undefined,
      data: 4,
    };
    return runRank(start);
  }

  test("gives main the group and the data", async () => {
    expect(await run("export const main = (group, data) => [group.size, group.name, data];")).toEqual({
      result: [1, "workers", 4],
    });
  });

  test.each([
    ["export const other = 1;", /^expected file:.*entry\.mjs to export main\(group, data\)$/],
    ["export const main = () => { throw new Error('boom'); };", /^boom$/],
    ["export const main = () => { throw 'boom'; };", /^boom$/],
  ])("tells what went wrong: %s", async (source, message) => {
    expect(await run(source)).toMatchObject({ message: expect.stringMatching(message) });
  });
});
