import { type ZipFileOptions, zipFile } from "./zipFile.ts";

/** Opcodes with their arguments: a piece of a pickle that pushes one value. */
export type Piece = readonly number[];

const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];

function uint32(value: number): number[] {
  return [...new Uint8Array(Uint32Array.of(value).buffer)];
}

export const none: Piece = [0x4e];

export function int(value: number): Piece {
  return [0x4a, ...new Uint8Array(Int32Array.of(value).buffer)];
}

/** LONG1: any integer of up to 255 bytes. */
export function long(value: bigint): Piece {
  const bytes: number[] = [];
  for (
    let rest = value;
    bytes.length === 0 || (rest !== 0n && rest !== -1n) || bytes[bytes.length - 1] >> 7 !== Number(rest < 0n);
    rest >>= 8n
  ) {
    bytes.push(Number(rest & 255n));
  }
  return [0x8a, bytes.length, ...bytes];
}

export function text(value: string): Piece {
  return [0x58, ...uint32(utf8(value).length), ...utf8(value)];
}

export function global(module: string, name: string): Piece {
  return [0x63, ...utf8(`${module}\n${name}\n`)];
}

export function tuple(...items: readonly Piece[]): Piece {
  return [0x28, ...items.flat(), 0x74];
}

export function list(...items: readonly Piece[]): Piece {
  return [0x5d, 0x28, ...items.flat(), 0x65];
}

export function dict(...pairs: readonly (readonly [Piece, Piece])[]): Piece {
  return [0x7d, 0x28, ...pairs.flat(2), 0x75];
}

/** A dict with string keys. */
export function named(values: Record<string, Piece>): Piece {
  return dict(...Object.entries(values).map(([key, value]) => [text(key), value] as const));
}

export function reduce(callee: Piece, ...args: readonly Piece[]): Piece {
  return [...callee, ...tuple(...args), 0x52];
}

export function put(index: number, value: Piece): Piece {
  return [...value, 0x72, ...uint32(index)];
}

export function get(index: number): Piece {
  return [0x6a, ...uint32(index)];
}

export interface ViewOptions {
  readonly type?: Piece;
  readonly key?: string;
  readonly length?: Piece;
  readonly offset?: Piece;
  readonly size?: Piece;
  readonly stride?: Piece;
  readonly rebuild?: string;
  readonly more?: readonly Piece[];
}

export function storage({
  type = global("torch", "FloatStorage"),
  key = "0",
  length = int(6),
}: ViewOptions = {}): Piece {
  return [...tuple(text("storage"), type, text(key), text("cpu"), length), 0x51];
}

/** A tensor as torch.save writes it; by default (2, 3) float32 in storage 0. */
export function view(options: ViewOptions = {}): Piece {
  const { offset = int(0), size = tuple(int(2), int(3)), stride = tuple(int(3), int(1)) } = options;
  const { rebuild = "_rebuild_tensor_v2", more = [[0x89], reduce(global("collections", "OrderedDict"))] } =
    options;
  return reduce(global("torch._utils", rebuild), storage(options), offset, size, stride, ...more);
}

/** A pickle of one value. */
export function pickle(value: Piece, protocol = 2): Uint8Array {
  return Uint8Array.of(0x80, protocol, ...value, 0x2e);
}

export interface PtFileOptions extends ZipFileOptions {
  readonly folder?: string;
  /** Bytes of the storages by key; by default one of six float32 values. */
  readonly storages?: Readonly<Record<string, Uint8Array>>;
  readonly others?: Readonly<Record<string, Uint8Array>>;
}

export const sixFloats: Uint8Array = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);

/** A file as torch.save writes it, around a pickle. */
export function ptFile(
  data: Uint8Array,
  { folder = "archive", storages = { 0: sixFloats }, others = {}, ...zip }: PtFileOptions = {},
): Uint8Array {
  const files = [
    ["data.pkl", data] as const,
    ...Object.entries(storages).map(([key, bytes]) => [`data/${key}`, bytes] as const),
    ["version", Uint8Array.of(0x33, 0x0a)] as const,
    ...Object.entries(others),
  ];
  return zipFile(
    files.map(([name, content]) => [`${folder}/${name}`, content]),
    zip,
  );
}
