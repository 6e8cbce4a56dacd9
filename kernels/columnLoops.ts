// Sums over `rows` rows, `stride` bytes apart, of each of S columns.
import { least, widenHigh, widenLow } from "./lanes";
import { middle, sampleMean } from "./moments";
import { chainTrips, productsOf, squaresOf, sumOf } from "./sums";

// @ts-ignore: decorator
@inline
function add<T>(to: usize, v: v128): void {
  v128.store(to, v128.add<T>(v128.load(to), v));
}

/** Adds `bytes` of vectors of `chain` to the float64 at `sums`. */
function flush<T>(chain: usize, sums: usize, bytes: usize): void {
  for (const stop = chain + bytes; chain < stop; chain += 16, sums += 16 * (8 / sizeof<T>())) {
    const v = v128.load(chain);
    v128.store(sums, f64x2.add(v128.load(sums), widenLow<T>(v)));
    if (sizeof<T>() == 4) v128.store(sums, f64x2.add(v128.load(sums, 16), widenHigh<T>(v)), 16);
  }
}

/**
 * How long the runs of rows are, `together` of them in `rows`, of which one row each is taken at a time.
 *
 * Each run is read in the order of memory, as several streams are that have nothing to do with each other: of neighbouring
 * rows taken together the processor reads nothing ahead, which beyond the cache takes up to four times as long. Runs a
 * multiple of 4 KiB apart would share the same lines of the first-level cache.
 */
export function runLength(rows: usize, together: usize, stride: usize): usize {
  const length = rows / together;
  return length > 1 && stride & 4095 && !((length * stride) & 4095) ? length - 1 : length;
}

/**
 * sums[j] += sum(x[r, j] - shift[j]), sums[S + j] += sum((x[r, j] - shift[j])^2) over the rows; sums is float64.
 * The first `width` columns of each row are taken. `chain` holds 2 * width T to work in.
 */
export function columnSums<T>(x: usize, rows: usize, stride: usize, S: usize, width: usize, shift: usize, sums: usize, chain: usize): void {
  const vectorBytes = (width * sizeof<T>()) & ~15;
  const most: usize = sizeof<T>() == 4 && stride & 4095 ? 8 : 4;
  for (let left = rows; left > 0; ) {
    const together: usize = left < most ? 1 : most;
    const length = runLength(left, together, stride);
    const apart = length * stride;
    // As many rows in a chain of eight at a time as in one of four.
    const trips = together == 8 ? chainTrips / 2 : chainTrips;
    for (let i: usize = 0; i < length; ) {
      memory.fill(chain, 0, vectorBytes << 1);
      for (const stop = least(i + trips, length); i < stop; i++, x += stride) {
        if (sizeof<T>() == 4 && together == 8) sumEight<T>(x, apart, vectorBytes, shift, chain, vectorBytes);
        else if (together == 4) sumFour<T>(x, apart, vectorBytes, shift, chain, vectorBytes);
        else sumOne<T>(x, vectorBytes, shift, chain, vectorBytes);
        if (vectorBytes == width * sizeof<T>()) continue;
        for (let k: usize = 0; k < together; k++) columnSumsTail<T>(x + k * apart, vectorBytes, width, S, shift, sums);
      }
      flush<T>(chain, sums, vectorBytes);
      flush<T>(chain + vectorBytes, sums + S * 8, vectorBytes);
    }
    left -= together * length;
    x += (together - 1) * apart;
  }
}

/**
 * Adds the sums over 8 rows of `bytes`, whole vectors, about `shift` to `chain`, and those of their squares `apart` bytes further.
 */
export function sumEight<T>(x: usize, stride: usize, bytes: usize, shift: usize, chain: usize, apart: usize): void {
  sumRows<T>(x, stride, bytes, shift, chain, apart, true);
}

