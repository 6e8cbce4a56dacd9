import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { elementsOf } from "../../src/checkpoints/bytes.ts";
import {
  type Checkpoint,
  openCheckpoint,
  readNpy,
  type SafetensorsDType,
  writeNpy,
  writeNpz,
  writeSafetensors,
} from "../../src/checkpoints/index.ts";
import { tensorDType } from "../../src/checkpoints/safetensorsHeader.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { runPython, testWithPython } from "../python.ts";
import { dtypeNames, elementBits } from "./dtypes.ts";
import { temporaryDirectory } from "./files.ts";

interface Saved {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Tensors of every dtype in three random shapes, with random bits; the same on every machine. */
function randomTensors(): Map<string, Saved> {
  const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
  const tensors = new Map<string, Saved>();
  for (const [seed, dtype] of dtypeNames.entries()) {
    for (const [i, random] of fc.sample(shapes, { seed, numRuns: 3 }).entries()) {
      const shape = elementBits(dtype) < 8 ? [...random, 4] : random;
      const length = (shape.reduce((product, extent) => product * extent, 1) * elementBits(dtype)) / 8;
      const [bits] = fc.sample(fc.uint8Array({ minLength: length, maxLength: length }), { seed, numRuns: 1 });
      // numpy and torch take no other booleans than 0 and 1.
      const bytes = dtype === "BOOL" ? bits.map((byte) => byte & 1) : bits;
      tensors.set(`block.${i}/${dtype} é`, { dtype, shape, bytes });
    }
  }
  return tensors;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

async function writeList(folder: string, tensors: ReadonlyMap<string, Saved>): Promise<void> {
  const list = [...tensors].map(([name, { bytes, ...rest }]) => [name, { ...rest, bytes: hex(bytes) }]);
  await writeFile(join(folder, "tensors.json"), JSON.stringify(Object.fromEntries(list)));
}

async function expectSame(file: Checkpoint, tensors: ReadonlyMap<string, Saved>): Promise<void> {
  expect(new Set(file.names)).toEqual(new Set(tensors.keys()));
  for (const [name, { dtype, shape, bytes }] of tensors) {
    expect(file.entries.get(name)).toMatchObject({ dtype, shape });
    expect(hex(await file.bytes(name))).toBe(hex(bytes));
  }
  await file.close();
}

const lazily = (tensors: ReadonlyMap<string, Saved>) =>
  [...tensors].map(([name, { bytes, ...rest }]) => [name, { ...rest, bytes: () => bytes }] as const);

testWithPython("numpy")(
  "npy, npz and safetensors: numpy reads ours, and we read numpy's, bit for bit",
  async () => {
    const folder = await temporaryDirectory();
    const all = randomTensors();
    const plain = new Map(
      [...all].filter(([, { dtype }]) => tensorDType(dtype) !== undefined && dtype !== "BF16"),
    );
    await writeList(folder, all);
    await writeSafetensors(join(folder, "all.safetensors"), lazily(all), { metadata: { by: "a test" } });
    await writeNpz(join(folder, "stored.npz"), lazily(plain));
    await writeNpz(join(folder, "deflated.npz"), lazily(plain), { compress: true });
    for (const [i, { dtype, shape, bytes }] of [...plain.values()].entries()) {
      const held = tensorDType(dtype);
      if (held !== undefined) {
        await writeNpy(join(folder, `${i}.npy`), new Tensor(held, shape, elementsOf(bytes, held, true)));
      }
    }
    runPython([join(import.meta.dirname, "formats.py"), "numpy", folder]);
    await expectSame(await openCheckpoint(join(folder, "numpy-stored.npz")), plain);
    await expectSame(await openCheckpoint(join(folder, "numpy-deflated.npz")), plain);
    for (const [i, { dtype, shape }] of [...plain.values()].entries()) {
      expect(await readNpy(join(folder, `numpy-${i}.npy`))).toMatchObject({
        dtype: tensorDType(dtype),
        shape,
      });
    }
  },
);

testWithPython("torch")(
  "safetensors: torch reads ours, and we read torch's .pt of it, bit for bit",
  async () => {
    const folder = await temporaryDirectory();
    const all = randomTensors();
    await writeList(folder, all);
    await writeSafetensors(join(folder, "all.safetensors"), lazily(all));
    runPython([join(import.meta.dirname, "formats.py"), "torch", folder]);
    const file = await openCheckpoint(join(folder, "torch.pt"));
    expect(file.names.length).toBeGreaterThan(30);
    const known = new Map([...all].filter(([name]) => file.entries.has(name)));
    await expectSame(file, known);
  },
);

test("every dtype is among the random tensors, with elements", () => {
  const filled = [...randomTensors().values()].filter(({ bytes }) => bytes.length > 0);
  expect(new Set(filled.map(({ dtype }) => dtype))).toEqual(new Set(dtypeNames));
});
