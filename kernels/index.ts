// The WebAssembly module: every kernel for float32 (F32) and float64 (F64).
// A kernel works on items [begin, end); scratch is a block of 64 KiB that no other thread uses.
import { planesForward, planesSegments, planesMerge, planesNormalize } from "./planesForward";
import { planesBackward, planesGradSegments, planesGradMerge, planesGradCoefficients, planesGradInput } from "./planesBackward";
import { rowsForward, rowsNormalize } from "./rowsForward";
import { rowsBackward } from "./rowsBackward";
import { columnsShift, columnsSums, columnsMoments, columnsCoefficients, columnsNormalize } from "./columnsForward";
import { columnsMeans, columnsGradSums, columnsGradMerge, columnsGradCoefficients, columnsGradInput } from "./columnsBackward";

export { narrowBfloat, narrowHalf, widenBfloat, widenHalf } from "./convert";
import { tilesBackward, tilesForward } from "./tiles";
import { expandParameters } from "./expand";
export { mergePairs, mergeSums } from "./merge";

export function planesForwardF32(x: usize, y: usize, weight: usize, bias: usize, mean: usize, m2: usize, rstd: usize, pool: usize, group: usize, channel: usize, inner: usize, block: usize, ahead: i32, centered: i32, eps: f64, scratch: usize, begin: usize, end: usize): void {
  planesForward<f32>(x, y, weight, bias, mean, m2, rstd, pool, group, channel, inner, block, ahead, centered, eps, scratch, begin, end);
}

export function planesForwardF64(x: usize, y: usize, weight: usize, bias: usize, mean: usize, m2: usize, rstd: usize, pool: usize, group: usize, channel: usize, inner: usize, block: usize, ahead: i32, centered: i32, eps: f64, scratch: usize, begin: usize, end: usize): void {
  planesForward<f64>(x, y, weight, bias, mean, m2, rstd, pool, group, channel, inner, block, ahead, centered, eps, scratch, begin, end);
}

export function planesSegmentsF32(x: usize, sums: usize, pool: usize, group: usize, chunk: usize, centered: i32, scratch: usize, begin: usize, end: usize): void {
  planesSegments<f32>(x, sums, pool, group, chunk, centered, scratch, begin, end);
}

export function planesSegmentsF64(x: usize, sums: usize, pool: usize, group: usize, chunk: usize, centered: i32, scratch: usize, begin: usize, end: usize): void {
  planesSegments<f64>(x, sums, pool, group, chunk, centered, scratch, begin, end);
}

export function planesMergeF32(x: usize, sums: usize, mean: usize, m2: usize, rstd: usize, pool: usize, group: usize, chunk: usize, centered: i32, eps: f64, scratch: usize, begin: usize, end: usize): void {
  planesMerge<f32>(x, sums, mean, m2, rstd, pool, group, chunk, centered, eps, scratch, begin, end);
}

export function planesMergeF64(x: usize, sums: usize, mean: usize, m2: usize, rstd: usize, pool: usize, group: usize, chunk: usize, centered: i32, eps: f64, scratch: usize, begin: usize, end: usize): void {
  planesMerge<f64>(x, sums, mean, m2, rstd, pool, group, chunk, centered, eps, scratch, begin, end);
}

export function planesNormalizeF32(x: usize, y: usize, weight: usize, bias: usize, mean: usize, rstd: usize, pool: usize, group: usize, channel: usize, inner: usize, scratch: usize, begin: usize, end: usize): void {
  planesNormalize<f32>(x, y, weight, bias, mean, rstd, pool, group, channel, inner, scratch, begin, end);
}

export function planesNormalizeF64(x: usize, y: usize, weight: usize, bias: usize, mean: usize, rstd: usize, pool: usize, group: usize, channel: usize, inner: usize, scratch: usize, begin: usize, end: usize): void {
  planesNormalize<f64>(x, y, weight, bias, mean, rstd, pool, group, channel, inner, scratch, begin, end);
}

export function planesBackwardF32(x: usize, dy: usize, dx: usize, weight: usize, mean: usize, rstd: usize, sums: usize, pool: usize, group: usize, channel: usize, inner: usize, block: usize, ahead: i32, centered: i32, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  planesBackward<f32>(x, dy, dx, weight, mean, rstd, sums, pool, group, channel, inner, block, ahead, centered, fixed, scratch, begin, end);
}

export function planesBackwardF64(x: usize, dy: usize, dx: usize, weight: usize, mean: usize, rstd: usize, sums: usize, pool: usize, group: usize, channel: usize, inner: usize, block: usize, ahead: i32, centered: i32, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  planesBackward<f64>(x, dy, dx, weight, mean, rstd, sums, pool, group, channel, inner, block, ahead, centered, fixed, scratch, begin, end);
}

