/**
 * Numbers of batches by layer, for the conventions that have no place for them: null where the layer had none.
 *
 * They are kept in the metadata of the file, so that a conversion there and back loses nothing.
 */
export type BatchCounts = ReadonlyMap<string, bigint | null>;

const metadataKey = "evenkeel.num_batches_tracked";

/** The counts that metadata holds; undefined where it holds something else under that key. */
export function countsOf(metadata: ReadonlyMap<string, string>): BatchCounts | undefined {
  const text = metadata.get(metadataKey);
  if (text === undefined) return new Map();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(json)) return undefined;
  const counts = new Map<string, bigint | null>();
  for (const pair of json) {
    const [name, count] = Array.isArray(pair) ? pair : [];
    if (typeof name !== "string") return undefined;
    if (count === null) counts.set(name, null);
    else if (typeof count === "string" && /^\d{1,18}$/.test(count)) counts.set(name, BigInt(count));
    else return undefined;
  }
  return counts;
}

/** Metadata with these counts, by name, in the place of any others. */
export function withCounts(metadata: ReadonlyMap<string, string>, counts: BatchCounts): Map<string, string> {
  const result = new Map(metadata);
  result.delete(metadataKey);
  if (counts.size > 0) {
    const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const pairs = sorted.map(([name, count]) => [name, count === null ? null : String(count)]);
    result.set(metadataKey, JSON.stringify(pairs));
  }
  return result;
}
