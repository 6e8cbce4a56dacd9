// Partial sums of items, added in the order of the items, whichever thread made them.

/**
 * out[i] = sum over k of parts[k][i]: `parts` holds `count` blocks `stride` bytes apart of float64,
 * `step` bytes from one element to the next. An item is an element of out.
 */
export function mergeSums(
  parts: usize,
  out: usize,
  count: usize,
  stride: usize,
  step: usize,
  scratch: usize,
  begin: usize,
  end: usize,
): void {
  memory.fill(out + (begin << 3), 0, (end - begin) << 3);
  for (let k: usize = 0; k < count; k++) {
    let from = parts + k * stride + begin * step;
    for (let i = begin; i < end; i++, from += step) {
      const at = out + (i << 3);
      store<f64>(at, load<f64>(at) + load<f64>(from));
    }
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
