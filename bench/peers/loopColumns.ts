import { eps } from "../cases.ts";
import type { Inputs } from "../inputs.ts";

/** Mean and rstd of each column of (rows, columns): row by row, for that is how memory lies. */
export function columnMoments(x: Float32Array, mean: Float64Array, rstd: Float64Array): void {
  const columns = mean.length;
  const rows = x.length / columns;
  mean.fill(0);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++) mean[c] = (mean[c] as number) + (x[i] as number);
  }
  for (let c = 0; c < columns; c++) mean[c] = (mean[c] as number) / rows;
  rstd.fill(0);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++) {
      const d = (x[i] as number) - (mean[c] as number);
      rstd[c] = (rstd[c] as number) + d * d;
    }
  }
  for (let c = 0; c < columns; c++) rstd[c] = 1 / Math.sqrt((rstd[c] as number) / rows + eps);
}

/** y = (x - mean) * rstd * weight + bias, row by row. */
export function normalizeColumns(
  { x, weight, bias }: Inputs,
  mean: Float64Array,
  rstd: Float64Array,
  y: Float32Array,
): void {
  const columns = mean.length;
  const scale = rstd.map((each, c) => each * (weight[c] as number));
  for (let i = 0; i < x.length; ) {
    for (let c = 0; c < columns; c++, i++) {
      y[i] = ((x[i] as number) - (mean[c] as number)) * (scale[c] as number) + (bias[c] as number);
    }
  }
}

/** dx, dWeight and dBias of a batch norm over columns. */
export function backwardColumns(
  { x, dy, weight }: Inputs,
  mean: Float64Array,
  rstd: Float64Array,
  dx: Float32Array,
  dWeight: Float32Array,
  dBias: Float32Array,
): void {
  const columns = mean.length;
  const rows = x.length / columns;
  const sumDy = new Float64Array(columns);
  const sumDyXhat = new Float64Array(columns);
  for (let i = 0; i < x.length; ) {
    for (let c = 0; c < columns; c++, i++) {
      const d = dy[i] as number;
      sumDy[c] = (sumDy[c] as number) + d;
      sumDyXhat[c] = (sumDyXhat[c] as number) + d * ((x[i] as number) - (mean[c] as number));
    }
  }
  for (let c = 0; c < columns; c++) {
    sumDyXhat[c] = (sumDyXhat[c] as number) * (rstd[c] as number);
    dWeight[c] = sumDyXhat[c] as number;
    dBias[c] = sumDy[c] as number;
  }
  const scale = rstd.map((each, c) => each * (weight[c] as number));
  const meanDy = sumDy.map((sum) => sum / rows);
  const slope = sumDyXhat.map((sum, c) => (sum / rows) * (rstd[c] as number));
  for (let i = 0; i < x.length; ) {
    for (let c = 0; c < columns; c++, i++) {
      const centered = (x[i] as number) - (mean[c] as number);
      dx[i] =
        (scale[c] as number) * ((dy[i] as number) - (meanDy[c] as number) - centered * (slope[c] as number));
    }
  }
}
