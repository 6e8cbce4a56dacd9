import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { instantiate, type Kernels } from "../../src/backends/wasm/instance.ts";
import { elementSlices, statisticSlices } from "../../src/backends/wasm/slices.ts";
import { type Block, type Operand, runBlocks } from "../../src/backends/wasm/stage.ts";
import { type Plan, planFrom } from "../../src/plan/plan.ts";
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

/** Rows of an array in blocks of at most 1000. */
function rowBlocks(rows: number, rowLength: number): Iterable<Block> {
  return elementSlices(
    planFrom({ batch: rows, pool: 1, group: 1, channel: 1, inner: rowLength }),
    1000 * rowLength,
  );
}

/** Blocks of whole channels over 10 samples. */
function planeBlocks(planes: number, planeLength: number): Iterable<Block> {
  return statisticSlices(
    planFrom({ batch: 1, pool: 10, group: planes, channel: 1, inner: planeLength }),
    16384,
  );
}

/** y = 1.5 x - 2 in these blocks. */
function scaled(operands: readonly Operand[], blocks: Iterable<Block>) {
  runBlocks(operands, blocks, ([x, y], { length, count }) => {
    kernels.exports.scaleShift(x, y, 1.5, -2, 0, 0, length * count);
  });
}

const extents = fc.record({
  batch: fc.integer({ min: 1, max: 5 }),
  pool: fc.integer({ min: 1, max: 5 }),
  group: fc.integer({ min: 1, max: 9 }),
  channel: fc.integer({ min: 1, max: 4 }),
  inner: fc.integer({ min: 1, max: 9 }),
});

describe.each([
  ["statisticSlices", statisticSlices],
  ["elementSlices", elementSlices],
] as const)("%s", (name, slicesOf) => {
  it("covers every element once, with its own statistic and parameter", () => {
    fc.assert(
      fc.property(extents, fc.integer({ min: 1, max: 700 }), (drawn, most) => {
        const whole = planFrom(drawn);
        const seen = new Uint8Array(whole.size);
        const places = (plan: Plan, i: number) => {
          const run = Math.floor(i / (plan.channel * plan.inner));
          const g = run % plan.group;
          const b = Math.floor(run / plan.group / plan.pool);
          const c = Math.floor(i / plan.inner) % plan.channel;
          return { statistic: b * plan.group + g, parameter: g * plan.channel + c };
        };
        for (const { plan, statistic, parameter, start, length, count, stride } of slicesOf(whole, most)) {
          expect(plan.size).toBe(length * count);
          if (name === "elementSlices") expect(count).toBe(1);
          if (name === "statisticSlices") expect(plan.count).toBe(whole.count);
          expect(plan.size <= most || plan.group === 1 || plan.pool * plan.group === plan.group).toBe(true);
          for (let i = 0; i < plan.size; i++) {
            const at = start + Math.floor(i / length) * stride + (i % length);
            seen[at]++;
            const own = places(plan, i);
            const b = Math.floor(at / (whole.size / whole.batch));
            const shift = Math.floor(statistic / whole.group) * whole.group;
            expect(places(whole, at).parameter).toBe(parameter + own.parameter);
            expect(places(whole, at).statistic).toBe(
              plan.group === whole.group
                ? shift + own.statistic
                : b * whole.group + (statistic % whole.group) + own.statistic,
            );
          }
        }
        expect(seen.every((times) => times === 1)).toBe(true);
      }),
    );
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
    for (const blocks of [rowBlocks(3000, 100), planeBlocks(300, 100)]) {
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
        scaled([read(tensor(values.subarray(offset, offset + size))), write(y)], rowBlocks(size, 1));
        expect([...y.data]).toEqual([...expected.subarray(offset, offset + size)]);
        expect(buffer.subarray(0, offset).every((value) => value === -77)).toBe(true);
        expect(buffer.subarray(offset + size).every((value) => value === -77)).toBe(true);
      }
    }
  });

  it("works in place, and updates", () => {
    const inPlace = tensor(values.slice());
    scaled([read(inPlace), write(inPlace)], rowBlocks(3000, 100));
    expect(inPlace.data.findIndex((value, i) => value !== expected[i])).toBe(-1);
    for (const into of [tensor(new Float32Array(length)), empty([length])]) {
      for (const x of [tensor(values), pooled(values)]) {
        runBlocks([{ tensor: x, access: "update", into }], rowBlocks(3000, 100), ([at], block) => {
          kernels.exports.scaleShift(at, at, 1.5, -2, 0, 0, block.length);
        });
        expect(into.data.findIndex((value, i) => value !== expected[i])).toBe(-1);
        expect(x.data[1]).toBe(values[1]);
      }
    }
    const updated = tensor(values.slice());
    runBlocks([{ tensor: updated, access: "update" }], rowBlocks(3000, 100), ([x], block) => {
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
      rowBlocks(6, 1),
      ([from, to], block) => {
        // 16-bit floats are float32 on the way.
        const bytes = block.length * (dtype === "float16" ? 4 : x.data.BYTES_PER_ELEMENT);
        new Uint8Array(kernelMemory().buffer).copyWithin(to, from, from + bytes);
      },
    );
    expect(y.data).toEqual(x.data);
  });
});