/** The same of 4 rows. */
function sumFour<T>(x: usize, stride: usize, bytes: usize, shift: usize, chain: usize, apart: usize): void {
  sumRows<T>(x, stride, bytes, shift, chain, apart, false);
}

// @ts-ignore: decorator
@inline
function sumRows<T>(x: usize, stride: usize, bytes: usize, shift: usize, chain: usize, apart: usize, eight: boolean): void {
  for (const stop = x + bytes; x < stop; x += 16, shift += 16, chain += 16) {
    const k = v128.load(shift);
    let at = x;
    const d0 = v128.sub<T>(v128.load(at), k);
    const d1 = v128.sub<T>(v128.load((at += stride)), k);
    const d2 = v128.sub<T>(v128.load((at += stride)), k);
    const d3 = v128.sub<T>(v128.load((at += stride)), k);
    let sum = sumOf<T>(d0, d1, d2, d3);
    let squares = squaresOf<T>(d0, d1, d2, d3);
    if (eight) {
      const d4 = v128.sub<T>(v128.load((at += stride)), k);
      const d5 = v128.sub<T>(v128.load((at += stride)), k);
      const d6 = v128.sub<T>(v128.load((at += stride)), k);
      const d7 = v128.sub<T>(v128.load(at + stride), k);
      sum = v128.add<T>(sum, sumOf<T>(d4, d5, d6, d7));
      squares = v128.add<T>(squares, squaresOf<T>(d4, d5, d6, d7));
    }
    add<T>(chain, sum);
    add<T>(chain + apart, squares);
  }
}

/** The same of one row. */
export function sumOne<T>(x: usize, bytes: usize, shift: usize, chain: usize, apart: usize): void {
  for (const stop = x + bytes; x < stop; x += 16, shift += 16, chain += 16) {
    const d = v128.sub<T>(v128.load(x), v128.load(shift));
    add<T>(chain, d);
    add<T>(chain + apart, v128.mul<T>(d, d));
  }
}

// @ts-ignore: decorator
@inline
function columnSumsTail<T>(x: usize, from: usize, width: usize, S: usize, shift: usize, sums: usize): void {
  for (let j = from; j < width * sizeof<T>(); j += sizeof<T>()) {
    const at = sums + j * (8 / sizeof<T>());
    const d = <f64>load<T>(x + j) - <f64>load<T>(shift + j);
    store<f64>(at, load<f64>(at) + d);
    store<f64>(at + S * 8, load<f64>(at + S * 8) + d * d);
  }
}

/** sums[j] += sum(dy[r, j]), sums[S + j] += sum(dy[r, j] * (x[r, j] - mean[j])) over the rows, as in columnSums. */
export function columnGradSums<T>(x: usize, dy: usize, rows: usize, stride: usize, S: usize, width: usize, mean: usize, sums: usize, chain: usize): void {
  const vectorBytes = (width * sizeof<T>()) & ~15;
  for (let left = rows; left > 0; ) {
    const together: usize = left < 4 ? 1 : 4;
    const length = runLength(left, together, stride);
    const apart = length * stride;
    for (let i: usize = 0; i < length; ) {
      memory.fill(chain, 0, vectorBytes << 1);
      for (const stop = least(i + chainTrips, length); i < stop; i++, x += stride, dy += stride) {
        if (together == 4) gradSumFour<T>(x, dy, apart, vectorBytes, mean, chain, vectorBytes);
        else gradSumOne<T>(x, dy, vectorBytes, mean, chain, vectorBytes);
        if (vectorBytes == width * sizeof<T>()) continue;
        for (let k: usize = 0; k < together; k++) columnGradSumsTail<T>(x + k * apart, dy + k * apart, vectorBytes, width, S, mean, sums);
      }
      flush<T>(chain, sums, vectorBytes);
      flush<T>(chain + vectorBytes, sums + S * 8, vectorBytes);
    }
    left -= together * length;
    x += (together - 1) * apart;
    dy += (together - 1) * apart;
  }
}

