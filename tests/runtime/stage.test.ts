import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { instantiate, type Kernels } from "../../src/backends/wasm/instance.ts";
import { type Operand, planeBlocks, rowBlocks, runBlocks } from "../../src/backends/wasm/stage.ts";
import { isMemoryShared, kernelMemory } from "../../src/tensor/memory.ts";
import { empty, type Tensor, tensor } from "../../src/tensor/tensor.ts";
import * as binary from "../fixtures/kernels/binary/kernels.ts";

let kernels: Kernels;

beforeAll(() => {
  kernels = instantiate(binary, kernelMemory(), isMemoryShared());
});

const read = (of: Tensor): Operand => ({ tensor: of, access: "read" });
const write = (of: Tensor): Operand => ({ tensor: of, access: "write" });

function pooled(values: Float32Array): Tensor {
  const made = empty([values.length]);
  made.data.set(values);
  return made;
}

/** y = 1.5 x - 2 in these blocks. */
function scaled(
  operands: readonly Operand[],
  blocks: Iterable<Parameters<typeof runBlocks>[1] extends Iterable<infer B> ? B : never>,
) {
  runBlocks(operands, blocks, ([x, y], { length, count }) => {
    kernels.exports.scaleShift(x, y, 1.5, -2, 0, 0, length * count);
  });
}

describe("rowBlocks", () => {
  it("covers every row once, in multiples of the unit", () => {
    fc.assert(
      fc.property(
        fc.nat(5000),
        fc.integer({ min: 1, max: 9000 }),
        fc.integer({ min: 1, max: 8 }),
        (rows, rowLength, unit) => {
          let at = 0;
          const blocks = rowBlocks(rows, rowLength, 4, unit);
          blocks.forEach(({ start, length, count }, i) => {
            expect(start).toBe(at);
            expect(count).toBe(1);
            expect(length % rowLength).toBe(0);
            if (i < blocks.length - 1) expect((length / rowLength) % unit).toBe(0);
            at += length;
          });
          expect(at).toBe(rows * rowLength);
        },
      ),
    );
  });
});

describe("planeBlocks", () => {
  it("covers every element once, whole planes of all samples in each", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 180, max: 2000 }),
        (samples, planes, planeLength, most) => {
          const seen = new Uint8Array(samples * planes * planeLength);
          for (const { start, length, count, stride } of planeBlocks(samples, planes, planeLength, 4, most) ??
            []) {
            expect(length * count * 4).toBeLessThanOrEqual(most);
            expect(length % planeLength).toBe(0);
            for (let run = 0; run < count; run++) {
              for (let i = 0; i < length; i++) seen[start + run * stride + i]++;
            }
          }
          expect(seen.every((times) => times === 1)).toBe(true);
        },
      ),
    );
    expect(planeBlocks(64, 3, 224 * 224, 4)).toBeUndefined();
  });
});

describe("runBlocks", () => {
  const length = 300_000;
  const values = Float32Array.from({ length }, (_, i) => Math.sin(i));
  const expected = values.map((value) => Math.fround(value * 1.5) - 2);
  const places = [
    ["plain to plain", false, false],
    ["plain to pool", false, true],
    ["pool to plain", true, false],
    ["pool to pool", true, true],
  ] as const;

  it.each(places)("computes %s, in rows and in planes", (_, fromPool, toPool) => {
    for (const blocks of [rowBlocks(3000, 100, 4), planeBlocks(10, 300, 100, 4, 65536) ?? []]) {
      const x = fromPool ? pooled(values) : tensor(values);
      const y = toPool ? empty([length]) : tensor(new Float32Array(length));
      scaled([read(x), write(y)], blocks);
      expect(y.data.findIndex((value, i) => value !== expected[i])).toBe(-1);
      expect([...x.data.subarray(0, 5)]).toEqual([...values.subarray(0, 5)]);
    }
  });

  it("leaves what lies around an array alone, at any offset", () => {
    for (let offset = 0; offset < 4; offset++) {
      for (const size of [0, 1, 24, 47, 48, 49, 67, 1000]) {
        const buffer = new Float32Array(size + 8).fill(-77);
        const y = tensor(buffer.subarray(offset, offset + size), [size]);
        scaled([read(tensor(values.subarray(offset, offset + size))), write(y)], rowBlocks(size, 1, 4));
        expect([...y.data]).toEqual([...expected.subarray(offset, offset + size)]);
        expect(buffer.subarray(0, offset).every((value) => value === -77)).toBe(true);
        expect(buffer.subarray(offset + size).every((value) => value === -77)).toBe(true);
      }
    }
  });

  it("works in place, and updates", () => {
    const inPlace = tensor(values.slice());
    scaled([read(inPlace), write(inPlace)], rowBlocks(3000, 100, 4));
    expect(inPlace.data.findIndex((value, i) => value !== expected[i])).toBe(-1);
    for (const into of [tensor(new Float32Array(length)), empty([length])]) {
      for (const x of [tensor(values), pooled(values)]) {
        runBlocks([{ tensor: x, access: "update", into }], rowBlocks(3000, 100, 4), ([at], block) => {
          kernels.exports.scaleShift(at, at, 1.5, -2, 0, 0, block.length);
        });
        expect(into.data.findIndex((value, i) => value !== expected[i])).toBe(-1);
        expect(x.data[1]).toBe(values[1]);
      }
    }
    const updated = tensor(values.slice());
    runBlocks([{ tensor: updated, access: "update" }], rowBlocks(3000, 100, 4), ([x], block) => {
      kernels.exports.scaleShift(x, x, 1.5, -2, 0, 0, block.length);
    });
    expect(updated.data).toEqual(inPlace.data);
  });

  it.each(["float64", "float16", "int64"] as const)("moves %s", (dtype) => {
    const x = tensor([1, 2, 3, 4, 5, 6], undefined, { dtype });
    const y = tensor([0, 0, 0, 0, 0, 0], undefined, { dtype });
    runBlocks(
      [
        { tensor: x, access: "read" },
        { tensor: y, access: "write" },
      ],
      rowBlocks(6, 1, 8),
      ([from, to], block) => {
        const bytes = block.length * x.data.BYTES_PER_ELEMENT;
        new Uint8Array(kernelMemory().buffer).copyWithin(to, from, from + bytes);
      },
    );
    expect(y.data).toEqual(x.data);
  });
});
