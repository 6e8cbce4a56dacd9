import { open } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeNpy, openNpy, readNpy } from "../../src/checkpoints/index.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { Tensor, tensor } from "../../src/tensor/tensor.ts";
import { anyTensor, countingSource, npyFile, rejection, temporaryDirectory } from "./files.ts";

const f4 = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";

describe("readNpy", () => {
  test.each([1, 2, 3])("version %i.0 with no padding, so that data is unaligned", async (major) => {
    const back = await readNpy(npyFile(f4, [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40], major));
    expect(back).toMatchObject({ dtype: "float32", shape: [2], data: Float32Array.of(1, 2) });
  });

  test("every length of padding", async () => {
    for (let padding = 0; padding < 70; padding++) {
      const back = await readNpy(npyFile(`${f4}${" ".repeat(padding)}\n`, [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]));
      expect([...back.data]).toEqual([1, 2]);
    }
  });

  test("bytes after the data are ignored", async () => {
    expect((await readNpy(npyFile(f4, Array(9).fill(0)))).size).toBe(2);
  });

  test("big-endian data, 2, 4 and 8 bytes wide", async () => {
    const big = (code: string): string => `{'descr': '>${code}', 'fortran_order': False, 'shape': (2,), }`;
    expect((await readNpy(npyFile(big("u2"), [1, 2, 3, 4]))).data).toEqual(Uint16Array.of(0x102, 0x304));
    expect((await readNpy(npyFile(big("f4"), [0x3f, 0x80, 0, 0, 0x40, 0, 0, 0]))).data).toEqual(
      Float32Array.of(1, 2),
    );
    const long = await readNpy(npyFile(big("i8"), [0, 0, 0, 0, 0, 0, 1, 0, ...Array(8).fill(255)]));
    expect(long.data).toEqual(BigInt64Array.of(256n, -1n));
    expect((await readNpy(npyFile(big("i1"), [1, 255]))).data).toEqual(Int8Array.of(1, -1));
  });

  test("int64 keeps what a number would round", async () => {
    const exact = BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n));
    expect((await readNpy(encodeNpy(exact))).data).toEqual(exact);
  });

  test("fortran order becomes row-major", async () => {
    const file = npyFile(
      "{'descr': '<u2', 'fortran_order': True, 'shape': (2, 3), }",
      [0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0],
    );
    const back = await readNpy(file);
    expect(back.shape).toEqual([2, 3]);
    expect([...back.data]).toEqual([0, 2, 4, 1, 3, 5]);
    expect((await openNpy(file)).fortranOrder).toBe(true);
  });

  test("fortran order of any shape: element (i, j, ...) sits at i + d0 * (j + d1 * ...)", async () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const size = sizeOf(shape);
        const text = `(${shape.join(",")}${shape.length === 1 ? "," : ""})`;
        const stored = Array.from({ length: size }, (_, index) => index & 0xff);
        const file = npyFile(`{'descr': 'u1', 'fortran_order': True, 'shape': ${text}}`, stored);
        const expected = Array.from({ length: size }, (_, index) => {
          let from = 0;
          let rest = index;
          for (let axis = shape.length - 1; axis >= 0; axis--) {
            from += (rest % shape[axis]) * sizeOf(shape.slice(0, axis));
            rest = Math.floor(rest / shape[axis]);
          }
          return from & 0xff;
        });
        expect([...(await readNpy(file)).data]).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  test("a comment in Latin-1 (1.0) or UTF-8 (3.0) does no harm; broken UTF-8 does", async () => {
    const data = Array(8).fill(0);
    expect((await readNpy(npyFile(`${f4}# é`, data, 3))).size).toBe(2);
    const broken = npyFile(`${f4}#x`, data, 1);
    broken[broken.length - 9] = 0xff;
    expect((await readNpy(broken)).size).toBe(2);
    const broken3 = npyFile(`${f4}#x`, data, 3);
    broken3[broken3.length - 9] = 0xff;
    expect((await rejection(readNpy(broken3))).message).toBe(
      "readNpy: bytes: expected the header of a version 3.0 file to be UTF-8, got other bytes",
    );
  });
});

describe("openNpy", () => {
  test("reads the header alone, then the data alone", async () => {
    const file = encodeNpy(tensor([[1, 2, 3]]));
    const source = countingSource(file);
    const opened = await openNpy(source);
    expect(opened).toMatchObject({ descr: "<f4", dtype: "float32", shape: [1, 3], fortranOrder: false });
    expect(source.reads).toEqual([
      [0, 12],
      [10, 118],
    ]);
    expect([...(await opened.tensor()).data]).toEqual([1, 2, 3]);
    expect(source.reads[2]).toEqual([128, 12]);
    await opened.close();
    expect(source.closed).toBe(1);
  });

  test("a sparse file of 40 GB opens at once", async () => {
    const path = join(await temporaryDirectory(), "huge.npy");
    const header = npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (5000000000,), }");
    const handle = await open(path, "w");
    await handle.write(header);
    await handle.truncate(header.length + 40e9);
    await handle.close();
    const file = await openNpy(path);
    expect(file.shape).toEqual([5e9]);
    await file.close();
  });

  test("closes the source if the file is malformed, and after readNpy", async () => {
    const bad = countingSource(npyFile("{}"));
    await rejection(openNpy(bad));
    expect(bad.closed).toBe(1);
    const good = countingSource(encodeNpy(tensor([1])));
    await readNpy(good);
    expect(good.closed).toBe(1);
  });
});

