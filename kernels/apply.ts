// The elementwise passes over one run. The last, partial vector overlaps the one before it and is loaded
// before anything is stored, so that results may overwrite their inputs.
import { lanesOf, mulAdd } from "./lanes";
import { apartOf, stepOf } from "./sums";

/**
 * y = (x - mean) * scale + shift over n elements that share all three, and as many `other` bytes further unless that is 0: two runs
 * are taken together as in sums.ts.
 */
export function normalizeRun<T>(x: usize, y: usize, n: usize, mean: T, scale: T, shift: T, other: usize): void {
  const lanes = lanesOf<T>();
  const end = x + n * sizeof<T>();
  if (n < lanes) {
    for (; x < end; x += sizeof<T>(), y += sizeof<T>()) store<T>(y, (load<T>(x) - mean) * scale + shift);
    return;
  }
  const m = v128.splat<T>(mean);
  const s = v128.splat<T>(scale);
  const b = v128.splat<T>(shift);
  const to = y - x;
  const rest = n & (lanes - 1);
  // What the last vector overlaps is left to the second loop, so that it need not be read before the others: from main memory that
  // would be a wait of its own.
  const step = stepOf(other, 128);
  const apart = apartOf(other, 128);
  for (const bulk = rest ? end - 16 : end; x + step <= bulk; x += step) {
    normalizeFour<T>(x, to, m, s, b);
    normalizeFour<T>(x + apart, to, m, s, b);
  }
  const last = normalized<T>(v128.load(end - 16), m, s, b);
  for (; x + 16 <= end; x += 16) v128.store(x + to, normalized<T>(v128.load(x), m, s, b));
  if (rest) v128.store(end + to - 16, last);
}

/** (x - mean) * scale + shift, lane by lane. */
// @ts-ignore: decorator
@inline
export function normalized<T>(x: v128, mean: v128, scale: v128, shift: v128): v128 {
  return mulAdd<T>(v128.sub<T>(x, mean), scale, shift);
}

/** Four vectors, all loaded before one is stored: engines keep that order, and a load behind a store may have to wait for it. */
// @ts-ignore: decorator
@inline
export function normalizeFour<T>(x: usize, to: usize, m: v128, s: v128, b: v128): void {
  const v0 = v128.load(x);
  const v1 = v128.load(x, 16);
  const v2 = v128.load(x, 32);
  const v3 = v128.load(x, 48);
  v128.store(x + to, normalized<T>(v0, m, s, b));
  v128.store(x + to, normalized<T>(v1, m, s, b), 16);
  v128.store(x + to, normalized<T>(v2, m, s, b), 32);
  v128.store(x + to, normalized<T>(v3, m, s, b), 48);
}

/** dx = dy * a + ((x - mean) * b + c) over n elements that share all four, and as many `other` bytes further unless that is 0. */
export function gradInputRun<T>(
  x: usize,
  dy: usize,
  dx: usize,
  n: usize,
  mean: T,
  a: T,
  b: T,
  c: T,
  other: usize,
): void {
  const lanes = lanesOf<T>();
  const end = x + n * sizeof<T>();
  if (n < lanes) {
    for (; x < end; x += sizeof<T>(), dy += sizeof<T>(), dx += sizeof<T>()) {
      store<T>(dx, load<T>(dy) * a + ((load<T>(x) - mean) * b + c));
    }
    return;
  }
  const m = v128.splat<T>(mean);
  const va = v128.splat<T>(a);
  const vb = v128.splat<T>(b);
  const vc = v128.splat<T>(c);
  const from = dy - x;
  const to = dx - x;
  const step = stepOf(other, 64);
  const apart = apartOf(other, 64);
  const last = gradInputOf<T>(end - 16, from, m, va, vb, vc);
  for (; x + step <= end; x += step) {
    gradInputTrip<T>(x, x + apart, from, to, m, va, vb, vc);
  }
  for (; x + 16 <= end; x += 16) v128.store(x + to, gradInputOf<T>(x, from, m, va, vb, vc));
  if (x < end) v128.store(end + to - 16, last);
}

/** dx of the vector at x; dy is `from` bytes from it. */
// @ts-ignore: decorator
@inline
export function gradInputOf<T>(x: usize, from: usize, m: v128, a: v128, b: v128, c: v128): v128 {
  return mulAdd<T>(v128.load(x + from), a, normalized<T>(v128.load(x), m, b, c));
}

/** dx of two vectors at x and two at `beyond`; dy is `from` bytes from x, dx `to` bytes. */
// @ts-ignore: decorator
@inline
export function gradInputTrip<T>(x: usize, beyond: usize, from: usize, to: usize, m: v128, a: v128, b: v128, c: v128): void {
  const t0 = normalized<T>(v128.load(x), m, b, c);
  const t1 = normalized<T>(v128.load(x, 16), m, b, c);
  const t2 = normalized<T>(v128.load(beyond), m, b, c);
  const t3 = normalized<T>(v128.load(beyond, 16), m, b, c);
  v128.store(x + to, mulAdd<T>(v128.load(x + from), a, t0));
  v128.store(x + to, mulAdd<T>(v128.load(x + from, 16), a, t1), 16);
  v128.store(beyond + to, mulAdd<T>(v128.load(beyond + from), a, t2));
  v128.store(beyond + to, mulAdd<T>(v128.load(beyond + from, 16), a, t3), 16);
}
