import { sizeOf } from "../tensor/shape.ts";
import { type Block, type Elements, type Sample, sampledParameters, sampledSets } from "./elements.ts";
import type { Scales } from "./evidence.ts";
import type { SetMoments } from "./moments.ts";
import type { Partition } from "./partitions.ts";
import type { Kind, Spread } from "./scaleFit.ts";
import type { Values } from "./values.ts";

/** A weight or bias that was given, and the axes that it may index. */
export interface GivenParameter {
  readonly values: Float64Array;
  readonly shape: readonly number[];
  /** What its printed digits leave open. */
  readonly rounding: number;
}

/** Running statistics. */
export interface RunningStatistics {
  readonly mean: Float64Array;
  readonly var: Float64Array;
}

/** Everything that the search for hypotheses looks at. */
export interface Problem {
  readonly x: Values;
  readonly y: Values;
  readonly shape: readonly number[];
  readonly sample: Sample;
  readonly scales: Scales;
  readonly partitions: readonly Partition[];
  readonly momentsOf: (partition: Partition) => SetMoments;
  /** As momentsOf, of the statistics that the sample's elements use, with their new indices. */
  readonly seenBy: (partition: Partition) => SeenSets;
  readonly weight: GivenParameter | null;
  readonly bias: GivenParameter | null;
  readonly before: RunningStatistics | null;
  readonly after: RunningStatistics | null;
  /** Elements whose y is no finite number. */
  readonly skipped: ReadonlySet<number> | null;
}

/** The statistics of a partition as one kind of norm takes them. */
export function spreadOf({ mean, variance }: SetMoments, count: number, kind: Kind): Spread {
  const rms = variance.map((value, s) => Math.sqrt(value + mean[s] * mean[s]));
  if (kind === "centered") return { kind, count, mean, power: variance, rms };
  const square = variance.map((value, s) => (value + mean[s] * mean[s]) * (kind === "l2" ? count : 1));
  return { kind, count, mean: new Float64Array(mean.length), power: square, rms };
}

/** The statistics that sampled elements use, numbered without gaps. */
export interface SeenSets {
  readonly moments: SetMoments;
  /** Place in `moments` of each sampled element's statistic. */
  readonly sets: Int32Array;
}

/** {@link Problem.seenBy}: the moments of a partition are taken once, and kept for the sample alone. */
export function seenSets(
  sample: Sample,
  momentsOf: (partition: Partition) => SetMoments,
): (partition: Partition) => SeenSets {
  const known = new Map<Partition, SeenSets>();
  return (partition) => {
    const found = known.get(partition);
    if (found !== undefined) return found;
    const all = sampledSets(sample, partition);
    const places = new Map<number, number>();
    for (const set of all) if (!places.has(set)) places.set(set, places.size);
    const { mean, variance } = momentsOf(partition);
    const chosen = Int32Array.from(places.keys());
    const seen = {
      moments: {
        mean: Float64Array.from(chosen, (set) => mean[set]),
        variance: Float64Array.from(chosen, (set) => variance[set]),
      },
      sets: all.map((set) => places.get(set) ?? 0),
    };
    known.set(partition, seen);
    return seen;
  };
}

/** Sets of axes that weight and bias may index, each once though size-1 axes give it two names. */
export function affineAxesOf(shape: readonly number[], reduced: readonly (readonly number[])[]): number[][] {
  const rank = shape.length;
  const inner = shape.map((_, axis) => axis).slice(1);
  return distinctAxes(shape, [rank > 1 ? [1] : [0], [rank - 1], ...reduced.map((axes) => [...axes]), inner]);
}

/** Sets of axes with the same index in this shape only once, the first of each. */
export function distinctAxes(shape: readonly number[], wanted: readonly number[][]): number[][] {
  const seen = new Set<string>();
  return wanted.filter((axes) => {
    const key = axes.filter((axis) => shape[axis] > 1).join();
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Number of parameters over these axes. */
export function parameterCount(shape: readonly number[], axes: readonly number[]): number {
  return sizeOf(axes.map((axis) => shape[axis]));
}

/** Whether a given parameter can index these axes: its length fits, and its shape where it has one. */
export function canIndex(
  { values, shape: given }: GivenParameter,
  shape: readonly number[],
  axes: readonly number[],
): boolean {
  if (values.length !== parameterCount(shape, axes)) return false;
  const extents = (all: readonly number[]): string => all.filter((extent) => extent !== 1).join();
  return given.length <= 1 || extents(given) === extents(axes.map((axis) => shape[axis]));
}

/** The sample as a partition and the parameters' axes see it. */
export function sampledBlock(problem: Problem, partition: Partition | null, axes: readonly number[]): Block {
  const { sample, shape } = problem;
  return {
    count: sample.size,
    x: sample.x,
    y: sample.y,
    flat: sample.flat,
    sets: partition ? problem.seenBy(partition).sets : new Int32Array(sample.size),
    parameters: sampledParameters(sample, shape, axes),
  };
}

/** One block as elements. */
export function elementsOf(block: Block): Elements {
  return (visit) => visit(block);
}

/** The block with its parameters numbered from 0 without gaps, and the number that each had. */
export function compacted(block: Block): { readonly block: Block; readonly original: Int32Array } {
  const places = new Map<number, number>();
  const parameters = block.parameters.map((p) => {
    const known = places.get(p);
    if (known !== undefined) return known;
    places.set(p, places.size);
    return places.size - 1;
  });
  return { block: { ...block, parameters }, original: Int32Array.from(places.keys()) };
}

/** The elements of a block that are chosen, in their order. */
export function chosenFrom(block: Block, chosen: readonly number[]): Block {
  const indices = Int32Array.from(chosen);
  return {
    count: indices.length,
    x: Float64Array.from(indices, (j) => block.x[j]),
    y: Float64Array.from(indices, (j) => block.y[j]),
    flat: Float64Array.from(indices, (j) => block.flat[j]),
    sets: indices.map((j) => block.sets[j]),
    parameters: indices.map((j) => block.parameters[j]),
  };
}
