import { copyFile, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import {
  type Checkpoint,
  encodeNpy,
  encodeNpz,
  encodeSafetensors,
  openCheckpoint,
  writeSafetensors,
  writeSafetensorsShards,
} from "../../src/checkpoints/index.ts";
import { countingSource, rejection, temporaryDirectory } from "./files.ts";

const tensors = [
  ["a", new Float32Array([1, 2])],
  ["b", BigInt64Array.of(3n)],
] as const;

async function expectTensors(opening: Promise<Checkpoint>): Promise<void> {
  const file = await opening;
  expect(new Set(file.names)).toEqual(new Set(["a", "b"]));
  expect([...(await file.tensor("a")).data]).toEqual([1, 2]);
  expect([...(await file.tensor("b")).data]).toEqual([3n]);
  await file.close();
}

describe("the content decides, not the name", () => {
  test("safetensors and npz, from memory, Blobs and files of any name", async () => {
    const path = join(await temporaryDirectory(), "model.txt");
    for (const bytes of [encodeSafetensors(tensors), await encodeNpz(tensors)]) {
      await writeFile(path, bytes);
      await expectTensors(openCheckpoint(bytes));
      await expectTensors(openCheckpoint(new Blob([bytes])));
      await expectTensors(openCheckpoint(path));
      await expectTensors(openCheckpoint(pathToFileURL(path)));
    }
  });

  test("a header of 123 bytes: its length is an opening brace", async () => {
    for (let length = 0; length < 200; length++) {
      const file = encodeSafetensors([["a", new Float32Array(1)]], { metadata: { pad: "x".repeat(length) } });
      expect((await openCheckpoint(file)).names).toEqual(["a"]);
    }
    const text = `{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`.padEnd(0x7b);
    const bytes = Buffer.concat([Buffer.from([0x7b, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(text)]);
    expect((await openCheckpoint(new Uint8Array(bytes))).names).toEqual(["a"]);
  });

  test("PyTorch's file of the digits", async () => {
    const file = await openCheckpoint("examples/digits/model.safetensors");
    expect(file.names).toContain("bn1.running_mean");
    await file.close();
  });

  test("an index, its directory, and an index among given shards", async () => {
    const directory = await temporaryDirectory();
    const index = join(directory, "model.safetensors.index.json");
    await writeSafetensorsShards(index, tensors, { maxShardBytes: 8 });
    await expectTensors(openCheckpoint(index));
    await expectTensors(openCheckpoint(directory));
    await expectTensors(openCheckpoint(pathToFileURL(`${directory}/`)));
    const bytes = new TextEncoder().encode(' {"weight_map": {"a": "x.safetensors", "b": "x.safetensors"}}');
    await expectTensors(openCheckpoint(bytes, { openShard: () => encodeSafetensors(tensors) }));
    const error = await rejection(openCheckpoint(bytes));
    expect(error.message).toMatch(/^openCheckpoint: bytes: expected a path, or the option openShard/);
    const other = join(directory, "other.safetensors.index.json");
    await copyFile(index, other);
    await expectTensors(openCheckpoint(directory));
    await rename(index, join(directory, "third.safetensors.index.json"));
    expect((await rejection(openCheckpoint(directory))).message).toBe(
      `openCheckpoint: ${directory}: expected a directory with one index (model.safetensors.index.json) or one file ` +
        "(model.safetensors), got 2 and 2; name the file",
    );
  });

  test("a directory with one file; with none", async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, "sub"));
    expect((await rejection(openCheckpoint(directory))).message).toMatch(/got 0 and 0; name the file$/);
    await writeSafetensors(join(directory, "x.safetensors"), tensors);
    await expectTensors(openCheckpoint(directory));
    await writeSafetensors(join(directory, "model.safetensors"), tensors);
    await writeSafetensors(join(directory, "x.safetensors"), []);
    await expectTensors(openCheckpoint(directory));
  });
});

describe("refused, and closed", () => {
  test.each<[string, Uint8Array, string]>([
    ["an empty file", new Uint8Array(0), "got an empty file"],
    ["npy", encodeNpy(new Float32Array(1)), "got a single npy array; read it with readNpy"],
    ["HDF5", Buffer.from("\x89HDF\r\n\x1a\n", "latin1"), "got HDF5; save the weights of Keras"],
    ["GGUF", Buffer.from("GGUF\x03\0\0\0\x01", "latin1").subarray(0, 7), "got GGUF"],
    ["gzip", Uint8Array.of(0x1f, 0x8b, 8), "got a gzip archive; unpack it first"],
    ["text", Buffer.from("# README"), "got a file that begins with 23 20 52 45 41 44 4d 45"],
    ["one byte", Uint8Array.of(7), "got a file that begins with 07"],
    ["other JSON", Buffer.from('{"a": 1}'), "expected a JSON object with a weight_map"],
    ["a pickle", Uint8Array.of(0x80, 2, 0x2e), "a bare pickle"],
    ["a truncated zip", Uint8Array.of(0x50, 0x4b, 3, 4, 0), "expected a zip archive, got: "],
    ["a truncated safetensors", encodeSafetensors(tensors).subarray(0, 20), "truncated"],
  ])("%s", async (_, bytes, message) => {
    const source = countingSource(new Uint8Array(bytes));
    const error = await rejection(openCheckpoint(source));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain(message);
    expect(source.closed).toBeGreaterThanOrEqual(1);
  });

  test("a zip archive of something else", async () => {
    const zip = new Uint8Array(await encodeNpz([["a", new Float32Array(1)]]));
    const renamed = Buffer.from(zip.buffer);
    for (let at = renamed.indexOf("a.npy"); at >= 0; at = renamed.indexOf("a.npy"))
      renamed.write("a.txt", at);
    expect((await rejection(openCheckpoint(zip))).message).toBe(
      'openCheckpoint: bytes: expected an npz archive or one of torch.save, got a zip archive with "a.txt"',
    );
  });

  test("a path that is not there; what is no source", async () => {
    const error = await rejection(openCheckpoint("/no/such/file"));
    expect(error.message).toBe(
      "openCheckpoint: cannot read /no/such/file: ENOENT: no such file or directory",
    );
    expect(await rejection(openCheckpoint(3 as unknown as string))).toBeInstanceOf(TypeError);
  });
});
