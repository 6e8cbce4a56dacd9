import { deflateRawSync } from "node:zlib";
import {
  TextReader,
  Uint8ArrayWriter,
  ZipWriter,
  type ZipWriterConstructorOptions,
} from "@zip.js/zip.js/index-native.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openSource } from "../../src/checkpoints/index.ts";
import { openZip, type ZipArchive } from "../../src/checkpoints/zip.ts";
import { countingSource, rejection } from "./files.ts";

const long = "0123456789".repeat(50_000);

async function archiveOf(
  files: Readonly<Record<string, string>>,
  options: ZipWriterConstructorOptions = {},
): Promise<Uint8Array> {
  const zip = new ZipWriter(new Uint8ArrayWriter(), { useWebWorkers: false, ...options });
  for (const [name, text] of Object.entries(files)) {
    if (name.endsWith("/")) await zip.add(name, undefined, { directory: true });
    else await zip.add(name, new TextReader(text));
  }
  return zip.close();
}

const open = async (bytes: Uint8Array): Promise<ZipArchive> => openZip(await openSource(bytes));
const text = async (archive: ZipArchive, name: string, range = {}): Promise<string> =>
  new TextDecoder().decode(await archive.read(name, range));

const centralSignature = Buffer.from([0x50, 0x4b, 1, 2]);
const centralStart = (bytes: Uint8Array): number => Buffer.from(bytes).indexOf(centralSignature);

const changed = (bytes: Uint8Array, change: (view: DataView, bytes: Uint8Array) => void): Uint8Array => {
  const copy = bytes.slice();
  change(new DataView(copy.buffer), copy);
  return copy;
};

