/**
 * Uniform numbers in [0, 1) from a seed, the same on every machine.
 *
 * Source: mulberry32 by Tommy Ettinger (public domain).
 *
 * @example
 * const next = uniforms(7);
 * next(); // 0.0117...
 */
export function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Normally distributed numbers of mean 0 and deviation 1; of the same seed always the same (Box and Muller 1958).
 *
 * @example
 * normals(3, 1).length; // 3
 */
export function normals(count: number, seed: number): Float64Array {
  const uniform = uniforms(seed);
  return Float64Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return radius * Math.cos(2 * Math.PI * uniform());
  });
}
