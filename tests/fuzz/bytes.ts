import { joined } from "../checkpoints/zipFile.ts";
import type { Random } from "./random.ts";

type Change = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

const changes: readonly Change[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.length);
    return replaced(bytes, at, [bytes[at] ^ (1 << random.below(8))]);
  },
  function setByte(bytes, random) {
    return replaced(bytes, random.below(bytes.length), [
      random.pick([0, 1, 0x7f, 0x80, 0xff, random.byte()]),
    ]);
  },
  function setInteger(bytes, random) {
    return replaced(
      bytes,
      random.below(bytes.length),
      integerBytes(random.integer(), random.pick([2, 4, 8])),
    );
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random.below(bytes.length + 1));
  },
  function dropStart(bytes, random) {
    return bytes.slice(random.below(Math.min(64, bytes.length)));
  },
  function remove(bytes, random) {
    const [start, end] = range(bytes, random);
    return joined([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  function repeat(bytes, random) {
    const [start, end] = range(bytes, random);
    return joined([bytes.subarray(0, end), bytes.subarray(start)]);
  },
  function insert(bytes, random) {
    const at = random.below(bytes.length + 1);
    const more = Uint8Array.from({ length: 1 + random.below(16) }, () => random.byte());
    return joined([bytes.subarray(0, at), more, bytes.subarray(at)]);
  },
  function move(bytes, random) {
    const [start, end] = range(bytes, random);
    return replaced(bytes, random.below(bytes.length), bytes.slice(start, end));
  },
  function splice(bytes, random, others) {
    const other = random.pick(others);
    return joined([
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
];

/** Changes bytes without regard to what they mean, once or a few times. */
export function mutatedBytes(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  let result = bytes;
  for (let left = 1 + random.below(3); left > 0 && result.length > 0; left--) {
    result = random.pick(changes)(result, random, others);
  }
  return result;
}

/** The low `width` bytes of an integer, the lowest first. */
export function integerBytes(value: bigint, width: number): Uint8Array {
  return Uint8Array.from({ length: width }, (_, index) => Number((value >> BigInt(8 * index)) & 255n));
}

function replaced(bytes: Uint8Array, at: number, by: ArrayLike<number>): Uint8Array {
  const copy = bytes.slice();
  for (let i = 0; i < by.length && at + i < copy.length; i++) copy[at + i] = by[i];
  return copy;
}

function range(bytes: Uint8Array, random: Random): readonly [start: number, end: number] {
  const start = random.below(bytes.length);
  return [start, start + 1 + random.below(Math.min(64, bytes.length - start))];
}
