import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Checkpoint,
  type Convention,
  conventions,
  convert,
  encodeSafetensors,
  findNormLayers,
  lazyTensors,
  openSafetensors,
  type SafetensorsDType,
} from "../../src/checkpoints/index.ts";
import { toFloat64 } from "../../src/tensor/cast.ts";

const names = Object.keys(conventions) as Convention[];

/** Bytes of one element. */
const floats: Readonly<Partial<Record<SafetensorsDType, number>>> = {
  F16: 2,
  BF16: 2,
  F32: 4,
  F64: 8,
  F8_E5M2: 1,
};

interface Stored {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const layerName = fc
  .array(fc.constantFrom("module", "params", "layer1", "0", "bn", "ln", "norm", "a-b", "vars", "x", "in1"), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join("."));

/** The tensors of one layer as PyTorch has them; a weight alone may be an RMS norm's or no normalization's. */
const torchLayer = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(floats) as SafetensorsDType[])),
    size: fc.integer({ min: 0, max: 3 }),
    affine: fc.boolean(),
    statistics: fc.boolean(),
    count: fc.option(fc.bigInt({ min: 0n, max: 10n ** 17n })),
    wide: fc.boolean(),
    lone: fc.boolean(),
    bytes: fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
  })
  .map(({ dtype, size, affine, statistics, count, wide, lone, bytes }) => {
    const shape = wide && !statistics ? [2, size] : [size];
    const length = shape.reduce((product, extent) => product * extent, floats[dtype] ?? 0);
    const stored = (): Stored => ({ dtype, shape, data: Uint8Array.from([...bytes.take(length)]) });
    const keys = [
      ...(affine || !statistics ? (lone && !statistics ? ["weight"] : ["weight", "bias"]) : []),
      ...(statistics ? ["running_mean", "running_var"] : []),
    ];
    const tensors = keys.map((key): [string, Stored] => [key, stored()]);
    if (statistics && count !== null) {
      const data = new Uint8Array(BigInt64Array.of(count).buffer);
      tensors.push(["num_batches_tracked", { dtype: "I64", shape: [], data }]);
    }
    return tensors;
  });

const torchModel = fc
  .tuple(
    fc.uniqueArray(fc.tuple(layerName, torchLayer), {
      selector: ([name]) => name,
      minLength: 1,
      maxLength: 4,
    }),
    fc.dictionary(fc.constantFrom("format", "x"), fc.string(), { maxKeys: 2 }),
  )
  .map(([layers, metadata]) => {
    const convolution: Stored = { dtype: "F32", shape: [1, 1, 1, 1], data: Uint8Array.of(1, 2, 3, 4) };
    const tensors = layers.flatMap(([name, keys]) =>
      keys.map(([key, stored]): [string, Stored] => [`${name}.${key}`, stored]),
    );
    return { tensors: new Map([...tensors, ["conv.weight", convolution]]), metadata };
  });

/** With one layer that is a normalization for certain. */
function withNorm(tensors: ReadonlyMap<string, Stored>): Map<string, Stored> {
  const stored: Stored = { dtype: "F32", shape: [0], data: new Uint8Array() };
  return new Map([...tensors, ["certain.weight", stored], ["certain.bias", stored]]);
}

async function opened(
  tensors: ReadonlyMap<string, Stored>,
  metadata: Record<string, string>,
): Promise<Checkpoint> {
  const lazy = [...tensors].map(
    ([name, { dtype, shape, data }]) => [name, { dtype, shape, bytes: () => data }] as const,
  );
  return openSafetensors(encodeSafetensors(lazy, { metadata }));
}

async function contentOf(checkpoint: Checkpoint): Promise<Map<string, Stored>> {
  const content = new Map<string, Stored>();
  for (const [name, { dtype, shape, bytes }] of lazyTensors(checkpoint)) {
    content.set(name, { dtype, shape, data: new Uint8Array(await bytes()) });
  }
  return content;
}

/** What was converted, written, and read again. */
async function written(checkpoint: Checkpoint): Promise<Checkpoint> {
  return opened(await contentOf(checkpoint), Object.fromEntries(checkpoint.metadata));
}

test.each(names)("PyTorch to %s, written, read, and back is the identity, bit for bit", async (to) => {
  await fc.assert(
    fc.asyncProperty(torchModel, async ({ tensors, metadata }) => {
      const source = await opened(withNorm(tensors), metadata);
      const there = await convert(source, { from: "torch", to });
      const back = await convert(await written(there.tensors), { from: to, to: "torch" });
      const expected = withNorm(tensors);
      if (to === "torch") {
        // From PyTorch to PyTorch nothing is carried: a missing count is added.
        for (const name of back.tensors.names)
          if (!expected.has(name)) expect(name).toMatch(/\.num_batches_tracked$/);
        for (const name of back.tensors.names)
          if (!expected.has(name)) expected.set(name, { dtype: "I64", shape: [], data: new Uint8Array(8) });
      }
      expect(await contentOf(back.tensors)).toEqual(expected);
      expect(Object.fromEntries(back.tensors.metadata)).toEqual(metadata);
    }),
    { numRuns: 40 },
  );
});

test.each(names.flatMap((from) => names.map((to) => [from, to] as const)))(
  "%s to %s and back is the identity",
  async (from, to) => {
    await fc.assert(
      fc.asyncProperty(torchModel, async ({ tensors, metadata }) => {
        const start = await convert(await opened(withNorm(tensors), metadata), { from: "torch", to: from });
        const middle = await convert(start.tensors, { from, to });
        const end = await convert(middle.tensors, { from: to, to: from });
        expect(await contentOf(end.tensors)).toEqual(await contentOf(start.tensors));
        expect(end.tensors.metadata).toEqual(start.tensors.metadata);
      }),
      { numRuns: 6 },
    );
  },
);

test("every layer is found again under the name that the configuration says", async () => {
  await fc.assert(
    fc.asyncProperty(torchModel, fc.constantFrom(...names), async ({ tensors, metadata }, to) => {
      const source = await opened(withNorm(tensors), metadata);
      const { tensors: target, configuration } = await convert(source, { from: "torch", to });
      const found = findNormLayers(target, to);
      expect(found.map(({ name }) => name)).toEqual(
        expect.arrayContaining(configuration.map(({ layer }) => layer)),
      );
    }),
    { numRuns: 100 },
  );
});

/** Two roundings, one each way, of half a unit in the last place each. */
const twoRoundings = 2 * 2 ** -24;

test("with a count, there and back changes the variance by two roundings at most, and nothing else", async () => {
  const variances = fc.array(fc.float({ min: Math.fround(1e-30), max: Math.fround(1e30), noNaN: true }), {
    minLength: 1,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(variances, fc.integer({ min: 2, max: 1e6 }), async (values, count) => {
      const data = new Uint8Array(Float32Array.from(values).buffer);
      const stored: Stored = { dtype: "F32", shape: [values.length], data };
      const model = new Map([
        ["bn.running_mean", stored],
        ["bn.running_var", stored],
      ]);
      const there = await convert(await opened(model, {}), { to: "keras", count });
      const back = await convert(there.tensors, { to: "torch", count });
      const { data: variance } = await back.tensors.tensor("bn.running_var");
      toFloat64(variance, "float32").forEach((value, index) => {
        expect(Math.abs(value / values[index] - 1)).toBeLessThanOrEqual(twoRoundings);
      });
      expect(await back.tensors.bytes("bn.running_mean")).toEqual(data);
    }),
  );
});
