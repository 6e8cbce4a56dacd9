import { longestQuote, quoted } from "./quoted.ts";
import type { SafetensorsDType } from "./safetensorsHeader.ts";

/** Anything that a pickle of tensors can hold. */
export type PtValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PtSequence
  | PtDict
  | PtFunction
  | PtClass
  | PtDType
  | PtStorageType
  | PtStorage
  | PtTensor
  | NumpyDType;

/** A list, tuple or set. */
export interface PtSequence {
  readonly kind: "list" | "tuple" | "set";
  readonly items: PtValue[];
}

/** A dict or OrderedDict; keys that are not plain values are held apart by identity. */
export interface PtDict {
  readonly kind: "dict";
  readonly entries: Map<PtValue, PtValue>;
}

/** One of the few Python functions that are known here, by what it gives back. */
export interface PtFunction {
  readonly kind: "function";
  readonly name: string;
  /** Plain arithmetic on the arguments; nothing of Python runs. */
  readonly call: (who: string, args: readonly PtValue[]) => PtValue;
}

/** A class that is only ever named, never constructed. */
export interface PtClass {
  readonly kind: "class";
  readonly name: string;
}

/** An element type of PyTorch. */
export interface PtDType {
  readonly kind: "dtype";
  /** As PyTorch prints it: `torch.float32`. */
  readonly name: string;
  /** The same type in safetensors' words; undefined if there is none. */
  readonly dtype: SafetensorsDType | undefined;
  /** Bytes of one element. */
  readonly width: number;
}

/** What `torch.FloatStorage` and its kin name. */
export interface PtStorageType {
  readonly kind: "storageType";
  readonly name: string;
  /** uint8 for storages without a type. */
  readonly element: PtDType;
}

/** A run of elements in a file of the archive, not read yet. */
export interface PtStorage {
  readonly kind: "storage";
  /** The file's name in the archive. */
  readonly file: string;
  readonly element: PtDType;
  /** Number of elements. */
  readonly length: number;
}

/** A view of a storage that lies within it. */
export interface PtTensor {
  readonly kind: "tensor";
  readonly storage: PtStorage;
  readonly dtype: SafetensorsDType;
  /** Bytes of one element. */
  readonly width: number;
  readonly shape: readonly number[];
  /** In elements, 0 or more. */
  readonly strides: readonly number[];
  /** In elements. */
  readonly offset: number;
}

/** An element type of numpy, `f8`; its state sets the byte order later. */
export interface NumpyDType {
  readonly kind: "numpyDType";
  readonly code: string;
  order: string;
}

/** A short word for a value, for messages. */
export function wordFor(value: PtValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "bigint") return "an integer beyond 2^53";
  if (typeof value === "string") return `the string ${quoted(value)}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value.kind === "function" || value.kind === "class" || value.kind === "dtype")
    return quotedName(value.name);
  return value.kind === "storageType" ? quotedName(value.name) : `a ${value.kind}`;
}

/** A dotted Python name as it is; anything else quoted. */
export function quotedName(name: string): string {
  return name.length <= longestQuote && /^[\w.]+$/.test(name) ? name : quoted(name);
}

export function isSequence(value: PtValue | undefined): value is PtSequence {
  return hasKind(value) && (value.kind === "list" || value.kind === "tuple" || value.kind === "set");
}

export function isDict(value: PtValue | undefined): value is PtDict {
  return hasKind(value) && value.kind === "dict";
}

export function isTensor(value: PtValue | undefined): value is PtTensor {
  return hasKind(value) && value.kind === "tensor";
}

/** Whether the value is none of JavaScript's own. */
export function hasKind(value: PtValue | undefined): value is Extract<PtValue, { kind: string }> {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}
