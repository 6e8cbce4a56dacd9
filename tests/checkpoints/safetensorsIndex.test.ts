import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  encodeSafetensors,
  lazyTensors,
  openSafetensorsIndex,
  type ShardOptions,
  writeSafetensors,
  writeSafetensorsShards,
} from "../../src/checkpoints/index.ts";
import { anyTensor, countingSource, rejection, temporaryDirectory } from "./files.ts";

const one = (value: number): Float32Array => new Float32Array([value]);

interface Model {
  readonly directory: string;
  readonly index: string;
}

/** A directory with two shards, a: 1 and b: 2, and an index that says `weightMap`. */
async function model(weightMap: unknown): Promise<Model> {
  const directory = await temporaryDirectory();
  const index = join(directory, "model.safetensors.index.json");
  await writeSafetensors(join(directory, "one.safetensors"), [["a", one(1)]]);
  await writeSafetensors(join(directory, "two.safetensors"), [["b", one(2)]]);
  const text = typeof weightMap === "string" ? weightMap : JSON.stringify({ weight_map: weightMap });
  await writeFile(index, text);
  return { directory, index };
}

const good = { b: "two.safetensors", a: "one.safetensors" };

describe("openSafetensorsIndex", () => {
  test("tensors of every shard in the order of the index; by path, URL, and given shards", async () => {
    const { directory, index } = await model(good);
    const bytes = new TextEncoder().encode(
      JSON.stringify({ weight_map: good, metadata: { total_size: 8, by: "x" } }),
    );
    for (const file of [
      await openSafetensorsIndex(index),
      await openSafetensorsIndex(pathToFileURL(index)),
      await openSafetensorsIndex(bytes, { openShard: (name) => join(directory, name) }),
    ]) {
      expect(file.names).toEqual(["b", "a"]);
      expect([...file.entries]).toEqual([
        ["b", { dtype: "F32", shape: [1] }],
        ["a", { dtype: "F32", shape: [1] }],
      ]);
      const [b, a] = await Promise.all([file.tensor("b"), file.tensor("a")]);
      expect([b.data[0], a.data[0]]).toEqual([2, 1]);
      expect([...(await file.bytes("a"))]).toEqual([0, 0, 0x80, 0x3f]);
      await file.close();
      expect((await rejection(file.tensor("a"))).message).toMatch(/: cannot read, it is closed$/);
    }
    const file = await openSafetensorsIndex(bytes, { openShard: (name) => join(directory, name) });
    expect(file.metadata).toEqual(
      new Map([
        ["total_size", "8"],
        ["by", "x"],
      ]),
    );
    await file.close();
  });

  test("at most 8 shards are open, whatever is asked for at once", async () => {
    const count = 40;
    const names = Array.from({ length: count }, (_, i) => `t${i}`);
    const sources = new Map(
      names.map((name, i) => [name, countingSource(encodeSafetensors([[name, one(i)]]))]),
    );
    let open = 0;
    let most = 0;
    const index = new TextEncoder().encode(
      JSON.stringify({ weight_map: Object.fromEntries(names.map((name) => [name, name])) }),
    );
    const file = await openSafetensorsIndex(index, {
      openShard(name) {
        open++;
        most = Math.max(most, open);
        const source = sources.get(name);
        if (source === undefined) throw new Error(name);
        return {
          ...source,
          async close() {
            open--;
          },
        };
      },
    });
    const tensors = await Promise.all([...names, ...names].map((name) => file.tensor(name)));
    expect(tensors.map(({ data }) => Number(data[0]) % count)).toEqual(
      [...names, ...names].map((_, i) => i % count),
    );
    await file.close();
    expect(open).toBe(0);
    expect(most).toBeLessThanOrEqual(8 + 1);
  });

  test.each([
    "../one.safetensors",
    "/etc/passwd",
    "sub/one.safetensors",
    "..\\one.safetensors",
    "C:one.safetensors",
    "one.safetensors\0",
    "..",
    ".",
    "",
    3,
    null,
  ])("a shard at %j is refused", async (fileName) => {
    const { index } = await model({ a: fileName });
    const error = await rejection(openSafetensorsIndex(index));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain(
      `openSafetensorsIndex: ${index}: tensor "a": expected the name of a file beside the index, got `,
    );
  });

  test.each<[unknown, string]>([
    ["[]", "expected a JSON object with a weight_map from tensor names to file names, got an array []"],
    ["{}", "expected a JSON object with a weight_map from tensor names to file names, got undefined"],
    ['{"weight_map": []}', "expected a JSON object with a weight_map"],
    ['{"weight_map"', "expected a JSON index, got "],
    [
      { a: "two.safetensors" },
      'expected tensor "a" in two.safetensors, as the index says, got no such tensor',
    ],
    [
      { a: "two.safetensors", b: "one.safetensors" },
      'expected tensor "a" in two.safetensors, as the index says, got it in one.safetensors; so for 1 more',
    ],
  ])("%j: a RangeError", async (weightMap, message) => {
    const { index } = await model(weightMap);
    const error = await rejection(openSafetensorsIndex(index));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain(`openSafetensorsIndex: ${index}: ${message}`);
  });

  test("a missing shard: its path, ENOENT as cause", async () => {
    const { directory, index } = await model({ ...good, c: "three.safetensors" });
    const error = await rejection(openSafetensorsIndex(index));
    expect(error.message).toBe(
      `openSafetensors: cannot read ${join(directory, "three.safetensors")}: ENOENT: no such file or directory`,
    );
    expect(error.cause).toMatchObject({ code: "ENOENT" });
  });

  test("an index of bytes has no place to look for shards", async () => {
    const error = await rejection(openSafetensorsIndex(new TextEncoder().encode('{"weight_map":{}}')));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(
      "openSafetensorsIndex: bytes: expected a path, or the option openShard to find the other files, got neither",
    );
  });

  test("a name that is not there, an index that is too long", async () => {
    const { index } = await model(good);
    const file = await openSafetensorsIndex(index);
    expect((await rejection(file.bytes("c"))).message).toContain(
      'expected the name of a tensor, an array [b, a], got "c"',
    );
    await file.close();
    const endless = {
      name: "endless",
      size: 1e9,
      read: () => Promise.reject(new Error("read")),
      close: async () => {},
    };
    expect((await rejection(openSafetensorsIndex(endless))).message).toBe(
      "openSafetensorsIndex: endless: expected an index of at most 100000000 bytes, got 1000000000",
    );
  });

  test("a shard that was changed since is told", async () => {
    const names = Array.from({ length: 9 }, (_, i) => `t${i}`);
    let second = false;
    const index = JSON.stringify({ weight_map: Object.fromEntries(names.map((name) => [name, name])) });
    const file = await openSafetensorsIndex(new TextEncoder().encode(index), {
      openShard: (name) =>
        encodeSafetensors(second ? (name === "t0" ? [] : [["t1", new Float32Array(2)]]) : [[name, one(0)]]),
    });
    second = true;
    expect((await rejection(file.tensor("t0"))).message).toBe(
      'openSafetensorsIndex: bytes: t0: tensor "t0": expected F32 (1,) as when it was opened, got no such tensor: the file was changed',
    );
    // t1 was among the last 8 opened; reading t0 again has closed it.
    expect((await rejection(file.tensor("t1"))).message).toMatch(/got F32 \(2,\): the file was changed$/);
  });
});

