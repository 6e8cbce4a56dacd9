import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bigBytes, createAllocator, skewBytes } from "../../src/tensor/allocator.ts";
import { createPool } from "../../src/tensor/memory.ts";

const first = 65536;
const step = 1 << 20;

/** An allocator whose space grows by whole steps. */
function growing() {
  let end = first;
  const allocator = createAllocator(first, (needed) => {
    end = first + Math.ceil((needed - first) / step) * step;
    return end;
  });
  return { allocator, end: () => end };
}

const sizes = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 200_000 }));
const commands = fc.array(
  fc.oneof(
    sizes.map((bytes) => ({ bytes })),
    fc.nat(1000).map((index) => ({ index })),
  ),
  { maxLength: 300 },
);

describe("allocator", () => {
  it("never overlaps blocks, keeps them aligned and inside, and ends as one free block", () => {
    fc.assert(
      fc.property(commands, (sequence) => {
        const { allocator, end } = growing();
        const live: { pointer: number; bytes: number }[] = [];
        for (const command of sequence) {
          if ("bytes" in command) {
            const pointer = allocator.allocate(command.bytes);
            expect(pointer % 64).toBe(0);
            expect(pointer).toBeGreaterThanOrEqual(first);
            expect(pointer + command.bytes).toBeLessThanOrEqual(end());
            for (const other of live) {
              const isApart =
                pointer + command.bytes <= other.pointer || other.pointer + other.bytes <= pointer;
              expect(isApart).toBe(true);
            }
            for (const free of allocator.freeStretches()) {
              expect(pointer + command.bytes <= free.start || free.start + free.bytes <= pointer).toBe(true);
            }
            live.push({ pointer, bytes: Math.max(command.bytes, 1) });
          } else if (live.length > 0) {
            const [gone] = live.splice(command.index % live.length, 1);
            allocator.free(gone.pointer);
          }
        }
        for (const { pointer } of live) allocator.free(pointer);
        expect(allocator.used).toBe(0);
        const free = allocator.freeStretches();
        if (sequence.some((command) => "bytes" in command)) {
          expect(free).toEqual([{ start: first, bytes: end() - first }]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("reuses a freed block for the next of its size, wherever that one is placed", () => {
    fc.assert(
      fc.property(fc.array(sizes, { minLength: 1, maxLength: 30 }), fc.nat(), (list, seed) => {
        const { allocator, end } = growing();
        const pointers = list.map((bytes) => allocator.allocate(bytes));
        const before = end();
        for (let round = 0; round < 20; round++) {
          const index = (seed + round * 7) % list.length;
          allocator.free(pointers[index]);
          pointers[index] = allocator.allocate(list[index]);
        }
        expect(end()).toBe(before);
      }),
    );
  });

  it("places each big block 832 bytes below the one before modulo 4096, or below the one named", () => {
    const { allocator } = growing();
    let before = allocator.allocate(bigBytes);
    for (const bytes of [bigBytes, 100_000, 123_456, bigBytes]) {
      const pointer = allocator.allocate(bytes);
      expect((pointer - before) % 4096).toBe(skewBytes);
      before = pointer;
    }
    const named = before;
    allocator.allocate(bigBytes);
    expect((((allocator.allocate(bigBytes, named) - named) % 4096) + 4096) % 4096).toBe(skewBytes);
  });

  it("refuses to free what it did not give, or twice", () => {
    const { allocator } = growing();
    const pointer = allocator.allocate(64);
    allocator.free(pointer);
    expect(() => allocator.free(pointer)).toThrow(RangeError);
    expect(() => allocator.free(12345)).toThrow("no block starts at 12345");
  });

  it("takes constant time: ten thousand holes cost no more per block than ten", () => {
    const withHoles = (count: number) => {
      const { allocator } = growing();
      const pointers = Array.from({ length: 2 * count }, (_, i) => allocator.allocate(64 * (1 + (i % 50))));
      for (let i = 0; i < pointers.length; i += 2) allocator.free(pointers[i]);
      expect(allocator.freeStretches().length).toBeGreaterThanOrEqual(count);
      return () => {
        const start = performance.now();
        for (let i = 0; i < 5_000; i++) allocator.free(allocator.allocate(64 * (1 + (i % 60))));
        return performance.now() - start;
      };
    };
    const [few, many] = [withHoles(10), withHoles(10_000)];
    const times = Array.from({ length: 9 }, () => [few(), many()]);
    const least = (which: number) => Math.min(...times.map((pair) => pair[which]));
    // A linear search would be a thousand times as slow; the bound leaves room for cache misses and noise.
    expect(least(1) / least(0)).toBeLessThan(20);
  });
});

describe.each([true, false])("pool in a memory with shared: %s", (shared) => {
  it("reaches the last byte below its limit and names the sizes beyond it", () => {
    const { allocator, memory, limitBytes } = createPool(shared, 64);
    expect(limitBytes).toBe(4 << 20);
    const half = allocator.allocate(2 << 20);
    expect(() => allocator.allocate(3 << 20)).toThrow(
      /kernel memory: 3 MiB \(3145728 bytes\) asked for, 2 MiB .* in use, and the limit is 4 MiB \(4194304 bytes\)/,
    );
    allocator.free(half);
    const all = allocator.allocate((4 << 20) - first - 4096);
    new Uint8Array(memory.buffer).fill(1, all, all + (4 << 20) - first - 4096);
    allocator.free(all);
    expect(allocator.used).toBe(0);
  });

  it("addresses memory beyond 2 GiB, up to 4 GiB, and then throws a RangeError", () => {
    const { allocator, memory } = createPool(shared);
    const low = allocator.allocate(3 * 2 ** 30);
    const high = allocator.allocate(2 ** 20);
    expect(low).toBeLessThan(2 ** 31);
    expect(high).toBeGreaterThan(2 ** 31);
    const seen = new Float32Array(memory.buffer, high, 2 ** 18);
    seen[2 ** 18 - 1] = 7;
    expect(new Float32Array(memory.buffer, high + 4 * (2 ** 18 - 1), 1)[0]).toBe(7);
    expect(() => allocator.allocate(2 ** 30)).toThrow(
      /1 GiB .* asked for, 3 GiB .* in use, and the limit is 4 GiB \(4294967296 bytes\)/,
    );
    allocator.allocate(2 ** 29);
    expect(memory.buffer.byteLength).toBeLessThan(3.6 * 2 ** 30);
  });
});
