const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The number that 16 bits of IEEE binary16 stand for. */
export function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The binary16 bits nearest to `value` (taken as float32), ties to even. */
export function numberToHalf(value: number): number {
  float[0] = value;
  const sign = (bits[0] >>> 16) & 0x8000;
  const magnitude = bits[0] & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 is half way between the largest half and the next power of two.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    const scaled = Math.abs(float[0]) * 2 ** 24;
    return sign | roundHalfToEven(scaled);
  }
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}

/** The number that 16 bits of bfloat16 stand for. */
export function bfloatToNumber(bfloat: number): number {
  bits[0] = bfloat << 16;
  return float[0];
}

/** The bfloat16 bits nearest to `value` (taken as float32), ties to even. */
export function numberToBfloat(value: number): number {
  float[0] = value;
  if (Number.isNaN(value)) return 0x7fc0;
  return (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16;
}

function roundHalfToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest > 0.5 || (rest === 0.5 && down % 2 === 1)) return down + 1;
  return down;
}
