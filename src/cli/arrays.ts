import { readFile } from "node:fs/promises";
import type { ArrayLikeInput } from "../check/index.ts";
import { readNpy } from "../checkpoints/index.ts";

/**
 * The array of a file: .npy, or text as numpy, torch or JSON print it; `-` is standard input, in either form.
 *
 * @throws Error if it cannot be read; RangeError if it holds no array
 */
export async function readArray(path: string): Promise<ArrayLikeInput> {
  if (path !== "-") {
    if (path.endsWith(".npy")) return readNpy(path);
    try {
      return await readFile(path, "utf8");
    } catch (cause) {
      throw new Error(`cannot read ${path}: ${(cause as Error).message.split(", ")[0]}`, { cause });
    }
  }
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(Buffer.from(part));
  const bytes = Buffer.concat(parts);
  // The first byte of an npy file is no text.
  return bytes[0] === 0x93 ? readNpy(new Uint8Array(bytes)) : bytes.toString("utf8");
}

/** JSON with typed arrays as lists, and numbers that JSON does not know as text. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) => {
    if (typeof each === "number" && !Number.isFinite(each)) return String(each);
    if (ArrayBuffer.isView(each) && !(each instanceof DataView)) {
      return Array.from(each as unknown as ArrayLike<number>);
    }
    return each;
  });
}
