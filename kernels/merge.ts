// Partial sums of items, added in the order of the items, whichever thread made them.

/** out[i] = sum over k of parts[k][i]: `parts` holds `count` blocks `stride` bytes apart of float64. An item is an element of out. */
export function mergeSums(parts: usize, out: usize, count: usize, stride: usize, scratch: usize, begin: usize, end: usize): void {
  mergeRun(out + (begin << 3), parts + (begin << 3), end - begin, stride, count);
}

/** The n float64 at `to` become sums over `count` runs `stride` bytes apart. A line of the cache at a time, since their distance may be a power of two. */
export function mergeRun(to: usize, from: usize, n: usize, stride: usize, count: usize): void {
  const end = to + (n << 3);
  const apart = count * stride;
  for (; to + 64 <= end; to += 64, from += 64) {
    let a = f64x2.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (let at = from, stop = at + apart; at != stop; at += stride) {
      a = f64x2.add(a, v128.load(at));
      b = f64x2.add(b, v128.load(at, 16));
      c = f64x2.add(c, v128.load(at, 32));
      d = f64x2.add(d, v128.load(at, 48));
    }
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
  for (; to < end; to += 8, from += 8) {
    let sum: f64 = 0;
    for (let at = from, stop = at + apart; at != stop; at += stride) sum += load<f64>(at);
    store<f64>(to, sum);
  }
}

/**
 * firsts[i], seconds[i] = sum over k of the pairs[k][i]: `count` blocks `stride` bytes apart of pairs of float64. An item is a
 * pair; four, a line of the cache, are added at a time. Each sum is added in the order of k.
 */
export function mergePairs(
  pairs: usize,
  firsts: usize,
  seconds: usize,
  count: usize,
  stride: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    let a = f64x2.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (let at = pairs + (i << 4), stop = at + count * stride; at != stop; at += stride) {
      a = f64x2.add(a, v128.load(at));
      b = f64x2.add(b, v128.load(at, 16));
      c = f64x2.add(c, v128.load(at, 32));
      d = f64x2.add(d, v128.load(at, 48));
    }
    const first = firsts + (i << 3);
    const second = seconds + (i << 3);
    v128.store(first, v128.shuffle<i64>(a, b, 0, 2));
    v128.store(first, v128.shuffle<i64>(c, d, 0, 2), 16);
    v128.store(second, v128.shuffle<i64>(a, b, 1, 3));
    v128.store(second, v128.shuffle<i64>(c, d, 1, 3), 16);
  }
  for (; i < end; i++) {
    let a = f64x2.splat(0);
    for (let at = pairs + (i << 4), stop = at + count * stride; at != stop; at += stride) a = f64x2.add(a, v128.load(at));
    store<f64>(firsts + (i << 3), f64x2.extract_lane(a, 0));
    store<f64>(seconds + (i << 3), f64x2.extract_lane(a, 1));
  }
}

/** The pair of float64 at `to` = the sum over `turns` rows, `stride` bytes apart, of `segments` neighbouring pairs each, in their order. */
export function mergeSegments(to: usize, pairs: usize, segments: usize, stride: usize, turns: usize): void {
  let sum = f64x2.splat(0);
  for (; turns > 0; turns--, pairs += stride) {
    for (let at = pairs, stop = at + (segments << 4); at < stop; at += 16) sum = f64x2.add(sum, v128.load(at));
  }
  v128.store(to, sum);
}
