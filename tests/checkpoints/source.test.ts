import { appendFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { openSource, type SourceLike } from "../../src/checkpoints/index.ts";
import { countingSource, rejection, temporaryDirectory } from "./files.ts";

const bytes = Uint8Array.from({ length: 10 }, (_, index) => index);

async function everyKind(): Promise<[string, SourceLike][]> {
  const path = join(await temporaryDirectory(), "ten.bin");
  await writeFile(path, bytes);
  return [
    ["path", path],
    ["file: URL", pathToFileURL(path)],
    ["Uint8Array", bytes],
    ["view of a larger buffer", Uint8Array.from([9, 9, ...bytes, 9]).subarray(2, 12)],
    ["Buffer", Buffer.from(bytes)],
    ["ArrayBuffer", bytes.slice().buffer],
    ["Blob", new Blob([bytes])],
  ];
}

test("every kind of source gives the same bytes", async () => {
  for (const [kind, value] of await everyKind()) {
    const source = await openSource(value);
    expect(source.size, kind).toBe(10);
    expect([...(await source.read(3, 4))], kind).toEqual([3, 4, 5, 6]);
    expect([...(await source.read(10, 0))], kind).toEqual([]);
    await source.close();
  }
});

test("a range beyond the end or below 0 is a RangeError for every kind", async () => {
  for (const [kind, value] of await everyKind()) {
    const source = await openSource(value);
    const beyond = await rejection(source.read(8, 3));
    expect(beyond, kind).toBeInstanceOf(RangeError);
    expect(beyond.message).toBe(
      `${source.name}: expected 3 bytes at offset 8, got a file of 10 bytes: truncated`,
    );
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [0, Number.NaN],
    ]) {
      const error = await rejection(source.read(offset, length));
      expect(error, kind).toBeInstanceOf(RangeError);
      expect(error.message).toContain(
        `expected an offset and a length of 0 or more, got ${offset}, ${length}`,
      );
    }
    await source.close();
  }
});

test("after close a read is an error and a second close is none", async () => {
  for (const [, value] of await everyKind()) {
    const source = await openSource(value);
    await source.close();
    await source.close();
    expect((await rejection(source.read(0, 1))).message).toBe(`${source.name}: cannot read, it is closed`);
  }
});

test("what is read from memory is the caller's own", async () => {
  const mine = bytes.slice();
  for (const value of [mine, Buffer.from(mine.buffer), mine.buffer]) {
    const source = await openSource(value);
    (await source.read(0, 10)).fill(77);
    expect(mine).toEqual(bytes);
  }
});

test("a source of one's own comes back as it is", async () => {
  const source = countingSource(bytes);
  expect(await openSource(source)).toBe(source);
});

test("names: the path, the URL, the name of a File, or the kind", async () => {
  const path = join(await temporaryDirectory(), "a.bin");
  await writeFile(path, bytes);
  const url = pathToFileURL(path);
  const named = Object.assign(new Blob([bytes]), { name: "picked.npy" });
  for (const [value, name] of [
    [path, path],
    [url, url.href],
    [bytes, "bytes"],
    [new Blob([]), "blob"],
    [named, "picked.npy"],
  ] as const) {
    const source = await openSource(value);
    expect(source.name).toBe(name);
    await source.close();
  }
});

test("a file that shrinks after it was opened is truncated; one that grows keeps its size", async () => {
  const path = join(await temporaryDirectory(), "shrinking.bin");
  await writeFile(path, bytes);
  const source = await openSource(path);
  await appendFile(path, "more");
  expect(source.size).toBe(10);
  await truncate(path, 4);
  const error = await rejection(source.read(2, 5));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toBe(`${path}: expected 5 bytes at offset 2, got a file of 4 bytes: truncated`);
  await source.close();
});

describe("what cannot be opened", () => {
  test("a missing file: one line with the path, ENOENT as cause", async () => {
    const path = join(await temporaryDirectory(), "missing.npy");
    const error = await rejection(openSource(path, "readNpy"));
    expect(error.message).toBe(`readNpy: cannot read ${path}: ENOENT: no such file or directory`);
    expect(error.cause).toMatchObject({ code: "ENOENT" });
  });

  test("a directory: EISDIR as cause", async () => {
    const path = await temporaryDirectory();
    const error = await rejection(openSource(path));
    expect(error.message).toBe(`openSource: cannot read ${path}: EISDIR: a directory`);
    expect(error.cause).toMatchObject({ code: "EISDIR" });
  });

  test.skipIf(process.platform === "win32")("a device (needs /dev/null, so not on Windows)", async () => {
    const error = await rejection(openSource("/dev/null"));
    expect(error.message).toBe("openSource: cannot read /dev/null: EINVAL: not a regular file");
  });

  test("a URL of another scheme", async () => {
    const error = await rejection(openSource(new URL("ftp://example.com/a.npy")));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe(
      "openSource: expected a file:, http: or https: URL, got ftp://example.com/a.npy; fetch it and pass the bytes",
    );
  });

  test("anything else is a TypeError", async () => {
    for (const value of [null, undefined, 3, {}, [1, 2], new Float32Array(3), { read() {}, close() {} }]) {
      const error = await rejection(openSource(value as unknown as SourceLike));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toMatch(/^openSource: expected a path, a file: or http: URL, .*, got /);
    }
  });
});