export function planesGradSegmentsF32(x: usize, dy: usize, mean: usize, sums: usize, pool: usize, group: usize, channel: usize, inner: usize, scratch: usize, begin: usize, end: usize): void {
  planesGradSegments<f32>(x, dy, mean, sums, pool, group, channel, inner, scratch, begin, end);
}

export function planesGradSegmentsF64(x: usize, dy: usize, mean: usize, sums: usize, pool: usize, group: usize, channel: usize, inner: usize, scratch: usize, begin: usize, end: usize): void {
  planesGradSegments<f64>(x, dy, mean, sums, pool, group, channel, inner, scratch, begin, end);
}

export function planesGradMergeF32(parts: usize, mean: usize, rstd: usize, sums: usize, pool: usize, group: usize, channel: usize, inner: usize, scratch: usize, begin: usize, end: usize): void {
  planesGradMerge<f32>(parts, mean, rstd, sums, pool, group, channel, inner, scratch, begin, end);
}

export function planesGradMergeF64(parts: usize, mean: usize, rstd: usize, sums: usize, pool: usize, group: usize, channel: usize, inner: usize, scratch: usize, begin: usize, end: usize): void {
  planesGradMerge<f64>(parts, mean, rstd, sums, pool, group, channel, inner, scratch, begin, end);
}

export function planesGradCoefficientsF32(weight: usize, mean: usize, rstd: usize, sums: usize, coefficients: usize, group: usize, channel: usize, count: f64, centered: i32, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  planesGradCoefficients<f32>(weight, mean, rstd, sums, coefficients, group, channel, count, centered, fixed, scratch, begin, end);
}

export function planesGradCoefficientsF64(weight: usize, mean: usize, rstd: usize, sums: usize, coefficients: usize, group: usize, channel: usize, count: f64, centered: i32, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  planesGradCoefficients<f64>(weight, mean, rstd, sums, coefficients, group, channel, count, centered, fixed, scratch, begin, end);
}

export function planesGradInputF32(x: usize, dy: usize, dx: usize, mean: usize, coefficients: usize, pool: usize, group: usize, channel: usize, inner: usize, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  planesGradInput<f32>(x, dy, dx, mean, coefficients, pool, group, channel, inner, fixed, scratch, begin, end);
}

export function planesGradInputF64(x: usize, dy: usize, dx: usize, mean: usize, coefficients: usize, pool: usize, group: usize, channel: usize, inner: usize, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  planesGradInput<f64>(x, dy, dx, mean, coefficients, pool, group, channel, inner, fixed, scratch, begin, end);
}

export function rowsForwardF32(x: usize, y: usize, weight: usize, bias: usize, mean: usize, m2: usize, rstd: usize, group: usize, D: usize, centered: i32, near: i32, eps: f64, scratch: usize, begin: usize, end: usize): void {
  rowsForward<f32>(x, y, weight, bias, mean, m2, rstd, group, D, centered, near, eps, scratch, begin, end);
}

export function rowsForwardF64(x: usize, y: usize, weight: usize, bias: usize, mean: usize, m2: usize, rstd: usize, group: usize, D: usize, centered: i32, near: i32, eps: f64, scratch: usize, begin: usize, end: usize): void {
  rowsForward<f64>(x, y, weight, bias, mean, m2, rstd, group, D, centered, near, eps, scratch, begin, end);
}

export function rowsNormalizeF32(x: usize, y: usize, weight: usize, bias: usize, mean: usize, rstd: usize, group: usize, D: usize, near: i32, scratch: usize, begin: usize, end: usize): void {
  rowsNormalize<f32>(x, y, weight, bias, mean, rstd, group, D, near, scratch, begin, end);
}

export function rowsNormalizeF64(x: usize, y: usize, weight: usize, bias: usize, mean: usize, rstd: usize, group: usize, D: usize, near: i32, scratch: usize, begin: usize, end: usize): void {
  rowsNormalize<f64>(x, y, weight, bias, mean, rstd, group, D, near, scratch, begin, end);
}

export function rowsBackwardF32(x: usize, dy: usize, dx: usize, weight: usize, mean: usize, rstd: usize, parameterSums: usize, batch: usize, group: usize, channel: usize, inner: usize, block: usize, centered: i32, near: i32, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  rowsBackward<f32>(x, dy, dx, weight, mean, rstd, parameterSums, batch, group, channel, inner, block, centered, near, fixed, scratch, begin, end);
}

