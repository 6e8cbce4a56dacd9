/** Whether statistics pool the samples, as batch normalization does, or are averages of each sample's own. */
export type StatisticsKind = "batch" | "instance";

/** Exact integers of the values seen, as text; the same values give the same state in whatever order and parts they came. */
export interface StatisticsState {
  readonly kind: StatisticsKind;
  readonly channels: number;
  readonly sets: readonly StatisticsSet[];
  /** Channels that held NaN or Infinity, ascending. */
  readonly poisoned: readonly number[];
}

/** The sums of samples of one size. */
export interface StatisticsSet {
  /** Values behind each statistic of a sample; 0 where samples are pooled. */
  readonly perSample: number;
  /** Pooled: values of each channel. Else: samples. */
  readonly count: number;
  /** Per channel, sum of the values: hexadecimal digits, `:`, and how many zeros follow; in units of 2^-1074. */
  readonly sum: readonly string[];
  /** Per channel, sum of the squares, in units of 2^-2148. */
  readonly squares: readonly string[];
  /** Per channel, sum of the squares of each sample's sum, in units of 2^-2148; empty where samples are pooled. */
  readonly squaredSums: readonly string[];
}

/** What the samples of one size add up to, in the units of a {@link StatisticsSet}. */
export interface Sums {
  count: number;
  readonly sum: bigint[];
  readonly squares: bigint[];
  readonly squaredSums: bigint[];
}

const who = "StatisticsAccumulator";

/** The state that holds these sets; `poisoned` has a 1 for each channel that held NaN or Infinity. */
export function stateOf(
  kind: StatisticsKind,
  channels: number,
  sets: ReadonlyMap<number, Sums>,
  poisoned: Uint8Array,
): StatisticsState {
  const ordered = [...sets].sort(([a], [b]) => a - b);
  return {
    kind,
    channels,
    sets: ordered.map(([perSample, { count, sum, squares, squaredSums }]) => ({
      perSample,
      count,
      sum: sum.map(toText),
      squares: squares.map(toText),
      squaredSums: squaredSums.map(toText),
    })),
    poisoned: [...poisoned.keys()].filter((channel) => poisoned[channel] === 1),
  };
}

/**
 * The sets of a state from outside, by {@link StatisticsSet.perSample}.
 *
 * @throws RangeError if it is no state, or of another kind or number of channels
 */
export function setsOf(state: StatisticsState, kind: StatisticsKind, channels: number): Map<number, Sums> {
  if (state?.kind !== kind || state.channels !== channels) {
    throw new RangeError(
      `${who}: expected the state of ${kind} statistics of ${channels} channels, ` +
        `got ${state?.kind} statistics of ${state?.channels}`,
    );
  }
  if (!Array.isArray(state.sets) || !Array.isArray(state.poisoned)) {
    throw new RangeError(`${who}: expected a state with sets and poisoned channels, got none`);
  }
  if (!state.poisoned.every((channel) => isCount(channel) && channel < channels)) {
    throw new RangeError(`${who}: expected channels below ${channels} in poisoned, got ${state.poisoned}`);
  }
  const sets = new Map<number, Sums>();
  for (const { perSample, count, sum, squares, squaredSums } of state.sets) {
    const isPooled = kind === "batch";
    const lengths = [sum?.length, squares?.length, squaredSums?.length];
    const areRight =
      lengths[0] === channels && lengths[1] === channels && lengths[2] === (isPooled ? 0 : channels);
    if (
      !areRight ||
      !isCount(count) ||
      !isCount(perSample) ||
      (perSample === 0) !== isPooled ||
      sets.has(perSample)
    ) {
      throw new RangeError(`${who}: expected each set to hold counts and ${channels} sums, got others`);
    }
    const read = (texts: readonly string[]): bigint[] => Array.from(texts, fromText);
    sets.set(perSample, { count, sum: read(sum), squares: read(squares), squaredSums: read(squaredSums) });
  }
  return sets;
}

/** Hexadecimal digits and the number of zeros after them: float32 values are multiples of 2^925 units. */
function toText(value: bigint): string {
  const digits = value.toString(16);
  const kept = digits.replace(/0+$/, "") || "0";
  return `${kept}:${value === 0n ? 0 : digits.length - kept.length}`;
}

/** Digits of the largest sum: values below 2^1024, squared, more than 2^53 of them. */
const mostDigits = 1200;

function fromText(text: unknown): bigint {
  const [, sign, digits, zeros] = /^(-?)([0-9a-f]+):(\d{1,4})$/.exec(String(text)) ?? [];
  if (digits === undefined || digits.length + Number(zeros) > mostDigits) {
    throw new RangeError(`${who}: expected an integer such as "1f:231", got ${String(text).slice(0, 40)}`);
  }
  const magnitude = BigInt(`0x${digits}`) << BigInt(4 * Number(zeros));
  return sign === "-" ? -magnitude : magnitude;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
