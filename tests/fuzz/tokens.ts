import type { Random } from "./random.ts";

/**
 * Changes a sequence of tokens once or a few times: drops, repeats, swaps and moves them, or puts new ones in.
 *
 * @param fresh makes a token, or alters the one given
 */
export function mutatedTokens<T>(
  tokens: readonly T[],
  random: Random,
  fresh: (old: T | undefined) => readonly T[],
): readonly T[] {
  const result = [...tokens];
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(result.length + 1);
    const run = 1 + (random.oneIn(3) ? random.below(12) : 0);
    switch (random.below(7)) {
      case 0:
        result.splice(at, run);
        break;
      case 1: {
        const times = random.oneIn(20) ? 200 : 1 + random.below(3);
        const some = result.slice(at, at + run);
        for (let i = 0; i < times; i++) result.splice(at, 0, ...some);
        break;
      }
      case 2: {
        const other = random.below(result.length + 1);
        if (at < result.length && other < result.length)
          [result[at], result[other]] = [result[other], result[at]];
        break;
      }
      case 3:
        result.splice(random.below(result.length + 1), 0, ...result.splice(at, run));
        break;
      case 4:
        result.splice(at, 0, ...fresh(undefined));
        break;
      default:
        if (at < result.length) result.splice(at, 1, ...fresh(result[at]));
    }
  }
  return result;
}
