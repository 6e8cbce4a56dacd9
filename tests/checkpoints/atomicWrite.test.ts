import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { stageFile, writeFileAtomic } from "../../src/checkpoints/atomicWrite.ts";
import { ioError } from "../../src/checkpoints/ioError.ts";
import { rejection, temporaryDirectory } from "./files.ts";

test("replaces the file and leaves nothing else behind", async () => {
  const directory = await temporaryDirectory();
  const path = join(directory, "a.bin");
  await writeFile(path, "a longer old content");
  await writeFileAtomic("mine", path, Uint8Array.of(1, 2, 3));
  expect([...(await readFile(path))]).toEqual([1, 2, 3]);
  expect(await readdir(directory)).toEqual(["a.bin"]);
});

test("a failed rename removes the temporary file", async () => {
  const directory = await temporaryDirectory();
  const path = join(directory, "taken");
  await mkdir(path);
  const error = await rejection(writeFileAtomic("mine", path, Uint8Array.of(1)));
  expect(error.message).toMatch(`mine: cannot write ${path}: `);
  expect(error.cause).toHaveProperty("code");
  expect(await readdir(directory)).toEqual(["taken"]);
});

test("a failed write keeps the old file and removes the temporary one", async () => {
  const directory = await temporaryDirectory();
  const path = join(directory, "a.bin");
  await writeFile(path, "old");
  const notBytes = { length: 3 } as unknown as Uint8Array;
  expect((await rejection(writeFileAtomic("mine", path, notBytes))).message).toMatch(
    `mine: cannot write ${path}: `,
  );
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(directory)).toEqual(["a.bin"]);
});

describe("content in pieces", () => {
  test("is written as it comes", async () => {
    const path = join(await temporaryDirectory(), "a.bin");
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1);
      yield new Uint8Array(0);
      yield Uint8Array.of(2, 3);
    }
    await writeFileAtomic("mine", path, pieces());
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
  });

  test("what it throws comes through; the old file stays alone", async () => {
    const directory = await temporaryDirectory();
    const path = join(directory, "a.bin");
    await writeFile(path, "old");
    const gone = new Error("gone");
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1000);
      throw gone;
    }
    expect(await rejection(writeFileAtomic("mine", path, pieces()))).toBe(gone);
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(directory)).toEqual(["a.bin"]);
  });
});

test("a staged file appears with its commit; discarding it later does nothing", async () => {
  const directory = await temporaryDirectory();
  const path = join(directory, "a.bin");
  const staged = await stageFile("mine", path, Uint8Array.of(1));
  expect(await readdir(directory)).toEqual([expect.stringMatching(/^a\.bin\.[\w-]+\.tmp$/)]);
  await staged.commit();
  await staged.discard();
  expect(await readdir(directory)).toEqual(["a.bin"]);
});

describe("temporary files of others", () => {
  test("those that a process of this host left and that no longer runs are removed, no others", async () => {
    const directory = await temporaryDirectory();
    const path = join(directory, "a.bin");
    const staged = await stageFile("mine", path, Uint8Array.of(1));
    const [own] = await readdir(directory);
    const [, host] = /^a\.bin\.([0-9a-f]{8})-\d+-[0-9a-f]{8}\.tmp$/.exec(own) ?? [];
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    const kept = [
      own,
      `a.bin.${host}-${process.ppid}-00000000.tmp`,
      `a.bin.${host === "00000000" ? "11111111" : "00000000"}-${pid}-00000000.tmp`,
      `a.bin.${host}-${pid}-00000000.txt`,
      `b.bin.${host}-${pid}-00000000.tmp`,
      "a.bin.tmp",
    ];
    for (const name of [...kept, `a.bin.${host}-${pid}-00000000.tmp`]) {
      await writeFile(join(directory, name), "");
    }
    await writeFileAtomic("mine", path, Uint8Array.of(2));
    expect((await readdir(directory)).sort()).toEqual([...kept, "a.bin"].sort());
    await staged.discard();
  });
});

test("a missing directory: one line with the path, ENOENT as cause", async () => {
  const path = join(await temporaryDirectory(), "missing", "a.bin");
  const error = await rejection(writeFileAtomic("mine", path, Uint8Array.of(1)));
  expect(error.message).toBe(`mine: cannot write ${path}: ENOENT: no such file or directory`);
  expect(error.cause).toMatchObject({ code: "ENOENT" });
});

describe("with a file system that is watched", () => {
  afterEach(() => vi.doUnmock("node:fs/promises"));

  test("the bytes are on the disk before the rename, and the directory after it", async () => {
    const calls: string[] = [];
    vi.doMock("node:fs/promises", () => ({
      open: async (path: string) => {
        if (!path.endsWith(".tmp")) calls.push(`open ${path}`);
        return {
          write: async (_bytes: Uint8Array, _offset: number, bytesWritten: number) => {
            calls.push("write");
            return { bytesWritten };
          },
          sync: async () => calls.push("sync"),
          close: async () => calls.push("close"),
        };
      },
      readdir: async () => [],
      rename: async (from: string, to: string) => calls.push(`rename ${from} ${to}`),
      rm: async () => calls.push("rm"),
    }));
    await writeFileAtomic("mine", "some/a.bin", Uint8Array.of(1));
    expect(calls.slice(0, 3)).toEqual(["write", "sync", "close"]);
    expect(calls.slice(3)).toEqual([
      expect.stringMatching(/^rename some\/a\.bin\.[\w-]+\.tmp some\/a\.bin$/),
      "open some",
      "sync",
      "close",
    ]);
  });

  test("the first error is the one reported, even if the clean-up fails too", async () => {
    const rm = vi.fn(() => Promise.reject(new Error("EPERM: clean-up failed")));
    vi.doMock("node:fs/promises", () => ({
      open: () => Promise.reject(new Error("ENOSPC: no space left on device, open")),
      rename: vi.fn(),
      rm,
    }));
    const error = await rejection(writeFileAtomic("mine", "a.bin", Uint8Array.of(1)));
    expect(error.message).toBe("mine: cannot write a.bin: ENOSPC: no space left on device");
    expect(rm).toHaveBeenCalledOnce();
  });
});

test("the path must be a string", async () => {
  const error = await rejection(writeFileAtomic("mine", 3 as unknown as string, Uint8Array.of(1)));
  expect(error).toBeInstanceOf(TypeError);
  expect(error.message).toBe("mine: expected a path, got 3");
});

test("ioError words anything that was thrown", () => {
  expect(ioError("mine", "read", "a.bin", "why").message).toBe("mine: cannot read a.bin: why");
});
