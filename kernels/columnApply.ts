// The elementwise passes over `rows` rows, `stride` bytes apart, whose columns have coefficients of their own. Rows taken
// together share the loads of those; they are far apart (columnLoops.ts). Of float64 each is taken alone.
import { normalized } from "./apply";
import { runLength } from "./columnLoops";
import { mulAdd } from "./lanes";

/** y = (x - mean[j]) * scale[j] + shift[j] over the first `width` columns of each row; up to `most` rows share what they load. */
export function columnNormalize<T>(
  x: usize,
  y: usize,
  rows: usize,
  stride: usize,
  width: usize,
  mean: usize,
  scale: usize,
  shift: usize,
  most: usize,
): void {
  const bytes = width * sizeof<T>();
  for (let left = rows; left > 0; ) {
    const together: usize = left < most || sizeof<T>() == 8 ? 1 : most;
    const length = runLength(left, together, stride);
    const apart = length * stride;
    for (let i: usize = 0; i < length; i++, x += stride, y += stride) {
      if (together > 1) normalizeRows<T>(x, y, together * apart, apart, bytes, mean, scale, shift);
      else normalizeRow<T>(x, y, bytes, mean, scale, shift);
    }
    left -= together * length;
    x += (together - 1) * apart;
    y += (together - 1) * apart;
  }
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

/** dx = dy * a[j] + ((x - mean[j]) * b[j] + c[j]) over the first `width` columns of each row. */
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
): void {
  const bytes = width * sizeof<T>();
  for (let left = rows; left > 0; ) {
    const together: usize = left < 4 || sizeof<T>() == 8 ? 1 : 4;
    const length = runLength(left, together, stride);
    const apart = length * stride;
    for (let i: usize = 0; i < length; i++, x += stride, dy += stride, dx += stride) {
      if (together == 4) gradInputFour<T>(x, dy, dx, apart, bytes, mean, a, b, c);
      else gradInputOne<T>(x, dy, dx, bytes, mean, a, b, c);
    }
    left -= together * length;
    x += (together - 1) * apart;
    dy += (together - 1) * apart;
    dx += (together - 1) * apart;
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