describe.each<[string, ZipWriterConstructorOptions]>([
  ["stored", { level: 0 }],
  ["deflated", { level: 6 }],
  ["stored, zip64", { level: 0, zip64: true }],
  ["deflated, zip64, sizes after the data", { level: 6, zip64: true, dataDescriptor: true }],
])("%s", (name, options) => {
  const method = name.startsWith("stored") ? "stored" : "deflated";

  test("files, whole and in ranges; directories are left out", async () => {
    const archive = await open(await archiveOf({ "a/": "", "a/long": long, é: "x", empty: "" }, options));
    expect([...archive.entries.keys()]).toEqual(["a/long", "é", "empty"]);
    expect(archive.entries.get("a/long")).toMatchObject({ size: 500_000, method });
    expect(await text(archive, "a/long")).toBe(long);
    expect(await text(archive, "é")).toBe("x");
    expect(await text(archive, "empty")).toBe("");
    for (const [offset, length] of [
      [0, 7],
      [123_456, 78_901],
      [499_999, 1],
      [500_000, 0],
      [250_000, 0],
    ]) {
      expect(await text(archive, "a/long", { offset, length })).toBe(long.substring(offset, offset + length));
    }
    expect(await text(archive, "a/long", { offset: 499_995 })).toBe("56789");
  });

  test("changed bytes are told by the CRC-32", async () => {
    const bytes = changed(await archiveOf({ a: long }, { ...options, level: 0 }), (_, copy) => {
      copy[copy.indexOf(0x39) + 10] ^= 1;
    });
    const error = await rejection((await open(bytes)).read("a"));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(/^openZip: bytes: "a": expected 500000 stored bytes, got: .*CRC/i);
  });

  test("every truncation is a RangeError", async () => {
    const bytes = await archiveOf({ a: "some text", b: "more" }, options);
    for (let length = 0; length < bytes.length; length++) {
      const error = await rejection(open(bytes.subarray(0, length)));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toMatch(/^openZip: bytes: expected /);
    }
  });

  test("a changed byte anywhere: an error or an answer, never another kind of failure", async () => {
    const bytes = await archiveOf({ a: "some text some text", b: "more" }, options);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bad = changed(bytes, (_, copy) => {
          copy[at] ^= flip;
        });
        try {
          const archive = await open(bad);
          for (const [fileName, { size }] of archive.entries) {
            expect((await archive.read(fileName)).length).toBe(size);
            await archive.read(fileName, { offset: 1, length: Math.max(0, size - 2) });
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

test("a range of a stored file reads these bytes, and headers", async () => {
  const source = countingSource(await archiveOf({ a: long, b: long }, { level: 0 }));
  const archive = await openZip(source);
  await archive.read("a", { offset: 5, length: 10 });
  source.reads.length = 0;
  await archive.read("a", { offset: 1000, length: 10 });
  expect(source.reads.map(([, length]) => length)).toEqual([10]);
});

test("listing reads the ends only", async () => {
  const source = countingSource(await archiveOf({ a: long.repeat(4) }, { level: 0 }));
  await openZip(source);
  const read = source.reads.reduce((sum, [, length]) => sum + length, 0);
  // The end record may lie anywhere in the last 64 KiB.
  expect(read).toBeLessThan(2 ** 17);
});

describe("refused", () => {
  test("no such file, no such range", async () => {
    const archive = await open(await archiveOf({ a: "abc" }));
    expect((await rejection(archive.read("b"))).message).toBe(
      'openZip: bytes: expected the name of a file in the archive, an array [a], got "b"',
    );
    for (const range of [
      { offset: 4 },
      { offset: -1 },
      { length: 4 },
      { offset: 1, length: 3 },
      { offset: 0.5 },
    ]) {
      const error = await rejection(archive.read("a", range));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toMatch(/^openZip: bytes: "a": expected a range within 3 bytes, got /);
    }
  });

  test("encrypted files", async () => {
    const bytes = await archiveOf({ a: "abc" }, { password: "x", encryptionStrength: 3 });
    expect((await rejection(open(bytes))).message).toBe(
      'openZip: bytes: "a": expected a file that is not encrypted, got an encrypted one',
    );
  });

  test("a name twice", async () => {
    const bytes = changed(await archiveOf({ aa: "1", bb: "2" }), (_, copy) => {
      const all = Buffer.from(copy.buffer);
      for (let at = all.indexOf("bb"); at >= 0; at = all.indexOf("bb")) all.write("aa", at);
    });
    expect((await rejection(open(bytes))).message).toBe(
      'openZip: bytes: expected each name once, got "aa" twice',
    );
  });

  test("another compression, a stored file of two sizes, more than deflate can make", async () => {
    const stored = await archiveOf({ a: "abc" }, { level: 0 });
    const method = changed(stored, (view, bytes) => view.setUint16(centralStart(bytes) + 10, 12, true));
    expect((await rejection(open(method))).message).toBe(
      'openZip: bytes: "a": expected a stored or deflated file, got compression method 12',
    );
    const sizes = changed(stored, (view, bytes) => view.setUint32(centralStart(bytes) + 24, 4, true));
    expect((await rejection(open(sizes))).message).toBe(
      'openZip: bytes: "a": expected a stored file of 4 bytes to take as many, got 3',
    );
    const bomb = changed(await archiveOf({ a: long }), (view, bytes) =>
      view.setUint32(centralStart(bytes) + 24, 0xfffffff0, true),
    );
    expect((await rejection(open(bomb))).message).toMatch(
      /^openZip: bytes: "a": expected a deflated file of \d+ bytes to hold at most \d+, got 4294967280$/,
    );
  });

  test("a file that inflates to more or to less than it says", async () => {
    const bytes = await archiveOf({ a: long }, { dataDescriptor: false });
    for (const size of [499_990, 500_010]) {
      const bad = changed(bytes, (view, copy) => {
        view.setUint32(22, size, true);
        view.setUint32(centralStart(copy) + 24, size, true);
      });
      const error = await rejection((await open(bad)).read("a"));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toMatch(`openZip: bytes: "a": expected ${size} deflated bytes, got: `);
    }
  });

  test("bytes that are not deflated", async () => {
    const bytes = await archiveOf({ a: long }, { dataDescriptor: false });
    const length = deflateRawSync(long).length;
    const bad = changed(bytes, (_, copy) => copy.fill(0xff, 40, 31 + Math.min(length, 200)));
    const archive = await open(bad);
    expect(await rejection(archive.read("a"))).toBeInstanceOf(RangeError);
    expect(await rejection(archive.read("a", { offset: 10, length: 1000 }))).toBeInstanceOf(RangeError);
  });

  test("files that overlap", async () => {
    const bytes = changed(await archiveOf({ a: "abc", b: "def" }, { level: 0 }), (view, copy) => {
      const second = Buffer.from(copy.buffer).indexOf(centralSignature, centralStart(copy) + 1);
      view.setUint32(second + 42, 0, true);
      view.setUint32(second + 16, view.getUint32(centralStart(copy) + 16, true), true);
    });
    const archive = await open(bytes);
    await archive.read("a", { length: 1 });
    expect((await rejection(archive.read("b", { length: 1 }))).message).toMatch(/overlap/i);
  });

  test("an error of the source comes through as it is", async () => {
    const gone = new Error("EIO: the disk is gone");
    const bytes = await archiveOf({ a: long }, { level: 0 });
    let isGone = false;
    const source = await openSource(bytes);
    const failing = {
      ...source,
      read: (offset: number, length: number) => (isGone ? Promise.reject(gone) : source.read(offset, length)),
    };
    const archive = await openZip(failing);
    isGone = true;
    expect(await rejection(archive.read("a"))).toBe(gone);
    expect(await rejection(archive.read("a", { length: 3 }))).toBe(gone);
    expect(await rejection(openZip(failing))).toBe(gone);
  });
});
