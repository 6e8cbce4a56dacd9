import { createHash } from "node:crypto";
import { type Case, cases, shrunken } from "../cases.ts";
import { inputsOf, resultNames } from "../inputs.ts";
import { inPlainArrays, inPool, type Library, type Place, prepareCase } from "../library.ts";

/** Largest extent by rank: enough elements for threads to be used, and odd, so that vectors have tails. */
const largest = (rank: number): number => (rank === 2 ? 701 : 29);

/**
 * Hash of the results of every case on a fixed shape, for 1 to 4 threads and for data in the kernels' memory,
 * in plain arrays and at odd offsets: all must be the same.
 */
export function sameBits(library: Library): readonly string[] {
  const chosen = cases.map((c) => shrunken(c, largest(c.shape.length)));
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
      const hash = hashOf(library, chosen, place);
      hashes.set(hash, [...(hashes.get(hash) ?? []), `${name} at ${count}`]);
    }
  }
  const lines = [...hashes].map(([hash, where]) => `${hash.slice(0, 16)}: ${where.join(", ")}`);
  const verdict = hashes.size === 1 ? "the same bits everywhere" : `${hashes.size} DIFFERENT hashes`;
  return [`hash of ${chosen.length} cases' results: ${verdict}`, ...lines];
}

function hashOf(library: Library, chosen: readonly Case[], place: Place): string {
  const hash = createHash("sha256");
  for (const c of chosen) {
    const results = prepareCase(library, c, inputsOf(c), place).results();
    for (const name of resultNames) {
      const values = results[name];
      if (values !== undefined) hash.update(new Uint8Array(Float32Array.from(values).buffer));
    }
  }
  return hash.digest("hex");
}