export function rowsBackwardF64(x: usize, dy: usize, dx: usize, weight: usize, mean: usize, rstd: usize, parameterSums: usize, batch: usize, group: usize, channel: usize, inner: usize, block: usize, centered: i32, near: i32, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  rowsBackward<f64>(x, dy, dx, weight, mean, rstd, parameterSums, batch, group, channel, inner, block, centered, near, fixed, scratch, begin, end);
}

export function columnsShiftF32(x: usize, frames: usize, pool: usize, group: usize, chunk: usize, fold: usize, blockRows: usize, centered: i32, scratch: usize, begin: usize, end: usize): void {
  columnsShift<f32>(x, frames, pool, group, chunk, fold, blockRows, centered, scratch, begin, end);
}

export function columnsShiftF64(x: usize, frames: usize, pool: usize, group: usize, chunk: usize, fold: usize, blockRows: usize, centered: i32, scratch: usize, begin: usize, end: usize): void {
  columnsShift<f64>(x, frames, pool, group, chunk, fold, blockRows, centered, scratch, begin, end);
}

export function columnsSumsF32(x: usize, frames: usize, pool: usize, width: usize, fold: usize, blockRows: usize, scratch: usize, begin: usize, end: usize): void {
  columnsSums<f32>(x, frames, pool, width, fold, blockRows, scratch, begin, end);
}

export function columnsSumsF64(x: usize, frames: usize, pool: usize, width: usize, fold: usize, blockRows: usize, scratch: usize, begin: usize, end: usize): void {
  columnsSums<f64>(x, frames, pool, width, fold, blockRows, scratch, begin, end);
}

export function columnsMomentsF32(x: usize, frames: usize, mean: usize, m2: usize, rstd: usize, weight: usize, bias: usize, pool: usize, group: usize, channel: usize, inner: usize, fold: usize, blocks: usize, centered: i32, coefficients: i32, eps: f64, scratch: usize, begin: usize, end: usize): void {
  columnsMoments<f32>(x, frames, mean, m2, rstd, weight, bias, pool, group, channel, inner, fold, blocks, centered, coefficients, eps, scratch, begin, end);
}

export function columnsMomentsF64(x: usize, frames: usize, mean: usize, m2: usize, rstd: usize, weight: usize, bias: usize, pool: usize, group: usize, channel: usize, inner: usize, fold: usize, blocks: usize, centered: i32, coefficients: i32, eps: f64, scratch: usize, begin: usize, end: usize): void {
  columnsMoments<f64>(x, frames, mean, m2, rstd, weight, bias, pool, group, channel, inner, fold, blocks, centered, coefficients, eps, scratch, begin, end);
}

export function columnsCoefficientsF32(frames: usize, weight: usize, bias: usize, mean: usize, rstd: usize, group: usize, channel: usize, inner: usize, fold: usize, blocks: usize, scratch: usize, begin: usize, end: usize): void {
  columnsCoefficients<f32>(frames, weight, bias, mean, rstd, group, channel, inner, fold, blocks, scratch, begin, end);
}

export function columnsCoefficientsF64(frames: usize, weight: usize, bias: usize, mean: usize, rstd: usize, group: usize, channel: usize, inner: usize, fold: usize, blocks: usize, scratch: usize, begin: usize, end: usize): void {
  columnsCoefficients<f64>(frames, weight, bias, mean, rstd, group, channel, inner, fold, blocks, scratch, begin, end);
}

export function columnsNormalizeF32(x: usize, y: usize, frames: usize, pool: usize, width: usize, fold: usize, blockRows: usize, together: usize, scratch: usize, begin: usize, end: usize): void {
  columnsNormalize<f32>(x, y, frames, pool, width, fold, blockRows, together, scratch, begin, end);
}

export function columnsNormalizeF64(x: usize, y: usize, frames: usize, pool: usize, width: usize, fold: usize, blockRows: usize, together: usize, scratch: usize, begin: usize, end: usize): void {
  columnsNormalize<f64>(x, y, frames, pool, width, fold, blockRows, together, scratch, begin, end);
}

export function columnsMeansF32(frames: usize, mean: usize, group: usize, chunk: usize, fold: usize, blocks: usize, scratch: usize, begin: usize, end: usize): void {
  columnsMeans<f32>(frames, mean, group, chunk, fold, blocks, scratch, begin, end);
}

export function columnsMeansF64(frames: usize, mean: usize, group: usize, chunk: usize, fold: usize, blocks: usize, scratch: usize, begin: usize, end: usize): void {
  columnsMeans<f64>(frames, mean, group, chunk, fold, blocks, scratch, begin, end);
}

