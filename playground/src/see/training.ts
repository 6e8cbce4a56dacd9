import { BatchNorm2d, InstanceNorm2d, tensor } from "evenkeel";
import type { Codec } from "../urlState.ts";
import type { Extents } from "./norms.ts";

/** What a layer is in during one step. */
export const modes = ["train", "eval", "freeze"] as const;
export type Mode = (typeof modes)[number];

/** Steps one after the other, in runs of one mode. */
export type History = readonly { readonly mode: Mode; readonly steps: number }[];

/** Steps that the plot has room for. */
export const mostSteps = 200;

/** `train20.eval10`; `none` before the first step. */
export const historyCodec: Codec<History> = {
  format: (history) => history.map(({ mode, steps }) => `${mode}${steps}`).join(".") || "none",
  parse: (text) => {
    if (text === "none") return [];
    const runs = text.split(".").map((run) => /^(train|eval|freeze)(\d{1,3})$/.exec(run));
    if (runs.some((run) => run === null)) return undefined;
    const history = runs.map((run) => ({ mode: run?.[1] as Mode, steps: Number(run?.[2]) }));
    return history.reduce((sum, { steps }) => sum + steps, 0) <= mostSteps ? history : undefined;
  },
};

/** One step of a layer that keeps running statistics, seen at one channel. */
export interface Step {
  /** 0: before the first. */
  readonly step: number;
  /** null before the first. */
  readonly mode: Mode | null;
  readonly runningMean: number;
  readonly runningVar: number;
  /** The mean that y was normalized with; null before the first. */
  readonly usedMean: number | null;
}

/**
 * Runs a layer over batches of `pool`, drawn in a fixed order, and reads one channel before the first step and after each.
 *
 * @param pool activations (N, C, H, W)
 * @param momentum weight of the new value
 */
export function runSteps(
  kind: "batch" | "instance",
  pool: Float32Array,
  [samples, channels, height, width]: Extents,
  {
    history,
    momentum,
    channel,
    batch,
  }: { history: History; momentum: number; channel: number; batch: number },
): Step[] {
  const Kind = kind === "batch" ? BatchNorm2d : InstanceNorm2d;
  const layer = new Kind(channels, { momentum, affine: false, trackRunningStats: true });
  const read = (values: { readonly data: ArrayLike<number | bigint> } | null): number =>
    Number(values?.data[channel]);
  const steps: Step[] = [
    {
      step: 0,
      mode: null,
      runningMean: read(layer.runningMean),
      runningVar: read(layer.runningVar),
      usedMean: null,
    },
  ];
  const perSample = channels * height * width;
  let drawn = 0;
  for (const { mode, steps: count } of history) {
    layer.unfreeze();
    layer.train(mode !== "eval");
    if (mode === "freeze") layer.freeze();
    for (let i = 0; i < count; i++) {
      const data = new Float32Array(batch * perSample);
      for (let n = 0; n < batch; n++) {
        // 7 and 24 have no common factor: every sample comes up.
        const from = ((drawn++ * 7) % samples) * perSample;
        data.set(pool.subarray(from, from + perSample), n * perSample);
      }
      const usesBatch = mode === "train";
      const before = read(layer.runningMean);
      const x = tensor(data, [batch, channels, height, width]);
      layer.forward(x);
      steps.push({
        step: steps.length,
        mode,
        runningMean: read(layer.runningMean),
        runningVar: read(layer.runningVar),
        usedMean: usesBatch ? meanOf(data, channel, channels, height * width) : before,
      });
    }
  }
  return steps;
}

function meanOf(data: Float32Array, channel: number, channels: number, positions: number): number {
  let sum = 0;
  let count = 0;
  for (let start = channel * positions; start < data.length; start += channels * positions) {
    for (let i = 0; i < positions; i++, count++) sum += data[start + i] as number;
  }
  return sum / count;
}
