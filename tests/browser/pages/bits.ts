import { bitsOf } from "../../../bench/bits.ts";
import { inPlainArrays, inPool } from "../../../bench/library.ts";
import * as library from "../../../src/index.ts";

/** SHA-256 of the results of every case, on some threads, in kernel memory or in plain arrays. */
async function hashOf(threads: number, place: "pool" | "plain"): Promise<string> {
  library.setThreads(threads);
  await library.threadsReady();
  const parts = [...bitsOf(library, place === "pool" ? inPool(library) : inPlainArrays(library))];
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

Object.assign(globalThis, { hashOf });
