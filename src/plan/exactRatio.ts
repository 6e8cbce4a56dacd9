/** Bits of a positive integer. */
function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return 4 * (hex.length - 1) + (32 - Math.clz32(Number.parseInt(hex[0], 16)));
}

/** Bits that a quotient is computed to: some more than float64 holds. */
const quotientBits = 66;

/**
 * `numerator / denominator * 2^exponent` as the nearest float64, ties to even; subnormal results may be rounded twice.
 *
 * @param denominator above 0
 * @example
 * nearestRatio(1n, 3n, 0); // 0.3333333333333333
 */
export function nearestRatio(numerator: bigint, denominator: bigint, exponent: number): number {
  if (numerator === 0n) return 0;
  const magnitude = numerator < 0n ? -numerator : numerator;
  const shift = quotientBits - (bitLength(magnitude) - bitLength(denominator));
  const dividend = magnitude << BigInt(Math.max(0, shift));
  const divisor = denominator << BigInt(Math.max(0, -shift));
  let quotient = dividend / divisor;
  // The last bit stands for all that lie below it, so that a tie is one only if nothing does.
  if (quotient * divisor !== dividend) quotient |= 1n;
  const scale = exponent - shift;
  const half = Math.trunc(scale / 2);
  const result = Number(quotient) * 2 ** half * 2 ** (scale - half);
  return numerator < 0n ? -result : result;
}
