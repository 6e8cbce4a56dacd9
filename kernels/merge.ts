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
