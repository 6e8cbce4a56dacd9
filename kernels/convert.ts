// 16-bit storage: float16 and bfloat16 to float32 and back, to the nearest, ties to even. An item is an element.

/** The float32 of IEEE binary16 bits. */
// @ts-ignore: decorator
@inline
function halfToFloat(half: u32): f32 {
  const sign = (half & 0x8000) << 16;
  const magnitude = half & 0x7fff;
  // Shifted into float32's fields the exponent is 112 too small; multiplying by 2^112 mends that for subnormals too.
  const value = reinterpret<f32>(magnitude << 13) * reinterpret<f32>(0x77800000);
  const bits = magnitude >= 0x7c00 ? (magnitude << 13) | 0x7f800000 : reinterpret<u32>(value);
  return reinterpret<f32>(sign | bits);
}

/** The binary16 bits nearest to a float32. */
// @ts-ignore: decorator
@inline
function floatToHalf(value: f32): u32 {
  const bits = reinterpret<u32>(value);
  const sign = (bits >> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 is half way between the largest half and the next power of two.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Adding 0.5 leaves a multiple of 2^-24, the step of subnormal halves, in the last bits, rounded to even.
  if (magnitude < 0x38800000) return sign | (reinterpret<u32>(reinterpret<f32>(magnitude) + 0.5) - 0x3f000000);
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >> 13) & 1)) >> 13);
}

/** float32 `to` of float16 `from`. */
export function widenHalf(from: usize, to: usize, scratch: usize, begin: usize, end: usize): void {
  for (let i = begin; i < end; i++) store<f32>(to + (i << 2), halfToFloat(load<u16>(from + (i << 1))));
}

/** float16 `to` of float32 `from`. */
export function narrowHalf(from: usize, to: usize, scratch: usize, begin: usize, end: usize): void {
  for (let i = begin; i < end; i++) store<u16>(to + (i << 1), <u16>floatToHalf(load<f32>(from + (i << 2))));
}

/** float32 `to` of bfloat16 `from`. */
export function widenBfloat(from: usize, to: usize, scratch: usize, begin: usize, end: usize): void {
  for (let i = begin; i < end; i++) store<u32>(to + (i << 2), <u32>load<u16>(from + (i << 1)) << 16);
}

/** bfloat16 `to` of float32 `from`. */
export function narrowBfloat(from: usize, to: usize, scratch: usize, begin: usize, end: usize): void {
  for (let i = begin; i < end; i++) {
    const bits = load<u32>(from + (i << 2));
    const rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    store<u16>(to + (i << 1), <u16>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded));
  }
}