/** Adds the sums over 4 rows of dy to `chain`, and those of dy * (x - mean) `apart` bytes further; `bytes` are whole vectors. */
export function gradSumFour<T>(x: usize, dy: usize, stride: usize, bytes: usize, mean: usize, chain: usize, apart: usize): void {
  for (const stop = x + bytes; x < stop; x += 16, dy += 16, mean += 16, chain += 16) {
    const m = v128.load(mean);
    let at = x;
    let up = dy;
    const g0 = v128.load(up);
    const d0 = v128.sub<T>(v128.load(at), m);
    const g1 = v128.load((up += stride));
    const d1 = v128.sub<T>(v128.load((at += stride)), m);
    const g2 = v128.load((up += stride));
    const d2 = v128.sub<T>(v128.load((at += stride)), m);
    const g3 = v128.load(up + stride);
    const d3 = v128.sub<T>(v128.load(at + stride), m);
    add<T>(chain, sumOf<T>(g0, g1, g2, g3));
    add<T>(chain + apart, productsOf<T>(g0, d0, g1, d1, g2, d2, g3, d3));
  }
}

/** The same of one row. */
export function gradSumOne<T>(x: usize, dy: usize, bytes: usize, mean: usize, chain: usize, apart: usize): void {
  for (const stop = x + bytes; x < stop; x += 16, dy += 16, mean += 16, chain += 16) {
    const g = v128.load(dy);
    add<T>(chain, g);
    add<T>(chain + apart, v128.mul<T>(g, v128.sub<T>(v128.load(x), v128.load(mean))));
  }
}

// @ts-ignore: decorator
@inline
function columnGradSumsTail<T>(x: usize, dy: usize, from: usize, width: usize, S: usize, mean: usize, sums: usize): void {
  for (let j = from; j < width * sizeof<T>(); j += sizeof<T>()) {
    const at = sums + j * (8 / sizeof<T>());
    const g = <f64>load<T>(dy + j);
    store<f64>(at, load<f64>(at) + g);
    store<f64>(at + S * 8, load<f64>(at + S * 8) + g * (<f64>load<T>(x + j) - <f64>load<T>(mean + j)));
  }
}

/** to[j] = a value near the column's mean, from 16 rows spread over `rows`, for n columns; of equal elements exactly their value. */
export function sampleColumns<T>(x: usize, rows: usize, stride: usize, n: usize, to: usize): void {
  const vectorBytes = (n * sizeof<T>()) & ~15;
  // Rows by offsets from the first of each four: finding them takes as long as adding them.
  const a = x;
  const b = x + (rows >> 2) * stride;
  const c = x + (rows >> 1) * stride;
  const d = x + ((rows * 3) >> 2) * stride;
  const o1 = (rows >> 4) * stride;
  const o2 = (rows >> 3) * stride;
  const o3 = ((rows * 3) >> 4) * stride;
  for (let j: usize = 0; j < vectorBytes; j += 16) {
    const q0 = sampleFour<T>(a + j, o1, o2, o3);
    const q1 = sampleFour<T>(b + j, o1, o2, o3);
    const q2 = sampleFour<T>(c + j, o1, o2, o3);
    const q3 = sampleFour<T>(d + j, o1, o2, o3);
    v128.store(to + j, v128.mul<T>(middle<T>(q0, q1, q2, q3), v128.splat<T>(<T>0.25)));
  }
  for (let j = vectorBytes; j < n * sizeof<T>(); j += sizeof<T>()) store<T>(to + j, sampleMean<T>(x + j, rows, stride, 1));
}

// @ts-ignore: decorator
@inline
function sampleFour<T>(x: usize, o1: usize, o2: usize, o3: usize): v128 {
  return v128.add<T>(v128.add<T>(v128.load(x), v128.load(x + o1)), v128.add<T>(v128.load(x + o2), v128.load(x + o3)));
}
