import { crc32, deflateRawSync } from "node:zlib";

export interface ZipFileOptions {
  readonly deflate?: boolean;
}

/** A zip archive of files, stored or deflated, as plain as the format allows. */
export function zipFile(
  files: Iterable<readonly [name: string, content: Uint8Array]>,
  { deflate = false }: ZipFileOptions = {},
): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, content] of files) {
    const encoded = new TextEncoder().encode(name);
    const stored = deflate ? deflateRawSync(content) : content;
    const shared = new Uint8Array(26);
    const view = new DataView(shared.buffer);
    // Version 2.0, UTF-8 names, the method, and the first day that DOS can tell.
    for (const [index, value] of [20, 0x800, deflate ? 8 : 0, 0, 33].entries())
      view.setUint16(2 * index, value, true);
    view.setUint32(10, crc32(content), true);
    view.setUint32(14, stored.length, true);
    view.setUint32(18, content.length, true);
    view.setUint16(22, encoded.length, true);
    const central = new Uint8Array(20);
    new DataView(central.buffer).setUint32(16, at, true);
    directory.push(Uint8Array.of(0x50, 0x4b, 1, 2, 20, 0), shared, central.subarray(6), encoded);
    const local = [Uint8Array.of(0x50, 0x4b, 3, 4), shared, encoded, stored];
    parts.push(...local);
    at += joined(local).length;
  }
  const central = joined(directory);
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, directory.length / 4, true);
  view.setUint16(10, directory.length / 4, true);
  view.setUint32(12, central.length, true);
  view.setUint32(16, at, true);
  return joined([...parts, central, end]);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
