const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The gap between float32 numbers at a magnitude: one unit in the last place. */
function ulpAt(magnitude: number): number {
  float[0] = magnitude;
  const exponent = Math.max(1, (bits[0] >>> 23) & 0xff);
  return 2 ** (exponent - 127 - 23);
}

/** How far two arrays are apart. */
export interface Closeness {
  /** Largest |a - b|. */
  readonly abs: number;
  /** Largest |a - b| in float32 units in the last place of the scale. */
  readonly ulp: number;
}

/**
 * Distance of two arrays, in units in the last place of `scale`: the largest |b|, or what the caller knows better.
 *
 * Where terms cancel, a value near 0 has its terms' rounding, not its own: the scale is the terms' magnitude.
 */
export function closenessOf(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  scale: number = largestMagnitude(b),
): Closeness {
  const unit = ulpAt(scale);
  let abs = 0;
  let ulp = 0;
  for (let i = 0; i < b.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (difference === 0 || Object.is(a[i], b[i])) continue;
    // A NaN on one side alone must not pass as equal.
    const distance = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    abs = Math.max(abs, distance);
    ulp = Math.max(ulp, distance / unit);
  }
  return { abs, ulp };
}

/** Largest |value|; 0 for an empty array. */
export function largestMagnitude(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}