export function columnsGradSumsF32(x: usize, dy: usize, frames: usize, pool: usize, width: usize, fold: usize, blockRows: usize, scratch: usize, begin: usize, end: usize): void {
  columnsGradSums<f32>(x, dy, frames, pool, width, fold, blockRows, scratch, begin, end);
}

export function columnsGradSumsF64(x: usize, dy: usize, frames: usize, pool: usize, width: usize, fold: usize, blockRows: usize, scratch: usize, begin: usize, end: usize): void {
  columnsGradSums<f64>(x, dy, frames, pool, width, fold, blockRows, scratch, begin, end);
}

export function columnsGradMergeF32(frames: usize, weight: usize, mean: usize, rstd: usize, sums: usize, gradients: usize, count: usize, group: usize, channel: usize, inner: usize, fold: usize, blocks: usize, centered: i32, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  columnsGradMerge<f32>(frames, weight, mean, rstd, sums, gradients, count, group, channel, inner, fold, blocks, centered, fixed, scratch, begin, end);
}

export function columnsGradMergeF64(frames: usize, weight: usize, mean: usize, rstd: usize, sums: usize, gradients: usize, count: usize, group: usize, channel: usize, inner: usize, fold: usize, blocks: usize, centered: i32, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  columnsGradMerge<f64>(frames, weight, mean, rstd, sums, gradients, count, group, channel, inner, fold, blocks, centered, fixed, scratch, begin, end);
}

export function columnsGradCoefficientsF32(frames: usize, gradients: usize, group: usize, channel: usize, inner: usize, fold: usize, blocks: usize, scratch: usize, begin: usize, end: usize): void {
  columnsGradCoefficients<f32>(frames, gradients, group, channel, inner, fold, blocks, scratch, begin, end);
}

export function columnsGradCoefficientsF64(frames: usize, gradients: usize, group: usize, channel: usize, inner: usize, fold: usize, blocks: usize, scratch: usize, begin: usize, end: usize): void {
  columnsGradCoefficients<f64>(frames, gradients, group, channel, inner, fold, blocks, scratch, begin, end);
}

export function columnsGradInputF32(x: usize, dy: usize, dx: usize, frames: usize, pool: usize, width: usize, fold: usize, blockRows: usize, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  columnsGradInput<f32>(x, dy, dx, frames, pool, width, fold, blockRows, fixed, scratch, begin, end);
}

export function columnsGradInputF64(x: usize, dy: usize, dx: usize, frames: usize, pool: usize, width: usize, fold: usize, blockRows: usize, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  columnsGradInput<f64>(x, dy, dx, frames, pool, width, fold, blockRows, fixed, scratch, begin, end);
}

export function tilesForwardF32(x: usize, y: usize, weight: usize, bias: usize, mean: usize, m2: usize, rstd: usize, pool: usize, group: usize, channel: usize, inner: usize, block: usize, centered: i32, eps: f64, scratch: usize, begin: usize, end: usize): void {
  tilesForward<f32>(x, y, weight, bias, mean, m2, rstd, pool, group, channel, inner, block, centered, eps, scratch, begin, end);
}

export function tilesForwardF64(x: usize, y: usize, weight: usize, bias: usize, mean: usize, m2: usize, rstd: usize, pool: usize, group: usize, channel: usize, inner: usize, block: usize, centered: i32, eps: f64, scratch: usize, begin: usize, end: usize): void {
  tilesForward<f64>(x, y, weight, bias, mean, m2, rstd, pool, group, channel, inner, block, centered, eps, scratch, begin, end);
}

export function tilesBackwardF32(x: usize, dy: usize, dx: usize, weight: usize, mean: usize, rstd: usize, sums: usize, pool: usize, group: usize, channel: usize, inner: usize, block: usize, centered: i32, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  tilesBackward<f32>(x, dy, dx, weight, mean, rstd, sums, pool, group, channel, inner, block, centered, fixed, scratch, begin, end);
}

export function tilesBackwardF64(x: usize, dy: usize, dx: usize, weight: usize, mean: usize, rstd: usize, sums: usize, pool: usize, group: usize, channel: usize, inner: usize, block: usize, centered: i32, fixed: i32, scratch: usize, begin: usize, end: usize): void {
  tilesBackward<f64>(x, dy, dx, weight, mean, rstd, sums, pool, group, channel, inner, block, centered, fixed, scratch, begin, end);
}

export function expandParametersF32(from: usize, to: usize, inner: usize, scratch: usize, begin: usize, end: usize): void {
  expandParameters<f32>(from, to, inner, scratch, begin, end);
}

export function expandParametersF64(from: usize, to: usize, inner: usize, scratch: usize, begin: usize, end: usize): void {
  expandParameters<f64>(from, to, inner, scratch, begin, end);
}
