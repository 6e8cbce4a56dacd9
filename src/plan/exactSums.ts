/**
 * Sums of a channel's values and of their squares, without rounding.
 *
 * Integer arithmetic is associative: the same values give the same sums in whatever order and parts they come.
 */
export interface ExactSums {
  /** Sum of the values, in units of 2^-1074, the smallest float64. */
  sum: bigint;
  /** Sum of the squares, in units of 2^-2148. */
  squares: bigint;
  /** Whether a value was NaN or infinite; the sums leave out what was not finite, and mean nothing then. */
  isPoisoned: boolean;
}

/** Adds values of many channels up exactly. */
export interface ExactSummation {
  /**
   * Adds values laid out as `[pool, channel, inner]`.
   *
   * @param data of pool * channels * inner elements
   */
  add(data: Float32Array | Float64Array, pool: number, inner: number): void;
  /** The sums since the last call, per channel; they start again from 0. */
  take(): ExactSums[];
}

/**
 * A summation over so many channels.
 *
 * float32: values are collected by exponent in float64 numbers, which hold 2^29 of 24 bits exactly; squares of 48 bits
 * in two parts. float64: values and partial products of 53 bits are cut into limbs of 24 bits at fixed places.
 *
 * @example
 * const summation = exactSummation(2);
 * summation.add(Float32Array.of(1, 2, 3, 4), 1, 2);
 * const [{ sum }] = summation.take(); // 3 * 2^1074
 */
export function exactSummation(channels: number): ExactSummation {
  const single = singleSums(channels);
  const double = doubleSums(channels);
  return {
    add(data, pool, inner) {
      if (data instanceof Float32Array) single.add(data, pool, inner);
      else double.add(data, pool, inner);
    },
    take() {
      const sums = Array.from({ length: channels }, () => ({ sum: 0n, squares: 0n, isPoisoned: false }));
      single.takeInto(sums);
      double.takeInto(sums);
      return sums;
    },
  };
}

/** Adds values of one type; `takeInto` moves the sums out and starts again. */
interface TypedSums<Data> {
  add(data: Data, pool: number, inner: number): void;
  takeInto(sums: ExactSums[]): void;
}

/** Visits the runs of consecutive values that belong to one channel. */
type EachRun = (visit: (channel: number, start: number, end: number) => void) => void;

/** What differs between the types: adding runs to numbers, and moving a channel's numbers into integers. */
interface Collector<Data> {
  add(data: Data, eachRun: EachRun): void;
  drain(channel: number, into: ExactSums): void;
}

/** @param most values of a channel that the collector's numbers hold exactly */
function typedSums<Data>(channels: number, most: number, collector: Collector<Data>): TypedSums<Data> {
  let pending = 0;
  const held = emptySums(channels);
  const flush = (): void => {
    if (pending > 0) for (let c = 0; c < channels; c++) collector.drain(c, held[c]);
    pending = 0;
  };
  return {
    add(data, pool, inner) {
      collector.add(data, (visit) => {
        for (let p = 0; p < pool; p++) {
          for (let from = 0; from < inner; from += most) {
            const length = Math.min(inner - from, most);
            if (pending + length > most) flush();
            pending += length;
            for (let c = 0; c < channels; c++) {
              const start = (p * channels + c) * inner + from;
              visit(c, start, start + length);
            }
          }
        }
      });
    },
    takeInto(sums) {
      flush();
      moveSums(held, sums);
    },
  };
}

/** Exponents of a float32, each with three sums: of the values, and of the upper and lower parts of the squares. */
const exponents = 256;
const perExponent = 3;
const perSingle = exponents * perExponent;

/** Values that a channel's float64 sums hold exactly: 2^28 of 24 bits and a sign. */
const mostSingles = 2 ** 28;

/** Adding and subtracting it rounds a square of that exponent to its upper 24 bits. */
const splitter = Float64Array.from({ length: exponents }, (_, exponent) =>
  exponent === 255 ? 0 : 1.5 * 2 ** (52 + 24) * 2 ** (2 * Math.max(1, exponent) - 300),
);

function singleSums(channels: number): TypedSums<Float32Array> {
  let bins: Float64Array | null = null;
  return typedSums(channels, mostSingles, {
    add(data: Float32Array, eachRun) {
      bins ??= new Float64Array(channels * perSingle);
      const target = bins;
      const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
      eachRun((c, start, end) => addSingles(target, c * perSingle, data, bits, start, end));
    },
    drain(c, into) {
      if (bins !== null) drainSingle(bins, c * perSingle, into);
    },
  });
}

function addSingles(
  bins: Float64Array,
  at: number,
  data: Float32Array,
  bits: Uint32Array,
  start: number,
  end: number,
): void {
  for (let i = start; i < end; i++) {
    const value = data[i];
    const exponent = (bits[i] >>> 23) & 255;
    const square = value * value;
    const upper = square + splitter[exponent] - splitter[exponent];
    const bin = at + exponent * perExponent;
    bins[bin] += value;
    bins[bin + 1] += upper;
    bins[bin + 2] += square - upper;
  }
}

