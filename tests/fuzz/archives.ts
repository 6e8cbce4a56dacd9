import { integerBytes, mutatedBytes } from "./bytes.ts";
import type { Random } from "./random.ts";

/** Records of the zip format by the last two bytes of their signature, and where their fields are. */
const records: readonly {
  readonly signature: readonly [number, number];
  readonly fields: readonly (readonly [at: number, width: number])[];
}[] = [
  // Local header: version, flags, method, time, date, CRC-32, sizes, lengths of name and extra field.
  {
    signature: [3, 4],
    fields: [
      [4, 2],
      [6, 2],
      [8, 2],
      [10, 2],
      [12, 2],
      [14, 4],
      [18, 4],
      [22, 4],
      [26, 2],
      [28, 2],
    ],
  },
  // Central directory: as above, then comment, disk, attributes, offset.
  {
    signature: [1, 2],
    fields: [
      [4, 2],
      [6, 2],
      [8, 2],
      [10, 2],
      [16, 4],
      [20, 4],
      [24, 4],
      [28, 2],
      [30, 2],
      [32, 2],
      [34, 2],
      [36, 2],
      [38, 4],
      [42, 4],
    ],
  },
  // End: disks, counts, size and offset of the directory, comment.
  {
    signature: [5, 6],
    fields: [
      [4, 2],
      [6, 2],
      [8, 2],
      [10, 2],
      [12, 4],
      [16, 4],
      [20, 2],
    ],
  },
];

/** Changes an archive: a field of one of its records, half of the time, or any bytes. */
export function mutatedArchive(
  archive: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
): Uint8Array {
  let result = archive;
  for (let left = 1 + random.below(2); left > 0; left--) {
    if (random.oneIn(2)) result = mutatedBytes(result, random, others);
    else result = withField(result, random);
  }
  return result;
}

function withField(archive: Uint8Array, random: Random): Uint8Array {
  const { signature, fields } = random.pick(records);
  const starts: number[] = [];
  for (let at = 0; at + 4 <= archive.length; at++) {
    if (
      archive[at] === 0x50 &&
      archive[at + 1] === 0x4b &&
      archive[at + 2] === signature[0] &&
      archive[at + 3] === signature[1]
    ) {
      starts.push(at);
    }
  }
  if (starts.length === 0) return archive;
  const [at, width] = random.pick(fields);
  const start = random.pick(starts) + at;
  if (start + width > archive.length) return archive;
  const copy = archive.slice();
  const old = integerOf(copy.subarray(start, start + width));
  copy.set(
    integerBytes(random.oneIn(3) ? old + BigInt(random.below(9) - 4) : random.integer(), width),
    start,
  );
  return copy;
}

function integerOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
