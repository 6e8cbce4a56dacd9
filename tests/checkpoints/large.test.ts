import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openSafetensors, openSource } from "../../src/checkpoints/index.ts";
import { temporaryDirectory } from "./files.ts";

test("listing a file of 4 GB reads its header and nothing else; a tensor at its end, its own bytes", async () => {
  const path = join(await temporaryDirectory(), "large.safetensors");
  const [count, bytesPerTensor] = [1000, 2 ** 22];
  const members = Array.from({ length: count }, (_, i) => [
    `layer${i}.weight`,
    { dtype: "U8", shape: [bytesPerTensor], data_offsets: [i * bytesPerTensor, (i + 1) * bytesPerTensor] },
  ]);
  members.push([
    "end",
    { dtype: "U8", shape: [2], data_offsets: [count * bytesPerTensor, count * bytesPerTensor + 2] },
  ]);
  const header = Buffer.from(JSON.stringify(Object.fromEntries(members)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const sparse = await open(path, "w");
  await sparse.write(Buffer.concat([length, header]));
  await sparse.write(Buffer.from([1, 2]), 0, 2, 8 + header.length + count * bytesPerTensor);
  await sparse.close();

  const source = await openSource(path);
  let read = 0;
  const file = await openSafetensors({
    ...source,
    read(offset, wanted) {
      read += wanted;
      return source.read(offset, wanted);
    },
  });
  expect(file.entries.size).toBe(count + 1);
  expect(read).toBe(8 + header.length);
  expect([...(await file.bytes("end"))]).toEqual([1, 2]);
  expect(read).toBe(8 + header.length + 2);
  await file.close();
});
