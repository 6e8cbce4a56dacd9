// Loops over `rows` rows, `stride` bytes apart, where each of S columns has coefficients of its own.
import { least, mulAdd, widenHigh, widenLow } from "./lanes";
import { middle, sampleMean } from "./moments";

// Trips of 8 or 4 rows whose sums stay in T before they go on in float64, so that the rounding of T stays small.
const chainTrips: usize = 8;

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
 * sums[j] += sum(x[r, j] - shift[j]), sums[S + j] += sum((x[r, j] - shift[j])^2) over the rows; sums is float64.
 * The first `width` columns of each row are taken. `chain` holds 2 * width T to work in.
 */
export function columnSums<T>(x: usize, rows: usize, stride: usize, S: usize, width: usize, shift: usize, sums: usize, chain: usize): void {
  const vectorBytes = (width * sizeof<T>()) & ~15;
  const step: usize = 8;
  for (let left = rows; left > 0; ) {
    const taken = least(left, step * chainTrips);
    memory.fill(chain, 0, vectorBytes << 1);
    let r: usize = 0;
    for (; r + step <= taken; r += step) {
      sumEight<T>(x, stride, vectorBytes, shift, chain);
      for (let i: usize = 0; i < step; i++, x += stride) columnSumsTail<T>(x, vectorBytes, width, S, shift, sums);
    }
    for (; r < taken; r++, x += stride) {
      for (let j: usize = 0; j < vectorBytes; j += 16) {
        const d = v128.sub<T>(v128.load(x + j), v128.load(shift + j));
        add<T>(chain + j, d);
        add<T>(chain + vectorBytes + j, v128.mul<T>(d, d));
      }
      columnSumsTail<T>(x, vectorBytes, width, S, shift, sums);
    }
    flush<T>(chain, sums, vectorBytes);
    flush<T>(chain + vectorBytes, sums + S * 8, vectorBytes);
    left -= taken;
  }
}

