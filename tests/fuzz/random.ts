import { uniforms } from "../random.ts";

/** Choices from a seed, the same on every machine. */
export interface Random {
  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number;
  /** True in one of `times` cases. */
  oneIn(times: number): boolean;
  pick<T>(items: readonly T[]): T;
  byte(): number;
  /** An integer that is small, at a border of a type, or anything of 64 bits. */
  integer(): bigint;
}

const borders: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  4n,
  5n,
  7n,
  8n,
  9n,
  10n,
  15n,
  16n,
  31n,
  32n,
  33n,
  34n,
  48n,
  63n,
  64n,
  65n,
  100n,
].concat(
  [7, 8, 15, 16, 24, 31, 32, 33, 40, 52, 53, 54, 62, 63, 64].flatMap((bits) => [
    2n ** BigInt(bits) - 1n,
    2n ** BigInt(bits),
    2n ** BigInt(bits) + 1n,
  ]),
);

/** The stream of choices for one input of a run. */
export function randomOf(seed: number, index: number): Random {
  // Neighbouring inputs share no stream: the state is mixed before the first number.
  const uniform = uniforms(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  const below = (limit: number): number => Math.floor(uniform() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)];
  return {
    below,
    oneIn: (times) => below(times) === 0,
    pick,
    byte: () => below(256),
    integer() {
      const value = below(8) === 0 ? BigInt(below(2 ** 32)) * BigInt(below(2 ** 32)) : pick(borders);
      return below(6) === 0 ? -value : value;
    },
  };
}
