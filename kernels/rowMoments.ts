// Mean and M2 of one contiguous row, in one reading of it.
import { lanesOf } from "./lanes";
import { averageOf, finishMoments, finishSquares, middle, sampleMean, sampleStep } from "./moments";
import { plainSums, shiftedSums, squareSum } from "./sums";

/** Leaves mean and M2 of n elements in `mean` and `m2` of moments.ts. */
// @ts-ignore: decorator
@inline
export function rowMoments<T>(x: usize, n: usize, centered: i32): void {
  if (sizeof<T>() == 4 && !centered) return finishSquares<T>(squareSum<T>(x, n), x, 1, 0, n);
  const shift = centered ? shiftOf<T>(x, n) : <T>0;
  const isPlain = sizeof<T>() == 4 && shift == 0 && n >= lanesOf<T>();
  finishRow<T>(isPlain ? plainSums<T>(x, n) : shiftedSums<T>(x, n, shift, 0, f64x2.splat(0)), shift, x, n, centered);
}

/** The same from the row's sums about `shift`; not centered, from the second, of squares. */
export function finishRow<T>(sums: v128, shift: T, x: usize, n: usize, centered: i32): void {
  const second = f64x2.extract_lane(sums, 1);
  if (centered) finishMoments<T>(f64x2.extract_lane(sums, 0), second, <f64>shift, x, 1, 0, n);
  else finishSquares<T>(second, x, 1, 0, n);
}

/**
 * A value near the mean, from 4 vectors of the row: 0 where that is near enough, since x - 0 needs no
 * subtraction. Near enough is half a standard deviation or so, 4 values being about 2 of them apart. Of equal elements
 * it is exactly their value.
 */
export function shiftOf<T>(x: usize, n: usize): T {
  const lanes = lanesOf<T>();
  if (n < 4 * lanes) return sampleMean<T>(x, 1, 0, n);
  const step = sampleStep<T>(n);
  const v0 = v128.load(x);
  const v1 = v128.load(x + step);
  const v2 = v128.load(x + 2 * step);
  const v3 = v128.load(x + 3 * step);
  const range = v128.sub<T>(
    v128.max<T>(v128.max<T>(v0, v1), v128.max<T>(v2, v3)),
    v128.min<T>(v128.min<T>(v0, v1), v128.min<T>(v2, v3)),
  );
  const center = averageOf<T>(middle<T>(v0, v1, v2, v3));
  return abs<T>(center) < <T>0.25 * averageOf<T>(range) ? <T>0 : center;
}
