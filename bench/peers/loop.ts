import { type Case, elementsOf, eps, isColumns, isTrailing, momentum, parametersOf } from "../cases.ts";
import type { Inputs } from "../inputs.ts";
import { backwardColumns, columnMoments, normalizeColumns } from "./loopColumns.ts";
import { type Peer, type Prepared, repeatCall } from "./peer.ts";

/** Plain loops over typed arrays, as one writes them by hand: two passes for the statistics, one to normalize. */
export async function open(): Promise<Peer> {
  return { version: `node ${process.versions.node}`, prepare };
}

/** Where the elements of one statistic are: `runs` stretches of `length` elements, `stride` apart. */
interface Walk {
  readonly statistics: number;
  readonly runs: number;
  readonly stride: number;
  readonly length: number;
  /** First element of a statistic. */
  readonly start: (s: number) => number;
  /** Parameter of element j of a run of statistic s: parameterStart(s) + floor(j / perParameter). */
  readonly parameterStart: (s: number) => number;
  readonly perParameter: number;
}

function prepare(c: Case, inputs: Inputs): Prepared {
  const walk = walkOf(c);
  const y = new Float32Array(inputs.x.length);
  const dx = new Float32Array(inputs.dy.length);
  const dWeight = new Float32Array(inputs.weight.length);
  const dBias = new Float32Array(inputs.weight.length);
  const mean = new Float64Array(walk.statistics);
  const rstd = new Float64Array(walk.statistics);
  const centered = c.layer !== "RMSNorm";
  const bias = centered ? inputs.bias : new Float32Array(inputs.bias.length);
  const runningMean = inputs.runningMean.slice();
  const runningVar = inputs.runningVar.slice();
  const columns = isColumns(c);
  const isBatchNorm = c.layer.startsWith("BatchNorm");
  const call = () => {
    if (c.mode === "eval") {
      for (let s = 0; s < walk.statistics; s++) {
        mean[s] = runningMean[s] as number;
        rstd[s] = 1 / Math.sqrt((runningVar[s] as number) + eps);
      }
    } else {
      if (columns) columnMoments(inputs.x, mean, rstd);
      else moments(walk, inputs.x, centered, mean, rstd);
      if (isBatchNorm) updateRunning(walk, mean, rstd, runningMean, runningVar);
    }
    if (columns) normalizeColumns(inputs, mean, rstd, y);
    else normalize(walk, inputs.x, mean, rstd, inputs.weight, bias, y);
    if (c.mode !== "forward+backward") return;
    if (columns) backwardColumns(inputs, mean, rstd, dx, dWeight, dBias);
    else {
      dWeight.fill(0);
      dBias.fill(0);
      backward(walk, inputs, centered, mean, rstd, dx, dWeight, dBias);
    }
  };
  return {
    repeat: repeatCall(call),
    results() {
      call();
      if (c.mode !== "forward+backward") return { y };
      return { y, dx, dWeight, ...(centered && { dBias }) };
    },
  };
}

function walkOf(c: Case): Walk {
  const { shape } = c;
  const elements = elementsOf(c);
  const channels = parametersOf(c);
  if (isTrailing(c)) {
    const start = (s: number) => s * channels;
    const first = { statistics: elements / channels, runs: 1, stride: 0, length: channels };
    return { ...first, start, parameterStart: () => 0, perParameter: 1 };
  }
  if (isColumns(c)) {
    const same = (s: number) => s;
    const length = elements / channels;
    const first = { statistics: channels, runs: 1, stride: 0, length };
    return { ...first, start: same, parameterStart: same, perParameter: length };
  }
  const batch = shape[0] as number;
  const plane = elements / batch / channels;
  if (c.layer.startsWith("BatchNorm")) {
    const start = (s: number) => s * plane;
    const first = { statistics: channels, runs: batch, stride: channels * plane, length: plane };
    return { ...first, start, parameterStart: (s) => s, perParameter: plane };
  }
  const groups = c.groups ?? channels;
  const length = (channels / groups) * plane;
  const parameterStart = (s: number) => (s % groups) * (channels / groups);
  const first = { statistics: batch * groups, runs: 1, stride: 0, length };
  return { ...first, start: (s) => s * length, parameterStart, perParameter: plane };
}

