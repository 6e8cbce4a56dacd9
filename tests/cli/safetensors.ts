import { writeFileSync } from "node:fs";

/** Writes float32 tensors as a safetensors file. */
export function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: readonly number[] }>>,
): void {
  const header: Record<string, object> = {};
  let offset = 0;
  const parts: Uint8Array[] = [];
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const bytes = new Uint8Array(Float32Array.from(data).buffer);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
    parts.push(bytes);
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(path, Buffer.concat([length, json, ...parts]));
}
