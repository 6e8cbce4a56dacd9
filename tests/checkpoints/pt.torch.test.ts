import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openPt, openSafetensors } from "../../src/checkpoints/index.ts";
import { runPython, testWithPython } from "../python.ts";
import { rejection, temporaryDirectory } from "./files.ts";

interface Expected {
  readonly refused?: string;
  readonly root: string;
  readonly tensors: Record<string, { dtype: string; shape: number[]; data: string }>;
  readonly metadata: Record<string, string>;
}

testWithPython("torch")("files of PyTorch are read bit for bit, or refused", async () => {
  const folder = await temporaryDirectory();
  runPython([join(import.meta.dirname, "torchFiles.py"), folder]);
  const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as Record<
    string,
    Expected
  >;
  expect(Object.keys(manifest).length).toBeGreaterThan(35);
  for (const [name, expected] of Object.entries(manifest)) {
    const path = join(folder, name);
    if (expected.refused === undefined) await expectContent(path, expected);
    else await expectRefusal(path, expected.refused);
  }
  await expect(access(join(folder, "ran"))).rejects.toThrow("ENOENT");
});

async function expectContent(path: string, { root, tensors, metadata }: Expected): Promise<void> {
  const file = await openPt(path);
  try {
    const found: Expected["tensors"] = {};
    for (const [name, { dtype, shape }] of file.entries) {
      const data = Buffer.from(await file.bytes(name)).toString("base64");
      Object.defineProperty(found, name, { value: { dtype, shape, data }, enumerable: true });
      if (dtype !== "C64") expect((await file.tensor(name)).shape).toEqual(shape);
    }
    expect({ path, names: file.names, tensors: found }).toEqual({
      path,
      names: Object.keys(tensors),
      tensors,
    });
    expect({ path, root: file.root }).toEqual({ path, root });
    expect(Object.fromEntries(file.metadata)).toMatchObject(metadata);
  } finally {
    await file.close();
  }
}

async function expectRefusal(path: string, message: string): Promise<void> {
  const error = await rejection(openPt(path));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toContain(`openPt: ${path}: `);
  expect(error.message).toContain(message);
}

const digits = "../shared/data/digits";
const hasDigits = await access(digits).then(
  () => true,
  () => false,
);

test.skipIf(!hasDigits)("digits: model.pt and model.safetensors hold the same", async () => {
  const pt = await openPt(`${digits}/model.pt`);
  const safetensors = await openSafetensors(`${digits}/model.safetensors`);
  expect([...pt.names].sort()).toEqual([...safetensors.names].sort());
  for (const [name, { dtype, shape }] of pt.entries) {
    expect({ dtype, shape }).toEqual({ dtype, shape, ...pick(safetensors.entries.get(name)) });
    expect(await pt.bytes(name)).toEqual(await safetensors.bytes(name));
  }
  await pt.close();
  await safetensors.close();
});

function pick(entry: { dtype: string; shape: readonly number[] } | undefined): object {
  return { dtype: entry?.dtype, shape: entry?.shape };
}
