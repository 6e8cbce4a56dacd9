import { openSafetensors, readNpy } from "../../../src/checkpoints/index.ts";
import type { DType, TypedArray } from "../../../src/index.ts";
import { castArray, toFloat64 } from "../../../src/tensor/cast.ts";
import type { Adapter, JsonTensor } from "../schema.ts";

function bytesOf(base64: string | undefined): Uint8Array {
  return Uint8Array.from(atob(base64 ?? ""), (letter) => letter.charCodeAt(0));
}

const readSafetensorsFile: Adapter = async (view) => {
  const file = await openSafetensors(bytesOf(view.case.inputs.fileBase64));
  const expected = view.case.expected as unknown as {
    tensors: Record<string, { dtype: string; shape: number[]; dataBase64: string }>;
    values?: Record<string, (number | string)[]>;
  };
  const names = Object.keys(expected.tensors ?? {}).sort();
  const found = [...file.entries.keys()].sort();
  if (names.join("\n") !== found.join("\n")) throw new Error(`expected tensors ${names}, got ${found}`);
  for (const name of names) {
    const { dtype, shape, dataBase64 } = expected.tensors[name];
    const entry = file.entries.get(name);
    if (entry?.dtype !== dtype || entry.shape.join() !== shape.join()) {
      throw new Error(`${name}: expected ${dtype} (${shape}), got ${entry?.dtype} (${entry?.shape})`);
    }
    if ((await file.bytes(name)).join() !== bytesOf(dataBase64).join()) {
      throw new Error(`${name}: the bytes differ`);
    }
  }
  for (const [name, values] of Object.entries(expected.values ?? {})) {
    const { data, dtype } = await file.tensor(name);
    checkValues(name, data, dtype, values);
  }
  return {};
};

const readNpyFile: Adapter = async (view) => {
  const read = await readNpy(bytesOf(view.case.inputs.fileBase64));
  const expected = view.case.expected as unknown as JsonTensor;
  if (read.dtype !== expected.dtype) throw new Error(`expected dtype ${expected.dtype}, got ${read.dtype}`);
  if (read.shape.join() !== expected.shape.join()) {
    throw new Error(`expected shape (${expected.shape}), got (${read.shape})`);
  }
  checkValues("data", read.data, read.dtype, expected.data);
  return {};
};

/** Compares in the file's dtype: the suites print 16-bit floats with the few digits that tell them apart. */
function checkValues(
  name: string,
  data: TypedArray,
  dtype: DType,
  values: readonly (number | string)[],
): void {
  if (data.length !== values.length) {
    throw new Error(`${name}: expected ${values.length} values, got ${data.length}`);
  }
  const found = toFloat64(data, dtype);
  const isHalf = dtype === "float16" || dtype === "bfloat16";
  const printed = Float64Array.from(values, Number);
  const expected = isHalf ? toFloat64(castArray(printed, "float64", dtype), dtype) : printed;
  expected.forEach((value, i) => {
    if (!Object.is(found[i], value)) throw new Error(`${name}[${i}]: expected ${value}, got ${found[i]}`);
  });
}

/** The file formats. */
export const fileAdapters: Readonly<Record<string, Adapter>> = {
  "safetensors.read": readSafetensorsFile,
  "npy.read": readNpyFile,
};
