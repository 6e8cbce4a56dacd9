// Sums of short runs over many samples: lane by lane over the samples first, then across each run once for up to 64 of them.
// `count` neighbouring runs of n elements are W = count * n columns of `rows` rows, `stride` bytes apart.
import { gradSumFour, gradSumOne, sumEight, sumOne } from "./columnLoops";
import { addWidened, lanesOf, lastLanes, least } from "./lanes";
import { isShort } from "./shortRuns";

/** Rows whose sums stay in T before they go on in float64: with the steps within a row, fewer additions than a chain of sums.ts. */
const chainRows: usize = 64;

/** Fewer rows do not repay the sums across the runs. */
const leastRows: usize = 8;

/** Columns taken together: two chains and a shift of each fit the first-level cache. */
const mostColumnBytes: usize = 8192;

/** Whether runs of n elements in `rows` rows are to be summed here; of float64, with two lanes, horizontal sums cost little. */
// @ts-ignore: decorator
@inline
export function isShortColumns<T>(n: usize, rows: usize): bool {
  return isShort<T>(n) && rows >= leastRows;
}

/** Runs taken together; work needs 3 * `mostColumnBytes`. */
// @ts-ignore: decorator
@inline
function runsTogether<T>(n: usize): usize {
  return ((mostColumnBytes - 16) / (n * sizeof<T>())) & ~3;
}

/** One value for each of n columns, n at least a vector. */
// @ts-ignore: decorator
@inline
function fillRun<T>(to: usize, n: usize, value: T): void {
  const v = v128.splat<T>(value);
  const last = to + n * sizeof<T>() - 16;
  for (; to < last; to += 16) v128.store(to, v);
  v128.store(last, v);
}

/**
 * Adds to the float64 pairs at `sums`, one for each of `count` runs of n columns, the sums of each run at `a` and of that
 * `mostColumnBytes` further. Columns that fill no vector were summed as one that ends with them, stored behind the whole ones.
 */
function addAcross<T>(a: usize, n: usize, count: usize, sums: usize): void {
  const bytes = n * sizeof<T>();
  const all = count * bytes;
  if (all & 15) {
    v128.store(a + all - 16, v128.load(a + (all & ~15)));
    v128.store(a + all - 16, v128.load(a + (all & ~15), mostColumnBytes), mostColumnBytes);
  }
  const rest = n & (lanesOf<T>() - 1);
  const mask = lastLanes<T>(rest);
  for (const stop = sums + (count << 4); sums < stop; sums += 16) {
    const end = a + bytes;
    let sum1 = f64x2.splat(0);
    let sum2 = sum1;
    if (rest) {
      sum1 = addWidened<T>(sum1, v128.and(v128.load(end - 16), mask));
      sum2 = addWidened<T>(sum2, v128.and(v128.load(end - 16, mostColumnBytes), mask));
    }
    for (; a + 64 <= end; a += 64) {
      sum1 = addWidened<T>(sum1, v128.add<T>(v128.add<T>(v128.load(a), v128.load(a, 16)), v128.add<T>(v128.load(a, 32), v128.load(a, 48))));
      const b = a + mostColumnBytes;
      sum2 = addWidened<T>(sum2, v128.add<T>(v128.add<T>(v128.load(b), v128.load(b, 16)), v128.add<T>(v128.load(b, 32), v128.load(b, 48))));
    }
    for (; a + 16 <= end; a += 16) {
      sum1 = addWidened<T>(sum1, v128.load(a));
      sum2 = addWidened<T>(sum2, v128.load(a, mostColumnBytes));
    }
    a = end;
    const pair = f64x2.add(v128.shuffle<i64>(sum1, sum2, 0, 2), v128.shuffle<i64>(sum1, sum2, 1, 3));
    v128.store(sums, f64x2.add(v128.load(sums), pair));
  }
}

/**
 * For each of `count` runs: the float64 pair at `sums` += sum(x - shift), sum((x - shift)^2) over the rows; `shifts` are float64.
 */
export function shortColumnSums<T>(x: usize, rows: usize, stride: usize, n: usize, count: usize, shifts: usize, sums: usize, work: usize): void {
  sumsOverRows<T>(x, 0, rows, stride, n, count, 1, shifts, sums, work, false);
}

/**
 * For each of `count` runs: the float64 pair at `sums` += sum(dy), sum(dy * (x - mean)) over the rows; `means` are float64, one
 * for each `channel` runs.
 */
export function shortColumnGradSums<T>(
  x: usize,
  dy: usize,
  rows: usize,
  stride: usize,
  n: usize,
  count: usize,
  channel: usize,
  means: usize,
  sums: usize,
  work: usize,
): void {
  sumsOverRows<T>(x, dy - x, rows, stride, n, count, channel, means, sums, work, true);
}

/** Both of them: `centers` are float64, one for each `channel` runs; dy is `toDy` bytes from x, and read if `graded`. */
// @ts-ignore: decorator
@inline
function sumsOverRows<T>(
  x: usize,
  toDy: usize,
  rows: usize,
  stride: usize,
  n: usize,
  count: usize,
  channel: usize,
  centers: usize,
  sums: usize,
  work: usize,
  graded: boolean,
): void {
  const together = runsTogether<T>(n);
  const a = work + mostColumnBytes;
  for (let done: usize = 0; done < count; done += together) {
    const runs = least(together, count - done);
    const bytes = runs * n * sizeof<T>();
    const whole = bytes & ~15;
    for (let i: usize = 0; i < runs; i++) {
      const center = graded ? (done + i) / channel : done + i;
      fillRun<T>(work + i * n * sizeof<T>(), n, <T>load<f64>(centers + (center << 3)));
    }
    let at = x + done * n * sizeof<T>();
    for (let left = rows; left > 0; ) {
      const taken = least(left, chainRows);
      memory.fill(a, 0, 2 * mostColumnBytes);
      let r: usize = 0;
      const step: usize = graded ? 4 : 8;
      for (; r + step <= taken; r += step, at += step * stride) {
        sumStep<T>(at, toDy, stride, whole, work, a, graded);
        if (bytes & 15) sumStep<T>(at + bytes - 16, toDy, stride, 16, work + bytes - 16, a + whole, graded);
      }
      for (; r < taken; r++, at += stride) {
        sumRow<T>(at, toDy, whole, work, a, graded);
        if (bytes & 15) sumRow<T>(at + bytes - 16, toDy, 16, work + bytes - 16, a + whole, graded);
      }
      addAcross<T>(a, n, runs, sums + (done << 4));
      left -= taken;
    }
  }
}

/** Four rows of a gradient, eight of x alone. */
// @ts-ignore: decorator
@inline
function sumStep<T>(x: usize, toDy: usize, stride: usize, bytes: usize, centers: usize, chain: usize, graded: boolean): void {
  if (graded) gradSumFour<T>(x, x + toDy, stride, bytes, centers, chain, mostColumnBytes);
  else sumEight<T>(x, stride, bytes, centers, chain, mostColumnBytes);
}

// @ts-ignore: decorator
@inline
function sumRow<T>(x: usize, toDy: usize, bytes: usize, centers: usize, chain: usize, graded: boolean): void {
  if (graded) gradSumOne<T>(x, x + toDy, bytes, centers, chain, mostColumnBytes);
  else sumOne<T>(x, bytes, centers, chain, mostColumnBytes);
}
