// Vectors of T: 4 lanes of float32 or 2 of float64. Every kernel is written once for both.

/** Elements of T in one vector. */
// @ts-ignore: decorator
@inline
export function lanesOf<T>(): usize {
  return 16 / sizeof<T>();
}

// @ts-ignore: decorator
@inline
export function least(a: usize, b: usize): usize {
  return a < b ? a : b;
}

/** a * b + c, rounded twice: a fused operation would make the bits depend on the machine. */
// @ts-ignore: decorator
@inline
export function mulAdd<T>(a: v128, b: v128, c: v128): v128 {
  return v128.add<T>(v128.mul<T>(a, b), c);
}

/** The lower lanes of a vector as float64; of a float64 vector, itself. */
// @ts-ignore: decorator
@inline
export function widenLow<T>(v: v128): v128 {
  if (sizeof<T>() == 8) return v;
  return f64x2.promote_low_f32x4(v);
}

/** The upper lanes of a vector as float64; of a float64 vector, zeros, since `widenLow` has both. */
// @ts-ignore: decorator
@inline
export function widenHigh<T>(v: v128): v128 {
  if (sizeof<T>() == 8) return f64x2.splat(0);
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 0));
}

/** Adds all lanes of v to the two float64 lanes of sum. */
// @ts-ignore: decorator
@inline
export function addWidened<T>(sum: v128, v: v128): v128 {
  if (sizeof<T>() == 8) return f64x2.add(sum, v);
  return f64x2.add(sum, f64x2.add(widenLow<T>(v), widenHigh<T>(v)));
}

/** Sum of both lanes. */
// @ts-ignore: decorator
@inline
export function across(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** All bits set in the last `count` lanes, none in the others. */
// @ts-ignore: decorator
@inline
export function lastLanes<T>(count: usize): v128 {
  if (sizeof<T>() == 8) return i64x2.ge_s(i64x2(0, 1), i64x2.splat(2 - <i64>count));
  return i32x4.ge_s(i32x4(0, 1, 2, 3), i32x4.splat(4 - <i32>count));
}

/** Half a unit of the last place of 1: in values of about 1, less than this is lost in rounding. */
// @ts-ignore: decorator
@inline
export function roundingOf<T>(): f64 {
  return sizeof<T>() == 4 ? 5.9604644775390625e-8 : 1.1102230246251565e-16;
}
