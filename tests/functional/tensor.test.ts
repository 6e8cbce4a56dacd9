import { describe, expect, it } from "vitest";
import { empty, functional as F, Tensor, tensor } from "../../src/index.ts";
import { castArray } from "../../src/tensor/cast.ts";
import { bytesPerElement, type DType, dtypeOf, machineEpsilon } from "../../src/tensor/dtype.ts";
import { frontAxis, describe as inWords, sameShape, shapeText, sizeText } from "../../src/tensor/shape.ts";
import { asTensor, wrap } from "../../src/tensor/tensor.ts";

describe("tensor", () => {
  it("takes nested numbers, with their shape", () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect([x.dtype, x.shape, x.size]).toEqual(["float32", [2, 3], 6]);
    expect([...x.data]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(tensor([[[1], [2]]]).shape).toEqual([1, 2, 1]);
    expect(tensor(7)).toEqual(new Tensor("float32", [], Float32Array.of(7)));
    expect(tensor([]).shape).toEqual([0]);
    expect(tensor([[], []]).shape).toEqual([2, 0]);
  });

  it("puts flat numbers in the shape that is given", () => {
    expect(tensor([1, 2, 3, 4], [2, 2])).toEqual(
      tensor([
        [1, 2],
        [3, 4],
      ]),
    );
  });

  it("wraps a typed array without a copy, 1-D by default", () => {
    const data = Float64Array.of(1, 2, 3, 4);
    expect(tensor(data, [2, 2]).data).toBe(data);
    expect(tensor(data).shape).toEqual([4]);
  });

  it("copies the shape", () => {
    const shape = [2, 2];
    const x = tensor(new Float32Array(4), shape);
    shape[0] = 9;
    expect(x.shape).toEqual([2, 2]);
    expect(empty(shape).shape).not.toBe(shape);
  });

  it("reads 16-bit integers as half floats where the dtype says so", () => {
    const bits = Uint16Array.of(0x3c00, 0xc000);
    const x = tensor(bits, [2], { dtype: "float16" });
    expect(x.data).toBe(bits);
    expect([...castArray(x.data, "float16", "float32")]).toEqual([1, -2]);
  });

  it("converts to another dtype", () => {
    expect(tensor(Float64Array.of(0.1), [1], { dtype: "float32" }).data).toEqual(Float32Array.of(0.1));
    expect(tensor(Int32Array.of(-3), [1], { dtype: "float64" }).data).toEqual(Float64Array.of(-3));
    expect(tensor([1.9, -1.9], [2], { dtype: "int64" }).data).toEqual(BigInt64Array.of(1n, -1n));
    expect(tensor(BigUint64Array.of(5n), [1], { dtype: "float32" }).data).toEqual(Float32Array.of(5));
    expect(tensor(BigInt64Array.of(-5n), [1], { dtype: "bfloat16" }).data).toEqual(Uint16Array.of(0xc0a0));
  });

  it("prints its kind and shape as Python does", () => {
    expect(String(tensor(new Float32Array(512), [8, 64]))).toBe("tensor(float32, (8, 64))");
    expect(String(tensor(new Float64Array(3)))).toBe("tensor(float64, (3,))");
    expect(String(tensor(1))).toBe("tensor(float32, ())");
  });
});

describe("empty", () => {
  it("is zeros, float32 by default", () => {
    expect(empty([2, 3])).toEqual(new Tensor("float32", [2, 3], new Float32Array(6)));
    expect(empty([2], { dtype: "int64" }).data).toEqual(new BigInt64Array(2));
    expect(empty([2, 0]).size).toBe(0);
    expect(empty([]).size).toBe(1);
  });
});

const arrays: readonly (readonly [DType, number, unknown])[] = [
  ["float32", 4, new Float32Array(1)],
  ["float64", 8, new Float64Array(1)],
  ["int8", 1, new Int8Array(1)],
  ["uint8", 1, new Uint8Array(1)],
  ["int16", 2, new Int16Array(1)],
  ["uint16", 2, new Uint16Array(1)],
  ["int32", 4, new Int32Array(1)],
  ["uint32", 4, new Uint32Array(1)],
  ["int64", 8, new BigInt64Array(1)],
  ["uint64", 8, new BigUint64Array(1)],
];