function moments(
  walk: Walk,
  x: Float32Array,
  centered: boolean,
  mean: Float64Array,
  rstd: Float64Array,
): void {
  const { statistics, runs, stride, length } = walk;
  const count = runs * length;
  for (let s = 0; s < statistics; s++) {
    const start = walk.start(s);
    let sum = 0;
    if (centered) {
      for (let r = 0; r < runs; r++) {
        let i = start + r * stride;
        for (let j = 0; j < length; j++, i++) sum += x[i] as number;
      }
    }
    const m = sum / count;
    let squares = 0;
    for (let r = 0; r < runs; r++) {
      let i = start + r * stride;
      for (let j = 0; j < length; j++, i++) {
        const d = (x[i] as number) - m;
        squares += d * d;
      }
    }
    mean[s] = m;
    rstd[s] = 1 / Math.sqrt(squares / count + eps);
  }
}

function normalize(
  walk: Walk,
  x: Float32Array,
  mean: Float64Array,
  rstd: Float64Array,
  weight: Float32Array,
  bias: Float32Array,
  y: Float32Array,
): void {
  const { statistics, runs, stride, length, perParameter } = walk;
  for (let s = 0; s < statistics; s++) {
    const m = mean[s] as number;
    const r1 = rstd[s] as number;
    for (let r = 0; r < runs; r++) {
      let i = walk.start(s) + r * stride;
      let p = walk.parameterStart(s);
      for (let from = 0; from < length; from += perParameter, p++) {
        const scale = (weight[p] as number) * r1;
        const shift = bias[p] as number;
        for (let j = 0; j < perParameter; j++, i++) y[i] = ((x[i] as number) - m) * scale + shift;
      }
    }
  }
}

function backward(
  walk: Walk,
  { x, dy, weight }: Inputs,
  centered: boolean,
  mean: Float64Array,
  rstd: Float64Array,
  dx: Float32Array,
  dWeight: Float32Array,
  dBias: Float32Array,
): void {
  const { statistics, runs, stride, length, perParameter } = walk;
  const count = runs * length;
  for (let s = 0; s < statistics; s++) {
    const m = mean[s] as number;
    const r1 = rstd[s] as number;
    let sumG = 0;
    let sumGXhat = 0;
    for (let r = 0; r < runs; r++) {
      let i = walk.start(s) + r * stride;
      let p = walk.parameterStart(s);
      for (let from = 0; from < length; from += perParameter, p++) {
        const w = weight[p] as number;
        let sumDy = 0;
        let sumDyXhat = 0;
        for (let j = 0; j < perParameter; j++, i++) {
          const d = dy[i] as number;
          sumDy += d;
          sumDyXhat += d * ((x[i] as number) - m) * r1;
        }
        dWeight[p] = (dWeight[p] as number) + sumDyXhat;
        dBias[p] = (dBias[p] as number) + sumDy;
        sumG += w * sumDy;
        sumGXhat += w * sumDyXhat;
      }
    }
    const meanG = centered ? sumG / count : 0;
    const meanGXhat = sumGXhat / count;
    for (let r = 0; r < runs; r++) {
      let i = walk.start(s) + r * stride;
      let p = walk.parameterStart(s);
      for (let from = 0; from < length; from += perParameter, p++) {
        const w = weight[p] as number;
        for (let j = 0; j < perParameter; j++, i++) {
          const xhat = ((x[i] as number) - m) * r1;
          dx[i] = r1 * (w * (dy[i] as number) - meanG - xhat * meanGXhat);
        }
      }
    }
  }
}

function updateRunning(
  walk: Walk,
  mean: Float64Array,
  rstd: Float64Array,
  runningMean: Float32Array,
  runningVar: Float32Array,
): void {
  const count = walk.runs * walk.length;
  for (let s = 0; s < walk.statistics; s++) {
    const variance = ((1 / (rstd[s] as number) ** 2 - eps) * count) / (count - 1);
    runningMean[s] = (1 - momentum) * (runningMean[s] as number) + momentum * (mean[s] as number);
    runningVar[s] = (1 - momentum) * (runningVar[s] as number) + momentum * variance;
  }
}
