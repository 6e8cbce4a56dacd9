import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { functional as F, InstanceNorm2d, LayerNorm } from "../../src/index.ts";
import { memoryUsage } from "../../src/tensor/memory.ts";
import { empty, emptyLike, pointerOf, sameStorage, tensor, viewOf } from "../../src/tensor/tensor.ts";

/** A pool tensor of these values. */
function pooled(values: Float32Array, shape: readonly number[]) {
  const made = empty(shape);
  made.data.set(values);
  return made;
}

describe("empty", () => {
  it("is zero also where freed memory is reused", () => {
    const first = empty([1000]);
    first.data.fill(3);
    const pointer = pointerOf(first);
    first.dispose();
    const second = empty([1000]);
    expect(pointerOf(second)).toBe(pointer);
    expect(second.data.every((value) => value === 0)).toBe(true);
    second.dispose();
  });

  it.each(["float32", "float64", "float16", "bfloat16", "int64", "bool"] as const)("holds %s", (dtype) => {
    using made = empty([3, 5], { dtype });
    expect(made.data.length).toBe(15);
    expect(made.size).toBe(15);
    expect(made.dtype).toBe(dtype);
  });

  it.each([[[]], [[0]], [[3, 0, 2]]])("holds the shape %j", (shape) => {
    using made = empty(shape);
    expect(made.data.length).toBe(made.size);
    expect(pointerOf(made)).toBeGreaterThan(0);
  });

  it("keeps old tensors valid when memory grows", () => {
    const old = pooled(Float32Array.of(1, 2, 3), [3]);
    const { data } = old;
    const { reserved } = memoryUsage();
    using big = empty([reserved / 4 + 1]);
    expect(memoryUsage().reserved).toBeGreaterThan(reserved);
    expect([...old.data]).toEqual([1, 2, 3]);
    old.data[0] = 9;
    expect(data[0]).toBe(9);
    expect(big.data[big.size - 1]).toBe(0);
    old.dispose();
  });
});

describe("dispose", () => {
  it("gives the memory back once, and a disposed tensor says so", () => {
    const { used } = memoryUsage();
    const made = empty([100]);
    expect(memoryUsage().used).toBeGreaterThan(used);
    made.dispose();
    made.dispose();
    made[Symbol.dispose]();
    expect(memoryUsage().used).toBe(used);
    expect(() => made.data).toThrow(
      new RangeError("tensor(float32, (100,)) was disposed and can no longer be used"),
    );
    expect(() => pointerOf(made)).toThrow(RangeError);
    expect(() => F.layerNorm(made, { normalizedShape: [100] })).toThrow("was disposed");
  });

  it("leaves the caller's arrays alone", () => {
    const wrapped = tensor(Float32Array.of(1, 2), [2]);
    wrapped.dispose();
    expect([...wrapped.data]).toEqual([1, 2]);
    expect(pointerOf(wrapped)).toBeUndefined();
  });

  it("frees what views share", () => {
    const made = empty([2, 3]);
    const seen = viewOf(made, [6]);
    expect(sameStorage(made, seen)).toBe(true);
    expect(sameStorage(made, emptyLike(made))).toBe(false);
    seen.data[4] = 5;
    expect(made.data[4]).toBe(5);
    seen.dispose();
    expect(() => made.data).toThrow("was disposed");
    made.dispose();
  });
});

describe("results live where their input lives", () => {
  const values = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));

  it("for layers and functions, forward and backward", () => {
    const plain = tensor(values, [2, 3, 4]);
    const pool = pooled(values, [2, 3, 4]);
    for (const layer of [new LayerNorm([4]), new LayerNorm([3, 4])]) {
      const fromPlain = layer.forward(plain);
      const dxPlain = layer.backward(plain);
      const fromPool = layer.forward(pool);
      const dxPool = layer.backward(plain);
      expect(pointerOf(fromPlain)).toBeUndefined();
      expect(pointerOf(dxPlain)).toBeUndefined();
      expect(pointerOf(fromPool)).toBeGreaterThan(0);
      expect(pointerOf(dxPool)).toBeGreaterThan(0);
      expect([...fromPool.data]).toEqual([...fromPlain.data]);
      expect([...dxPool.data]).toEqual([...dxPlain.data]);
    }
  });

  it("for transposed axes, without leaving the intermediate behind", () => {
    const pool = pooled(values, [2, 3, 4]);
    const y = F.layerNorm(pool, { axes: [0, 1] });
    expect(pointerOf(y)).toBeGreaterThan(0);
    expect([...y.data]).toEqual([...F.layerNorm(tensor(values, [2, 3, 4]), { axes: [0, 1] }).data]);
  });

  it("for unbatched instance norm, whose result is a view", () => {
    const y = new InstanceNorm2d(2).forward(pooled(values, [2, 3, 4]));
    expect(y.shape).toEqual([2, 3, 4]);
    expect(pointerOf(y)).toBeGreaterThan(0);
  });

  it("except into a given out", () => {
    const out = new Float32Array(24);
    const y = F.layerNorm(pooled(values, [2, 3, 4]), { normalizedShape: 4, out: tensor(out, [2, 3, 4]) });
    expect(y.data).toBe(out);
  });
});

/** Runs a module in a fresh Node and returns what it printed. */
function inFreshNode(script: string, flags: readonly string[] = []): string {
  const index = fileURLToPath(new URL("../../src/index.ts", import.meta.url));
  const tensors = fileURLToPath(new URL("../../src/tensor/tensor.ts", import.meta.url));
  const source = `import { memoryUsage, empty, tensor, LayerNorm } from ${JSON.stringify(index)};
    import { pointerOf, viewOf } from ${JSON.stringify(tensors)};\n${script}`;
  const result = spawnSync(
    process.execPath,
    [...flags, "--import", "tsx", "--input-type=module", "-e", source],
    { encoding: "utf8" },
  );
  expect(result.stderr).toBe("");
  return result.stdout.trim();
}

describe("garbage collection", () => {
  const collect = `async function collect() {
    for (let i = 0; i < 5; i++) { globalThis.gc(); await new Promise((done) => setTimeout(done, 10)); }
  }`;

  it("frees tensors that nobody holds", () => {
    const printed = inFreshNode(
      `${collect}
      for (let i = 0; i < 100; i++) empty([1000]).data[0] = i;
      const before = memoryUsage().used;
      await collect();
      console.log(before >= 400000, memoryUsage().used);`,
      ["--expose-gc"],
    );
    expect(printed).toBe("true 0");
  });

  it("keeps what an array from data or a view still shows", () => {
    const printed = inFreshNode(
      `${collect}
      const held = (() => empty([1000]).data)();
      const seen = (() => viewOf(empty([1000]), [10, 100]))();
      held.fill(5); seen.data.fill(6);
      await collect();
      const used = memoryUsage().used;
      for (let i = 0; i < 10; i++) empty([1000]).data.fill(1);
      console.log(used >= 8000, held.every((v) => v === 5), seen.data.every((v) => v === 6));`,
      ["--expose-gc"],
    );
    expect(printed).toBe("true true true");
  });

  it("is not confused by dispose", () => {
    const printed = inFreshNode(
      `${collect}
      for (let i = 0; i < 100; i++) empty([1000]).dispose();
      const held = empty([1000]);
      await collect();
      held.data[999] = 1;
      console.log(memoryUsage().used);`,
      ["--expose-gc"],
    );
    expect(Number(printed)).toBeGreaterThanOrEqual(4000);
    expect(Number(printed)).toBeLessThan(5000);
  });
});
