import { type Case, cases, shrunken } from "./cases.ts";
import { inputsOf, resultNames } from "./inputs.ts";
import { type Library, type Place, prepareCase } from "./library.ts";

/** Largest extent by rank: enough elements for threads to be used, and odd, so that vectors have tails. */
const largest = (rank: number): number => (rank === 2 ? 701 : 29);

/** The cases whose results must have the same bits everywhere. */
export const bitCases: readonly Case[] = cases.map((c) => shrunken(c, largest(c.shape.length)));

/** The bytes of every result of {@link bitCases}, forward and backward, in a fixed order. */
export function* bitsOf(library: Library, place: Place): Generator<Uint8Array<ArrayBuffer>> {
  for (const c of bitCases) {
    const results = prepareCase(library, c, inputsOf(c), place).results();
    for (const name of resultNames) {
      const values = results[name];
      if (values !== undefined) yield new Uint8Array(Float32Array.from(values).buffer);
    }
  }
}