test.each<[string, Uint8Array, string]>([
  ["empty", new Uint8Array(), "expected the magic bytes 93 4e 55 4d 50 59, got none"],
  ["a zip", Uint8Array.of(0x50, 0x4b, 3, 4), "expected the magic bytes 93 4e 55 4d 50 59, got 50 4b 03 04"],
  [
    "no version",
    npyFile(f4).slice(0, 7),
    "expected 10 bytes up to the header, got a file of 7 bytes: truncated",
  ],
  ["version 1.1", npyFile(f4, [], 1, 1), "expected npy version 1.0, 2.0 or 3.0, got 1.1"],
  ["version 4.0", npyFile(f4, [], 4), "expected npy version 1.0, 2.0 or 3.0, got 4.0"],
  [
    "half a length",
    npyFile(f4).slice(0, 9),
    "expected 10 bytes up to the header, got a file of 9 bytes: truncated",
  ],
  ["half a header", npyFile(f4).slice(0, 30), "expected a header of 57 bytes, got 20: truncated"],
  ["no data", npyFile(f4), "expected 8 bytes of data for float32 (2,), got 0: truncated"],
  ["half the data", npyFile(f4, [1, 2, 3]), "expected 8 bytes of data for float32 (2,), got 3: truncated"],
  [
    "more bytes than any file",
    npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (9007199254740991,), }"),
    "expected 72057594037927930 bytes of data for float64 (9007199254740991,), got 0: truncated",
  ],
  [
    "a huge header",
    npyFile(" ".repeat(2 ** 20 + 1), [], 2),
    "expected a header of at most 1048576 bytes, got 1048577",
  ],
  ["an empty header", npyFile(""), "at character 0 of the header, got its end"],
])("%s is a RangeError", async (_, file, message) => {
  for (const [who, read] of Object.entries({ readNpy, openNpy })) {
    const error = await rejection(read(file));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(`${who}: bytes: expected `);
    expect(error.message).toContain(message);
  }
});

test("every truncation is a RangeError", async () => {
  await fc.assert(
    fc.asyncProperty(anyTensor, fc.nat(), async (original, cut) => {
      const file = encodeNpy(original);
      expect(await rejection(readNpy(file.slice(0, cut % file.length)))).toBeInstanceOf(RangeError);
    }),
    { numRuns: 200 },
  );
});

test("any change of one byte gives a tensor or a RangeError", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 135 }), fc.nat({ max: 255 }), async (at, byte) => {
      const file = encodeNpy(tensor([1, 2]));
      file[at] = byte;
      try {
        expect(await readNpy(file)).toBeInstanceOf(Tensor);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
    { numRuns: 500 },
  );
});

describe("rows", () => {
  const header = (order: string, shape = "(3, 2)"): string =>
    `{'descr': '|u1', 'fortran_order': ${order}, 'shape': ${shape}, }`;

  test("reads no other bytes", async () => {
    const source = countingSource(npyFile(header("False"), [1, 2, 3, 4, 5, 6]));
    const file = await openNpy(source);
    const before = source.reads.length;
    expect(await file.rows(1, 3)).toMatchObject({ shape: [2, 2], data: Uint8Array.of(3, 4, 5, 6) });
    expect(source.reads.slice(before)).toEqual([[source.size - 4, 4]]);
    expect((await file.rows(2, 2)).shape).toEqual([0, 2]);
  });

  test("of an array in Fortran order, and of one without rows", async () => {
    const file = await openNpy(npyFile(header("True"), [1, 3, 5, 2, 4, 6]));
    expect((await file.rows(1, 2)).data).toEqual(Uint8Array.of(3, 4));
    const none = await openNpy(npyFile(header("False", "(0, 2)")));
    expect((await none.rows(0, 0)).shape).toEqual([0, 2]);
  });

  test.each([
    ["(3, 2)", -1, 1],
    ["(3, 2)", 2, 4],
    ["(3, 2)", 2, 1],
    ["(3, 2)", 0.5, 1],
    ["()", 0, 1],
  ])("refuses rows that shape %s has not: %d to %d", async (shape, begin, end) => {
    const file = await openNpy(npyFile(header("False", shape), [1, 2, 3, 4, 5, 6]));
    expect((await rejection(file.rows(begin, end))).message).toMatch(/expected rows of shape/);
  });
});
