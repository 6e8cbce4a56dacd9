import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  encodeNpy,
  encodeNpz,
  type LazyTensor,
  lazyTensors,
  type NamedTensors,
  openNpz,
  writeNpz,
} from "../../src/checkpoints/index.ts";
import { openZip } from "../../src/checkpoints/zip.ts";
import { zipPieces } from "../../src/checkpoints/zipWrite.ts";
import { Tensor, tensor } from "../../src/tensor/tensor.ts";
import { anyTensor, countingSource, npyFile, rejection, temporaryDirectory } from "./files.ts";

const bitsOf = ({ data }: Pick<Tensor<"int8">, "data"> | { data: ArrayBufferView }): Buffer =>
  Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);

async function archiveOf(files: Readonly<Record<string, Uint8Array>>, compress = false): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const entries = Object.entries(files).map(([name, bytes]) => ({
    name,
    size: bytes.length,
    async *pieces() {
      yield bytes;
    },
  }));
  for await (const piece of zipPieces(entries, compress)) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

describe.each([false, true])("compress: %j", (compress) => {
  test("round trip of every dtype and shape, bit for bit", async () => {
    const anyNames = fc.uniqueArray(fc.string({ unit: "grapheme", maxLength: 6 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        anyNames,
        fc.array(anyTensor, { minLength: 4, maxLength: 4 }),
        async (names, tensors) => {
          const pairs = names.map((name, i) => [name, tensors[i]] as const);
          const file = await openNpz(await encodeNpz(pairs, { compress }));
          expect(file.names).toEqual(names);
          expect(file.metadata.size).toBe(0);
          for (const [name, original] of pairs) {
            const back = await file.tensor(name);
            expect(back.dtype).toBe(original.dtype);
            expect(back.shape).toEqual(original.shape);
            expect(Buffer.compare(bitsOf(back), bitsOf(original))).toBe(0);
            expect(Buffer.compare(await file.bytes(name), bitsOf(original))).toBe(0);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("the same tensors make the same bytes; a copy of an open file as well", async () => {
    const tensors = [
      ["a", tensor([[1, 2]])],
      ["b", Float64Array.of(3)],
    ] as const;
    const bytes = await encodeNpz(tensors, { compress });
    expect(Buffer.compare(bytes, await encodeNpz(tensors, { compress }))).toBe(0);
    expect(Buffer.compare(bytes, await encodeNpz(lazyTensors(await openNpz(bytes)), { compress }))).toBe(0);
  });
});

test("opening reads headers only", async () => {
  const source = countingSource(await encodeNpz([["a", new Float32Array(1e6)]]));
  const file = await openNpz(source);
  expect(file.entries.get("a")).toEqual({ dtype: "F32", shape: [1e6] });
  const read = source.reads.reduce((sum, [, length]) => sum + length, 0);
  // The end of the central directory is looked for in the last 64 KiB.
  expect(read).toBeLessThan(2 ** 18);
  await file.close();
  expect(source.closed).toBe(1);
});

test("a whole array is held against its CRC-32", async () => {
  const bytes = await encodeNpz([["a", new Float32Array(1000).fill(1)]]);
  bytes[2000] ^= 1;
  const file = await openNpz(bytes);
  expect((await rejection(file.tensor("a"))).message).toMatch(/^openNpz: bytes: "a.npy": .*CRC/i);
});

test("Fortran order and bytes after the array", async () => {
  const header = "{'descr': '|i1', 'fortran_order': True, 'shape': (2, 2), }\n";
  const file = await openNpz(await archiveOf({ "f.npy": npyFile(header, [1, 2, 3, 4, 9, 9]) }));
  expect([...(await file.tensor("f")).data]).toEqual([1, 3, 2, 4]);
  expect([...(await file.bytes("f"))]).toEqual([1, 3, 2, 4]);
});

describe("refused", () => {
  test.each<[string, Record<string, Uint8Array>, string]>([
    ["another kind of file", { "a.txt": new Uint8Array(3) }, '"a.txt": expected the name of an npy file'],
    ["no npy file", { "a.npy": new Uint8Array(3) }, '"a.npy": expected the magic bytes'],
    [
      "objects",
      { "a.npy": npyFile("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", [0]) },
      '"a.npy": expected ',
    ],
    [
      "an array longer than its file",
      { "a.npy": encodeNpy(new Float32Array(9)).subarray(0, 140) },
      '"a.npy": expected 36 bytes of data for float32 (9,), got 12: truncated',
    ],
  ])("%s", async (_, files, message) => {
    for (const compress of [false, true]) {
      const source = countingSource(await archiveOf(files, compress));
      const error = await rejection(openNpz(source));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain(`openNpz: counted: ${message}`);
      expect(source.closed).toBe(1);
    }
  });

  test("a name that is not there; no archive at all", async () => {
    const file = await openNpz(await encodeNpz([["a", new Float32Array(1)]]));
    for (const read of [file.tensor("b"), file.bytes("b")]) {
      expect((await rejection(read)).message).toBe(
        'openNpz: bytes: expected the name of a tensor, an array [a], got "b"',
      );
    }
    expect((await rejection(openNpz(new Uint8Array(100)))).message).toMatch(
      /^openNpz: bytes: expected a zip archive, got: /,
    );
  });
});

describe("writeNpz", () => {
  test("replaces the file atomically", async () => {
    const directory = await temporaryDirectory();
    const path = join(directory, "a.npz");
    await writeFile(path, "old");
    const broken: LazyTensor = { dtype: "F32", shape: [2], bytes: () => new Uint8Array(3) };
    const tensors: NamedTensors = [
      ["a", new Float32Array(1000)],
      ["b", broken],
    ];
    expect((await rejection(writeNpz(path, tensors))).message).toBe(
      'writeNpz: tensor "b": expected 8 bytes, got 3',
    );
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(directory)).toEqual(["a.npz"]);
    await writeNpz(path, [["a", new Float32Array([1, 2])]], { compress: true });
    expect([...(await (await openNpz(await readFile(path))).tensor("a")).data]).toEqual([1, 2]);
  });

  test.each<[NamedTensors, string]>([
    [
      [["a", new Tensor("bfloat16", [1], new Uint16Array(1))]],
      "expected a dtype that npy can express, got bfloat16",
    ],
    [
      [["a", { dtype: "F8_E4M3", shape: [1], bytes: () => new Uint8Array(1) }]],
      "expected a dtype that npy can express, got F8_E4M3",
    ],
    [3 as unknown as NamedTensors, "expected a Map of tensors"],
  ])("%#: a TypeError before anything is written", async (tensors, message) => {
    for (const outcome of [rejection(writeNpz("/nowhere", tensors)), rejection(encodeNpz(tensors))]) {
      const error = await outcome;
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toMatch(/^(write|encode)Npz: /);
      expect(error.message).toContain(message);
    }
  });

  test("a reader that stops early ends the writing", async () => {
    let read = 0;
    const files = Array.from({ length: 100 }, (_, i) => ({
      name: `${i}`,
      size: 2 ** 20,
      async *pieces() {
        read++;
        yield new Uint8Array(2 ** 20);
      },
    }));
    for await (const piece of zipPieces(files, false)) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    expect(read).toBeLessThan(100);
  });

  test("sizes stand in front of the data", async () => {
    const bytes = await encodeNpz([["a", new Uint8Array(5)]]);
    expect(new DataView(bytes.buffer).getUint32(18, true)).toBe(128 + 5);
    const archive = await openZip(countingSource(bytes));
    expect(archive.entries.get("a.npy")).toEqual({ size: 133, compressedSize: 133, method: "stored" });
  });
});