describe("writeSafetensorsShards", () => {
  const write = (
    directory: string,
    tensors: Iterable<readonly [string, Float32Array]>,
    options?: ShardOptions,
  ) => writeSafetensorsShards(join(directory, "model.safetensors.index.json"), tensors, options);

  test("in the given order, by size; a larger tensor has a file of its own", async () => {
    const directory = await temporaryDirectory();
    const tensors = [
      ["c", new Float32Array(2)],
      ["a", new Float32Array(2)],
      ["big", new Float32Array(9)],
      ["__proto__", one(7)],
    ] as const;
    const fileNames = await write(directory, tensors, { maxShardBytes: 16, metadata: { format: "pt" } });
    expect(fileNames).toEqual([1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`));
    expect((await readdir(directory)).sort()).toEqual([...fileNames, "model.safetensors.index.json"]);
    const file = await openSafetensorsIndex(join(directory, "model.safetensors.index.json"));
    expect(file.names).toEqual(["c", "a", "big", "__proto__"]);
    expect(file.metadata.get("total_size")).toBe("56");
    expect([...(await file.tensor("__proto__")).data]).toEqual([7]);
    await file.close();
  });

  test("round trip, also onto itself: the old files are removed, others are not", async () => {
    const directory = await temporaryDirectory();
    const index = join(directory, "model.safetensors.index.json");
    await writeFile(join(directory, "model-00001-of-00009.safetensors"), "not ours");
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyTensor, { maxLength: 6 }),
        fc.integer({ min: 1, max: 200 }),
        async (all, most) => {
          const tensors = all.map((tensor, i) => [`${i}`, tensor] as const);
          await writeSafetensorsShards(index, tensors, { maxShardBytes: most });
          const file = await openSafetensorsIndex(index);
          await writeSafetensorsShards(index, lazyTensors(file), { maxShardBytes: 2 * most });
          await file.close();
          const back = await openSafetensorsIndex(index);
          expect(back.names).toHaveLength(all.length);
          for (const [name, { data, dtype }] of tensors) {
            const read = await back.tensor(name);
            expect(read.dtype).toBe(dtype);
            const bits = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
            expect(Buffer.compare(await back.bytes(name), bits)).toBe(0);
          }
          await back.close();
        },
      ),
      { numRuns: 30 },
    );
    const names = await readdir(directory);
    expect(names).toContain("model-00001-of-00009.safetensors");
    await rm(join(directory, "model-00001-of-00009.safetensors"));
    const [fileName] = await write(directory, [["a", one(1)]]);
    expect((await readdir(directory)).sort()).toEqual([fileName, "model.safetensors.index.json"].sort());
  });

  test("a failure leaves the old files and nothing else", async () => {
    const directory = await temporaryDirectory();
    await write(directory, [["a", one(1)]]);
    const before = await readdir(directory);
    const index = join(directory, "model.safetensors.index.json");
    const error = await rejection(
      writeSafetensorsShards(
        index,
        [
          ["a", one(2)],
          ["b", { dtype: "F32", shape: [2], bytes: () => new Uint8Array(3) }],
        ],
        { maxShardBytes: 4 },
      ),
    );
    expect(error.message).toBe('writeSafetensorsShards: tensor "b": expected 8 bytes, got 3');
    expect(await readdir(directory)).toEqual(before);
    const file = await openSafetensorsIndex(index);
    expect([...(await file.tensor("a")).data]).toEqual([1]);
    await file.close();
  });

  test.each<[unknown, ShardOptions, string]>([
    [
      "model.safetensors",
      {},
      'expected a path that ends in .safetensors.index.json, got "model.safetensors"',
    ],
    [3, {}, "expected a path that ends in .safetensors.index.json, got 3"],
    ["/x/model.safetensors.index.json", { maxShardBytes: 0 }, "expected maxShardBytes of 1 or more, got 0"],
    [
      "/x/model.safetensors.index.json",
      { maxShardBytes: 1.5 },
      "expected maxShardBytes of 1 or more, got 1.5",
    ],
  ])("%j %j is refused", async (path, options, message) => {
    const error = await rejection(writeSafetensorsShards(path as string, [], options));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe(`writeSafetensorsShards: ${message}`);
  });
});
