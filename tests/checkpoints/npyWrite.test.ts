import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeNpy, readNpy, writeNpy } from "../../src/checkpoints/index.ts";
import type { DType } from "../../src/tensor/dtype.ts";
import { Tensor, type TensorLike, tensor } from "../../src/tensor/tensor.ts";
import { anyTensor, npyFile, rejection, temporaryDirectory } from "./files.ts";

const bitsOf = ({ data }: Tensor<DType>): number[] => [
  ...new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
];

describe("encodeNpy", () => {
  test("is byte for byte what numpy.save wrote", () => {
    const file = encodeNpy(tensor([1, 2.5]));
    const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".padEnd(117);
    expect([...file]).toEqual([...npyFile(`${text}\n`, [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0x40])]);
    expect(file.length).toBe(128 + 8);
  });

  test.each([
    [[], "()", 118],
    [[1], "(1,)", 118],
    [[1, 1, 1, 1, 1, 1, 1, 1], "(1, 1, 1, 1, 1, 1, 1, 1)", 118],
    [Array(20).fill(1), `(${Array(20).fill(1).join(", ")})`, 182],
  ])("pads %j to a multiple of 64", (shape, text, length) => {
    const file = encodeNpy(new Tensor("bool", shape, Uint8Array.of(1)));
    expect(file[8] + 256 * file[9]).toBe(length);
    expect((10 + length) % 64).toBe(0);
    const dict = `{'descr': '|b1', 'fortran_order': False, 'shape': ${text}, }`;
    expect(new TextDecoder().decode(file.subarray(10, 10 + length))).toBe(`${dict.padEnd(length - 1)}
`);
  });

  test("round trip, bit for bit", async () => {
    await fc.assert(
      fc.asyncProperty(anyTensor, async (original) => {
        const back = await readNpy(encodeNpy(original));
        expect(back.dtype).toBe(original.dtype);
        expect(back.shape).toEqual(original.shape);
        expect(bitsOf(back)).toEqual(bitsOf(original));
      }),
      { numRuns: 200 },
    );
  });

  test("a view of a larger buffer is written alone", async () => {
    const view = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    expect([...(await readNpy(encodeNpy(view))).data]).toEqual([1, 2]);
  });

  test("refuses bfloat16, what is no tensor, and a shape that does not fit", () => {
    const bfloat = new Tensor("bfloat16", [1], Uint16Array.of(0));
    expect(() => encodeNpy(bfloat)).toThrow(TypeError);
    expect(() => encodeNpy(bfloat)).toThrow(
      "encodeNpy: expected a dtype that npy can express, got bfloat16; cast it to float32",
    );
    expect(() => encodeNpy(3 as unknown as TensorLike)).toThrow(TypeError);
    expect(() => encodeNpy(new Tensor("float32", [3], new Float32Array(2)))).toThrow(
      "encodeNpy: expected 3 elements for shape (3,), got 2",
    );
    const deep = new Tensor("float32", Array<number>(30_000).fill(1), new Float32Array(1));
    expect(() => encodeNpy(deep)).toThrow("expected a shape that a 1.0 header has room for, got 30000 axes");
  });
});

describe("writeNpy", () => {
  test("writes what encodeNpy gives, and nothing else", async () => {
    const directory = await temporaryDirectory();
    const path = join(directory, "a.npy");
    await writeFile(path, "old");
    await writeNpy(path, tensor([1, 2]));
    expect(new Uint8Array(await readFile(path))).toEqual(encodeNpy(tensor([1, 2])));
    expect(await readdir(directory)).toEqual(["a.npy"]);
    expect([...(await readNpy(path)).data]).toEqual([1, 2]);
  });

  test("a tensor that npy cannot express leaves the old file as it was", async () => {
    const path = join(await temporaryDirectory(), "a.npy");
    await writeFile(path, "old");
    const error = await rejection(writeNpy(path, new Tensor("bfloat16", [1], Uint16Array.of(0))));
    expect(error.message).toMatch(/^writeNpy: expected a dtype that npy can express, got bfloat16/);
    expect(await readFile(path, "utf8")).toBe("old");
  });
});
