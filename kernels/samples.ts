// Samples (indices of pool) that share their statistics are taken two at a time: from memory two streams come faster than one, and in cache
// they share what is loaded. They are summed so where runs are long and of whole trips; sums depend on it, so that it follows from the
// plan alone.
import { lanesOf, least } from "./lanes";
import { mostShort } from "./shortRuns";

/** Samples summed together, where each has runs of n elements. */
// @ts-ignore: decorator
@inline
export function samplesTogether(n: usize): usize {
  return n > mostShort && !(n & 15) ? 2 : 1;
}

/** The same where they are only written, in any order: all but runs of less than a vector. */
// @ts-ignore: decorator
@inline
export function writtenTogether<T>(n: usize): usize {
  return n < lanesOf<T>() ? 1 : 2;
}

/** How often `together` samples are taken. */
// @ts-ignore: decorator
@inline
export function turnsOf(pool: usize, together: usize): usize {
  return (pool + together - 1) / together;
}

/** Bytes from sample p to the one that is taken together with it, samples being `stride` bytes apart; 0 if there is none. */
// @ts-ignore: decorator
@inline
export function toOther(p: usize, together: usize, pool: usize, stride: usize): usize {
  return (least(together, pool - p) - 1) * stride;
}