describe("dtypes", () => {
  it.each(arrays)("%s has %i bytes and is told by its array", (dtype, bytes, data) => {
    expect(bytesPerElement(dtype)).toBe(bytes);
    expect(dtypeOf(data)).toBe(dtype);
    expect(empty([1], { dtype }).data).toEqual(data);
  });

  it("that share an array with another", () => {
    expect(["float16", "bfloat16", "bool"].map((dtype) => bytesPerElement(dtype as DType))).toEqual([
      2, 2, 1,
    ]);
    expect(empty([1], { dtype: "bool" }).data).toBeInstanceOf(Uint8Array);
  });

  it.each([null, undefined, 3, "float32", [1], {}, new DataView(new ArrayBuffer(8))])(
    "%s is none",
    (value) => {
      expect(dtypeOf(value)).toBeUndefined();
    },
  );

  it("have the machine epsilon of the type they compute in", () => {
    expect(machineEpsilon("float64")).toBe(2 ** -52);
    expect(machineEpsilon("float32")).toBe(2 ** -23);
    expect(machineEpsilon("bfloat16")).toBe(2 ** -23);
  });
});

describe("tensors from elsewhere", () => {
  const data = Float32Array.of(1, 2, 3, 4);
  const expected = F.layerNorm(tensor(data, [2, 2]), { normalizedShape: 2 });

  const likes = {
    "ours by structure": { data, shape: [2, 2], dtype: "float32" },
    "onnxruntime and transformers.js": { data, dims: [2, 2], type: "float32", location: "cpu" },
    "a type that we do not know": { data, dims: [2, 2], type: "complex64" },
    "a type that is not the array's": { data, dims: [2, 2], type: "int64" },
    "no type": { data, shape: [2, 2] },
    "shape before dims": { data, shape: [2, 2], dims: [4] },
  };

  it.each(Object.entries(likes))("%s", (_, like) => {
    expect(F.layerNorm(like, { normalizedShape: 2 })).toEqual(expected);
    expect(asTensor("f", "x", like).data).toBe(data);
  });

  it("of float16, told by type or dtype", () => {
    const bits = Uint16Array.of(0x3c00, 0x4000);
    expect(asTensor("f", "x", { data: bits, dims: [2], type: "float16" }).dtype).toBe("float16");
    expect(asTensor("f", "x", { data: bits, shape: [2], dtype: "bfloat16" }).dtype).toBe("bfloat16");
    expect(wrap("f", "x", { data: bits, shape: [2] }).dtype).toBe("uint16");
  });

  it("that are bare typed arrays, 1-D", () => {
    expect(wrap("f", "x", data)).toEqual(tensor(data, [4]));
    expect(wrap("f", "x", Int32Array.of(1)).dtype).toBe("int32");
    expect(F.layerNorm(data, { normalizedShape: 4 }).shape).toEqual([4]);
    const weight = Float32Array.of(2, 2);
    expect(F.layerNorm(tensor(data, [2, 2]), { normalizedShape: 2, weight }).data).toEqual(
      expected.data.map((value: number) => 2 * value),
    );
  });

  it("that are ours come through as they are", () => {
    const x = tensor(data, [2, 2]);
    expect(asTensor("f", "x", x)).toBe(x);
    expect(wrap("f", "x", x)).toBe(x);
  });
});

describe("shapes in words", () => {
  it("as Python prints a tuple, and PyTorch a size", () => {
    expect([[], [3], [8, 64]].map(shapeText)).toEqual(["()", "(3,)", "(8, 64)"]);
    expect([[], [3], ["*", 64]].map(sizeText)).toEqual(["[]", "[3]", "[*, 64]"]);
  });

  it("are the same extent by extent", () => {
    expect(sameShape([1, 2], [1, 2])).toBe(true);
    expect(sameShape([1, 2], [2, 1])).toBe(false);
    expect(sameShape([1], [1, 1])).toBe(false);
  });

  it("axes count from both ends", () => {
    expect([0, 2, -1, -3].map((axis) => frontAxis("f", axis, 3))).toEqual([0, 2, 2, 0]);
  });

  it("any value has a short name", () => {
    const values = [null, undefined, 1, "a", true, [1, 2], [1, 2, 3, 4, 5, 6, 7], {}, new Map(), () => 1, 5n];
    expect([...values, Object.create(null)].map(inWords)).toEqual([
      "null",
      "undefined",
      "1",
      '"a"',
      "true",
      "an array [1, 2]",
      "an array [1, 2, 3, 4, 5, 6, ...]",
      "a Object",
      "a Map",
      "a function",
      "5",
      "a object",
    ]);
  });
});
