import type { PtDType, PtStorageType } from "./ptValue.ts";
import type { SafetensorsDType } from "./safetensorsHeader.ts";

type Row = readonly [name: string, width: number, dtype?: SafetensorsDType | undefined, storage?: string];

const rows: readonly Row[] = [
  ["float32", 4, "F32", "FloatStorage"],
  ["float64", 8, "F64", "DoubleStorage"],
  ["float16", 2, "F16", "HalfStorage"],
  ["bfloat16", 2, "BF16", "BFloat16Storage"],
  ["int64", 8, "I64", "LongStorage"],
  ["int32", 4, "I32", "IntStorage"],
  ["int16", 2, "I16", "ShortStorage"],
  ["int8", 1, "I8", "CharStorage"],
  ["uint8", 1, "U8", "ByteStorage"],
  ["bool", 1, "BOOL", "BoolStorage"],
  ["complex64", 8, "C64", "ComplexFloatStorage"],
  ["complex128", 16, undefined, "ComplexDoubleStorage"],
  ["complex32", 4],
  ["uint16", 2, "U16"],
  ["uint32", 4, "U32"],
  ["uint64", 8, "U64"],
  ["float8_e4m3fn", 1, "F8_E4M3"],
  ["float8_e5m2", 1, "F8_E5M2"],
  ["float8_e4m3fnuz", 1, "F8_E4M3FNUZ"],
  ["float8_e5m2fnuz", 1, "F8_E5M2FNUZ"],
  ["float8_e8m0fnu", 1, "F8_E8M0"],
];

/** PyTorch's element types by the name that pickles give them: `torch.float32`. */
export const ptDTypes: ReadonlyMap<string, PtDType> = new Map(
  rows.map(([name, width, dtype]) => [
    `torch.${name}`,
    { kind: "dtype", name: `torch.${name}`, dtype, width },
  ]),
);

const bytes = ptDTypes.get("torch.uint8") as PtDType;

/** Storages without a type, by every name that they have had. */
const untyped = ["torch.UntypedStorage", "torch.storage.UntypedStorage", "torch.storage._UntypedStorage"];

/** PyTorch's storage types by name; a GPU's differ from the CPU's by their place alone. */
export const ptStorageTypes: ReadonlyMap<string, PtStorageType> = new Map([
  ...rows.flatMap(([name, , , storage]) => {
    const element = ptDTypes.get(`torch.${name}`) as PtDType;
    return storage === undefined
      ? []
      : [`torch.${storage}`, `torch.cuda.${storage}`].map((at) => storageType(at, element));
  }),
  ...untyped.map((name) => storageType(name, bytes)),
]);

function storageType(name: string, element: PtDType): readonly [string, PtStorageType] {
  return [name, { kind: "storageType", name, element }];
}
