import { type Plan, planFrom } from "../../plan/plan.ts";
import type { Block } from "./stage.ts";

/** A part of a plan that is a plan itself; where its elements lie is its block. */
export interface Slice extends Block {
  readonly plan: Plan;
  /** First statistic. */
  readonly statistic: number;
  /** First parameter. */
  readonly parameter: number;
}

/**
 * Parts with all elements of their statistics: whole samples, or groups of one sample where a sample has more than
 * `most` elements. A slice of the fewest groups may have more.
 *
 * @param together slices of groups are of multiples of this many
 */
export function* statisticSlices(plan: Plan, most: number, together = 1): Generator<Slice> {
  const { batch, pool, group, channel, inner } = plan;
  const chunk = channel * inner;
  const row = group * chunk;
  const sample = pool * row;
  if (sample <= most) {
    yield* batchSlices(plan, most);
    return;
  }
  const each = Math.max(1, Math.floor(most / (pool * chunk * together))) * together;
  for (let b = 0; b < batch; b++) {
    for (let g = 0; g < group; g += each) {
      const groups = Math.min(each, group - g);
      yield {
        plan: planFrom({ batch: 1, pool, group: groups, channel, inner }, plan.centered),
        ...{ statistic: b * group + g, parameter: g * channel },
        ...{ start: b * sample + g * chunk, length: groups * chunk, count: pool, stride: row },
      };
    }
  }
}

/** Parts for which statistics are given: contiguous, of at most `most` elements or of one group in one row. */
export function* elementSlices(plan: Plan, most: number): Generator<Slice> {
  const { batch, pool, group, channel, inner, count, centered } = plan;
  const chunk = channel * inner;
  const row = group * chunk;
  if (pool * row <= most) {
    yield* batchSlices(plan, most);
    return;
  }
  const rows = Math.max(1, Math.floor(most / row));
  const each = row <= most ? group : Math.max(1, Math.floor(most / chunk));
  for (let b = 0; b < batch; b++) {
    for (let p = 0; p < pool; p += rows) {
      for (let g = 0; g < group; g += each) {
        const extents = { pool: Math.min(rows, pool - p), group: Math.min(each, group - g) };
        const part = planFrom({ batch: 1, ...extents, channel, inner }, centered);
        yield {
          // Means are over all values of a statistic, of which the slice has a part.
          plan: { ...part, count },
          ...{ statistic: b * group + g, parameter: g * channel },
          ...{ start: (b * pool + p) * row + g * chunk, length: part.size, count: 1, stride: part.size },
        };
      }
    }
  }
}

function* batchSlices(
  { batch, pool, group, channel, inner, centered }: Plan,
  most: number,
): Generator<Slice> {
  const sample = pool * group * channel * inner;
  const each = Math.max(1, Math.floor(most / sample));
  for (let b = 0; b < batch; b += each) {
    const samples = Math.min(each, batch - b);
    const length = samples * sample;
    yield {
      plan: planFrom({ batch: samples, pool, group, channel, inner }, centered),
      ...{ statistic: b * group, parameter: 0 },
      ...{ start: b * sample, length, count: 1, stride: length },
    };
  }
}
