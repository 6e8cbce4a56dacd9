import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { empty, functional, setThreads, type Tensor, tensor } from "../../src/index.ts";

afterEach(() => setThreads(1));

type Place = (values: Float32Array, shape: readonly number[]) => Tensor<"float32">;

const inPool: Place = (values, shape) => {
  const made = empty(shape);
  made.data.set(values);
  return made;
};

const oddly: Place = (values, shape) => {
  const moved = new Float32Array(values.length + 3).subarray(3);
  moved.set(values);
  return tensor(moved, shape);
};

const places: Readonly<Record<string, Place>> = {
  pool: inPool,
  plain: (values, shape) => tensor(values.slice(), shape),
  "odd offset": oddly,
  "odd offset in the pool": (values, shape) => {
    const room = inPool(new Float32Array(values.length + 3), [values.length + 3]).data.subarray(3);
    room.set(values);
    return tensor(room, shape);
  },
};

function values(n: number, seed: number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898 + seed) * 3 + 1);
}

/** Each of more than one block of staging, so that the blocks' borders are hashed too. */
const cases = [
  { shape: [6, 13, 90, 91], norm: "batchNorm" },
  { shape: [801, 701], norm: "batchNorm" },
  { shape: [6, 12, 91, 90], norm: "groupNorm" },
  { shape: [801, 701], norm: "layerNorm" },
] as const;

function resultsOf({ shape, norm }: (typeof cases)[number], place: Place): Float32Array[] {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const [x, dy] = [place(values(size, 1), shape), place(values(size, 2), shape)];
  const parameters = shape[1];
  const affine = { weight: values(parameters, 3), bias: values(parameters, 4) };
  const { y, grads } = {
    batchNorm: () => {
      const options = { ...affine, training: true };
      return { y: functional.batchNorm(x, options), grads: functional.batchNormBackward(x, dy, options) };
    },
    groupNorm: () => {
      const options = { ...affine, numGroups: 4 };
      return { y: functional.groupNorm(x, options), grads: functional.groupNormBackward(x, dy, options) };
    },
    layerNorm: () => {
      const options = { ...affine, normalizedShape: shape.slice(1) };
      return { y: functional.layerNorm(x, options), grads: functional.layerNormBackward(x, dy, options) };
    },
  }[norm]();
  return [y, grads.dx, grads.dWeight, grads.dBias].map((result) => (result as Tensor).data as Float32Array);
}

function hashOf(place: Place): string {
  const hash = createHash("sha256");
  for (const each of cases) {
    for (const { buffer, byteOffset, byteLength } of resultsOf(each, place)) {
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
    }
  }
  return hash.digest("hex");
}

describe("where the data lives and how many threads compute", () => {
  it("do not change a bit of the results", () => {
    const seen = new Map<string, string[]>();
    for (const threads of [1, 2, 3, 4]) {
      setThreads(threads);
      for (const [name, place] of Object.entries(places)) {
        const hash = hashOf(place);
        seen.set(hash, [...(seen.get(hash) ?? []), `${name} at ${threads}`]);
      }
    }
    expect([...seen.values()]).toHaveLength(1);
  }, 60_000);
});

describe.each(Object.entries(places))("out, %s", (_, place) => {
  const shape = [6, 13, 90, 91];
  const size = 6 * 13 * 90 * 91;
  const given = { weight: values(13, 3), training: true };

  it("may be the input, and dx may be dy", () => {
    const want = functional.batchNorm(place(values(size, 1), shape), given).data;
    const x = place(values(size, 1), shape);
    expect(functional.batchNorm(x, { ...given, out: x })).toBe(x);
    expect(Buffer.compare(bytesOf(x.data), bytesOf(want))).toBe(0);
    const [input, dy] = [place(values(size, 1), shape), place(values(size, 2), shape)];
    const { dx } = functional.batchNormBackward(input, dy, given);
    functional.batchNormBackward(input, dy, { ...given, out: dy });
    expect(Buffer.compare(bytesOf(dy.data), bytesOf(dx.data))).toBe(0);
  });

  it("may not lie across the input or dy", () => {
    const room = place(values(60, 1), [60]).data;
    const x = tensor(room.subarray(0, 48), [2, 2, 12]);
    const across = tensor(room.subarray(12, 60), [2, 2, 12]);
    const before = room.slice();
    expect(() => functional.batchNorm(x, { training: true, out: across })).toThrow(
      new RangeError(
        "batchNorm: expected out to be the input itself or memory apart from it, got a part of the same memory",
      ),
    );
    const input = place(values(48, 2), [2, 2, 12]);
    expect(() => functional.batchNormBackward(input, x, { training: true, out: across })).toThrow(
      "batchNormBackward: expected out to be dy itself or memory apart from it",
    );
    expect(room).toEqual(before);
    const halves = place(values(48, 1), [48]).data;
    const [low, high] = [tensor(halves.subarray(0, 24), [2, 12]), tensor(halves.subarray(24), [2, 12])];
    expect(functional.layerNorm(low, { normalizedShape: 12, out: high })).toBe(high);
  });
});

describe("memory beyond the limit", () => {
  it("is refused with the sizes", () => {
    expect(() => empty([2 ** 31])).toThrow(
      /^kernel memory: 8 GiB \(8589934592 bytes\) asked for, .* in use, and the limit is 4 GiB/,
    );
    expect(empty([4]).data).toEqual(new Float32Array(4));
  });
});

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
