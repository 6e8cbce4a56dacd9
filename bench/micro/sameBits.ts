import { createHash } from "node:crypto";
import { bitCases, bitsOf } from "../bits.ts";
import { inPlainArrays, inPool, type Library, type Place } from "../library.ts";

/**
 * Hash of the results of every case on a fixed shape, for 1 to 4 threads and for data in the kernels' memory,
 * in plain arrays and at odd offsets: all must be the same.
 */
export function sameBits(library: Library): readonly string[] {
  const places: Readonly<Record<string, Place>> = {
    pool: inPool(library),
    plain: inPlainArrays(library),
    "odd offset": (values, shape) => {
      const moved = new Float32Array(values.length + 3).subarray(3);
      moved.set(values);
      return library.tensor(moved, shape);
    },
  };
  const hashes = new Map<string, string[]>();
  for (const count of [1, 2, 3, 4]) {
    library.setThreads(count);
    for (const [name, place] of Object.entries(places)) {
      const hash = hashOf(library, place);
      hashes.set(hash, [...(hashes.get(hash) ?? []), `${name} at ${count}`]);
    }
  }
  const lines = [...hashes].map(([hash, where]) => `${hash.slice(0, 16)}: ${where.join(", ")}`);
  const verdict = hashes.size === 1 ? "the same bits everywhere" : `${hashes.size} DIFFERENT hashes`;
  return [`hash of ${bitCases.length} cases' results: ${verdict}`, ...lines];
}

function hashOf(library: Library, place: Place): string {
  const hash = createHash("sha256");
  for (const bytes of bitsOf(library, place)) hash.update(bytes);
  return hash.digest("hex");
}