function sumEight<T>(x: usize, stride: usize, bytes: usize, shift: usize, chain: usize): void {
  for (const stop = x + bytes; x < stop; x += 16, shift += 16, chain += 16) {
    const k = v128.load(shift);
    let at = x;
    const d0 = v128.sub<T>(v128.load(at), k);
    const d1 = v128.sub<T>(v128.load((at += stride)), k);
    const d2 = v128.sub<T>(v128.load((at += stride)), k);
    const d3 = v128.sub<T>(v128.load((at += stride)), k);
    const d4 = v128.sub<T>(v128.load((at += stride)), k);
    const d5 = v128.sub<T>(v128.load((at += stride)), k);
    const d6 = v128.sub<T>(v128.load((at += stride)), k);
    const d7 = v128.sub<T>(v128.load(at + stride), k);
    const low = v128.add<T>(v128.add<T>(d0, d1), v128.add<T>(d2, d3));
    const high = v128.add<T>(v128.add<T>(d4, d5), v128.add<T>(d6, d7));
    const lowSquares = v128.add<T>(mulAdd<T>(d0, d0, v128.mul<T>(d1, d1)), mulAdd<T>(d2, d2, v128.mul<T>(d3, d3)));
    const highSquares = v128.add<T>(mulAdd<T>(d4, d4, v128.mul<T>(d5, d5)), mulAdd<T>(d6, d6, v128.mul<T>(d7, d7)));
    add<T>(chain, v128.add<T>(low, high));
    add<T>(chain + bytes, v128.add<T>(lowSquares, highSquares));
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

/**
 * sums[j] += sum(dy[r, j]), sums[S + j] += sum(dy[r, j] * (x[r, j] - mean[j])) over the rows, as in columnSums; row after row if
 * `together` is 1.
 */
export function columnGradSums<T>(
  x: usize,
  dy: usize,
  rows: usize,
  stride: usize,
  S: usize,
  width: usize,
  mean: usize,
  sums: usize,
  chain: usize,
  together: usize = 4,
): void {
  const vectorBytes = (width * sizeof<T>()) & ~15;
  const step: usize = 4;
  for (let left = rows; left > 0; ) {
    const taken = least(left, step * chainTrips);
    memory.fill(chain, 0, vectorBytes << 1);
    let r: usize = 0;
    for (; step <= together && r + step <= taken; r += step) {
      gradSumFour<T>(x, dy, stride, vectorBytes, mean, chain);
      for (let i: usize = 0; i < step; i++, x += stride, dy += stride) columnGradSumsTail<T>(x, dy, vectorBytes, width, S, mean, sums);
    }
    for (; r < taken; r++, x += stride, dy += stride) {
      for (let j: usize = 0; j < vectorBytes; j += 16) {
        const g = v128.load(dy + j);
        add<T>(chain + j, g);
        add<T>(chain + vectorBytes + j, v128.mul<T>(g, v128.sub<T>(v128.load(x + j), v128.load(mean + j))));
      }
      columnGradSumsTail<T>(x, dy, vectorBytes, width, S, mean, sums);
    }
    flush<T>(chain, sums, vectorBytes);
    flush<T>(chain + vectorBytes, sums + S * 8, vectorBytes);
    left -= taken;
  }
}

function gradSumFour<T>(x: usize, dy: usize, stride: usize, bytes: usize, mean: usize, chain: usize): void {
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
    add<T>(chain, v128.add<T>(v128.add<T>(g0, g1), v128.add<T>(g2, g3)));
    add<T>(chain + bytes, v128.add<T>(mulAdd<T>(g0, d0, v128.mul<T>(g1, d1)), mulAdd<T>(g2, d2, v128.mul<T>(g3, d3))));
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

/** y = (x - mean[j]) * scale[j] + shift[j] over the first `width` columns of each row; `together` rows share what they load. */
export function columnNormalize<T>(
  x: usize,
  y: usize,
  rows: usize,
  stride: usize,
  width: usize,
  mean: usize,
  scale: usize,
  shift: usize,
  together: usize = 1,
): void {
  const bytes = width * sizeof<T>();
  for (let left = rows; left > 0; ) {
    const taken: usize = left < together ? 1 : together;
    if (taken > 1) normalizeRows<T>(x, y, taken * stride, stride, bytes, mean, scale, shift);
    else normalizeRow<T>(x, y, bytes, mean, scale, shift);
    left -= taken;
    x += taken * stride;
    y += taken * stride;
  }
}

// @ts-ignore: decorator
@inline
function normalized<T>(x: v128, mean: v128, scale: v128, shift: v128): v128 {
  return mulAdd<T>(v128.sub<T>(x, mean), scale, shift);
}

function normalizeRow<T>(x: usize, y: usize, bytes: usize, mean: usize, scale: usize, shift: usize): void {
  let j: usize = 0;
  for (; j + 64 <= bytes; j += 64) {
    v128.store(y + j, normalized<T>(v128.load(x + j), v128.load(mean + j), v128.load(scale + j), v128.load(shift + j)));
    v128.store(y + j, normalized<T>(v128.load(x + j, 16), v128.load(mean + j, 16), v128.load(scale + j, 16), v128.load(shift + j, 16)), 16);
    v128.store(y + j, normalized<T>(v128.load(x + j, 32), v128.load(mean + j, 32), v128.load(scale + j, 32), v128.load(shift + j, 32)), 32);
    v128.store(y + j, normalized<T>(v128.load(x + j, 48), v128.load(mean + j, 48), v128.load(scale + j, 48), v128.load(shift + j, 48)), 48);
  }
  for (; j + 16 <= bytes; j += 16) {
    v128.store(y + j, normalized<T>(v128.load(x + j), v128.load(mean + j), v128.load(scale + j), v128.load(shift + j)));
  }
  normalizeRest<T>(x, y, 1, 1, j, bytes, mean, scale, shift);
}

/** Rows over `all` bytes, `stride` bytes apart: a line of the cache of each after the other. */
function normalizeRows<T>(x: usize, y: usize, all: usize, stride: usize, bytes: usize, mean: usize, scale: usize, shift: usize): void {
  let j: usize = 0;
  for (; j + 64 <= bytes; j += 64) {
    const m0 = v128.load(mean + j);
    const s0 = v128.load(scale + j);
    const b0 = v128.load(shift + j);
    const m1 = v128.load(mean + j, 16);
    const s1 = v128.load(scale + j, 16);
    const b1 = v128.load(shift + j, 16);
    const m2 = v128.load(mean + j, 32);
    const s2 = v128.load(scale + j, 32);
    const b2 = v128.load(shift + j, 32);
    const m3 = v128.load(mean + j, 48);
    const s3 = v128.load(scale + j, 48);
    const b3 = v128.load(shift + j, 48);
    for (let at = j, stop = j + all; at != stop; at += stride) {
      v128.store(y + at, normalized<T>(v128.load(x + at), m0, s0, b0));
      v128.store(y + at, normalized<T>(v128.load(x + at, 16), m1, s1, b1), 16);
      v128.store(y + at, normalized<T>(v128.load(x + at, 32), m2, s2, b2), 32);
      v128.store(y + at, normalized<T>(v128.load(x + at, 48), m3, s3, b3), 48);
    }
  }
  for (; j + 16 <= bytes; j += 16) {
    const m = v128.load(mean + j);
    const s = v128.load(scale + j);
    const b = v128.load(shift + j);
    for (let at = j, stop = j + all; at != stop; at += stride) v128.store(y + at, normalized<T>(v128.load(x + at), m, s, b));
  }
  normalizeRest<T>(x, y, all, stride, j, bytes, mean, scale, shift);
}

// @ts-ignore: decorator
@inline
function normalizeRest<T>(x: usize, y: usize, all: usize, stride: usize, j: usize, bytes: usize, mean: usize, scale: usize, shift: usize): void {
  for (; j < bytes; j += sizeof<T>()) {
    const m = load<T>(mean + j);
    const s = load<T>(scale + j);
    const b = load<T>(shift + j);
    for (let at = j, stop = j + all; at != stop; at += stride) store<T>(y + at, (load<T>(x + at) - m) * s + b);
  }
}

/** dx = dy * a[j] + ((x - mean[j]) * b[j] + c[j]) over the first `width` columns of each row; `together`, 1 or 4, rows share what they load. */
export function columnGradInput<T>(
  x: usize,
  dy: usize,
  dx: usize,
  rows: usize,
  stride: usize,
  width: usize,
  mean: usize,
  a: usize,
  b: usize,
  c: usize,
  together: usize = 1,
): void {
  const bytes = width * sizeof<T>();
  for (let left = rows; left > 0; ) {
    const taken: usize = together < 4 || left < 4 ? 1 : 4;
    if (taken == 4) gradInputFour<T>(x, dy, dx, stride, bytes, mean, a, b, c);
    else gradInputOne<T>(x, dy, dx, bytes, mean, a, b, c);
    left -= taken;
    x += taken * stride;
    dy += taken * stride;
    dx += taken * stride;
  }
}

// Functions of their own, so that each has its loop.
function gradInputFour<T>(x: usize, dy: usize, dx: usize, stride: usize, bytes: usize, mean: usize, a: usize, b: usize, c: usize): void {
  gradInputRows<T>(x, dy, dx, stride, bytes, mean, a, b, c, true);
}

function gradInputOne<T>(x: usize, dy: usize, dx: usize, bytes: usize, mean: usize, a: usize, b: usize, c: usize): void {
  gradInputRows<T>(x, dy, dx, 0, bytes, mean, a, b, c, false);
}

// @ts-ignore: decorator
@inline
function gradInputRows<T>(x: usize, dy: usize, dx: usize, stride: usize, bytes: usize, mean: usize, a: usize, b: usize, c: usize, four: boolean): void {
  let j: usize = 0;
  for (; j + 16 <= bytes; j += 16) {
    const m = v128.load(mean + j);
    const va = v128.load(a + j);
    const vb = v128.load(b + j);
    const vc = v128.load(c + j);
    let at = j;
    v128.store(dx + at, mulAdd<T>(v128.load(dy + at), va, normalized<T>(v128.load(x + at), m, vb, vc)));
    if (four) {
      at += stride;
      v128.store(dx + at, mulAdd<T>(v128.load(dy + at), va, normalized<T>(v128.load(x + at), m, vb, vc)));
      at += stride;
      v128.store(dx + at, mulAdd<T>(v128.load(dy + at), va, normalized<T>(v128.load(x + at), m, vb, vc)));
      at += stride;
      v128.store(dx + at, mulAdd<T>(v128.load(dy + at), va, normalized<T>(v128.load(x + at), m, vb, vc)));
    }
  }
  for (; j < bytes; j += sizeof<T>()) {
    const rows: usize = four ? 4 : 1;
    for (let r: usize = 0, at = j; r < rows; r++, at += stride) {
      store<T>(dx + at, load<T>(dy + at) * load<T>(a + j) + ((load<T>(x + at) - load<T>(mean + j)) * load<T>(b + j) + load<T>(c + j)));
    }
  }
}

/** dx = dy * a[j]: x is not read. */
export function columnScale<T>(dy: usize, dx: usize, rows: usize, stride: usize, width: usize, a: usize): void {
  const widthBytes = width * sizeof<T>();
  for (let r: usize = 0; r < rows; r++, dy += stride, dx += stride) {
    let j: usize = 0;
    for (; j + 16 <= widthBytes; j += 16) v128.store(dx + j, v128.mul<T>(v128.load(dy + j), v128.load(a + j)));
    for (; j < widthBytes; j += sizeof<T>()) store<T>(dx + j, load<T>(dy + j) * load<T>(a + j));
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