/** Moves one channel's bins into integers; units are 2^-149 and 2^-298 until the end. */
function drainSingle(bins: Float64Array, at: number, into: ExactSums): void {
  let sum = 0n;
  let squares = 0n;
  for (let exponent = 0; exponent < 255; exponent++) {
    const bin = at + exponent * perExponent;
    const place = Math.max(1, exponent);
    if (bins[bin] !== 0) sum += BigInt(bins[bin] * 2 ** (150 - place)) << BigInt(place - 1);
    if (bins[bin + 1] === 0 && bins[bin + 2] === 0) continue;
    const upper = BigInt(bins[bin + 1] * 2 ** (276 - 2 * place)) << 24n;
    const lower = BigInt(bins[bin + 2] * 2 ** (300 - 2 * place));
    squares += (upper + lower) << BigInt(2 * place - 2);
  }
  if (bins[at + 255 * perExponent] !== 0) into.isPoisoned = true;
  into.sum += sum << 925n;
  into.squares += squares << 1850n;
  bins.fill(0, at, at + perSingle);
}

const limbBits = 24;
const limb = 2 ** limbBits;
/** Powers of two below a limb. */
const powers = Float64Array.from({ length: limbBits }, (_, bit) => 2 ** bit);
/** Limbs of the sum: exponents up to 2045, values of 53 bits, and what carries over. */
const sumLimbs = 90;
/** Limbs of the squares: twice that. */
const squareLimbs = 178;
const perDouble = sumLimbs + squareLimbs;

/** Values that a channel's limbs hold exactly: each adds less than 2^29 to a limb up to four times. */
const mostDoubles = 2 ** 22;

function doubleSums(channels: number): TypedSums<Float64Array> {
  let limbs: Float64Array | null = null;
  const poisoned = new Uint8Array(channels);
  return typedSums(channels, mostDoubles, {
    add(data: Float64Array, eachRun) {
      limbs ??= new Float64Array(channels * perDouble);
      const target = limbs;
      const words = new Uint32Array(data.buffer, data.byteOffset, 2 * data.length);
      eachRun((c, start, end) => {
        for (let i = start; i < end; i++) {
          if (!addDouble(target, c * perDouble, words[2 * i], words[2 * i + 1])) poisoned[c] = 1;
        }
      });
    },
    drain(c, into) {
      if (limbs !== null) drainDouble(limbs, c * perDouble, into);
      into.isPoisoned ||= poisoned[c] === 1;
      poisoned[c] = 0;
    },
  });
}

/** Adds the value of these words and its square; false if it is not finite. */
function addDouble(limbs: Float64Array, at: number, low: number, high: number): boolean {
  const exponent = (high >>> 20) & 2047;
  if (exponent === 2047) return false;
  const place = Math.max(1, exponent) - 1;
  const mantissa = ((high & 0xfffff) | (exponent === 0 ? 0 : 0x100000)) * 2 ** 32 + low;
  addAt(limbs, at, high >>> 31 === 0 ? mantissa : -mantissa, place);
  // mantissa = upper * 2^27 + lower, both of at most 26 bits, so that every product is exact.
  const upper = Math.floor(mantissa * 2 ** -27 + 0.5);
  const lower = mantissa - upper * 2 ** 27;
  const squares = at + sumLimbs;
  addAt(limbs, squares, upper * upper, 2 * place + 54);
  addAt(limbs, squares, 2 * upper * lower, 2 * place + 27);
  addAt(limbs, squares, lower * lower, 2 * place);
  return true;
}

/** Adds an integer of at most 53 bits times 2^place. */
function addAt(limbs: Float64Array, at: number, integer: number, place: number): void {
  const first = (place / limbBits) | 0;
  const scaled = integer * powers[place - first * limbBits];
  const above = Math.floor(scaled / limb);
  const top = Math.floor(above / limb);
  limbs[at + first] += scaled - above * limb;
  limbs[at + first + 1] += above - top * limb;
  limbs[at + first + 2] += top;
}

function drainDouble(limbs: Float64Array, at: number, into: ExactSums): void {
  const total = (from: number, count: number): bigint => {
    let sum = 0n;
    for (let limb = count - 1; limb >= 0; limb--)
      sum = (sum << BigInt(limbBits)) + BigInt(limbs[from + limb]);
    return sum;
  };
  into.sum += total(at, sumLimbs);
  into.squares += total(at + sumLimbs, squareLimbs);
  limbs.fill(0, at, at + perDouble);
}

function emptySums(channels: number): ExactSums[] {
  return Array.from({ length: channels }, () => ({ sum: 0n, squares: 0n, isPoisoned: false }));
}

/** Adds the sums of `from` to those of `to`, and leaves none behind. */
function moveSums(from: readonly ExactSums[], to: readonly ExactSums[]): void {
  from.forEach((sums, c) => {
    to[c].sum += sums.sum;
    to[c].squares += sums.squares;
    to[c].isPoisoned ||= sums.isPoisoned;
    sums.sum = 0n;
    sums.squares = 0n;
    sums.isPoisoned = false;
  });
}
