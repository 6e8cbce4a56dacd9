import { storeFloat64, toFloat64 } from "../tensor/cast.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { finiteNumber, oneOf } from "./checks.ts";

/** How running statistics follow the batch's. */
export interface RunningOptions {
  /** Weight in the running average; of the new value by default. Default 0.1. */
  readonly momentum?: number | undefined;
  /**
   * Which value momentum weighs: "new" in PyTorch (`running = (1 - m) * running + m * batch`),
   * "old" in MegEngine, ONNX, Keras and TF.js (`running = m * running + (1 - m) * batch`). Default "new".
   */
  readonly momentumWeighs?: "new" | "old" | undefined;
  /** Divisor n - ddof of the running variance: 1 in PyTorch and MegEngine, 0 in ONNX, Keras, TF.js. Default 1. */
  readonly runningVarianceDdof?: 0 | 1 | undefined;
}

/** The weight of the new value. */
export function weightOfNew(who: string, { momentum = 0.1, momentumWeighs = "new" }: RunningOptions): number {
  const weight = finiteNumber(who, "momentum", momentum);
  return oneOf(who, "momentumWeighs", momentumWeighs, ["new", "old"]) === "new" ? weight : 1 - weight;
}

/** The ddof of the running variance. */
export function runningDdof(who: string, { runningVarianceDdof = 1 }: RunningOptions): 0 | 1 {
  return oneOf(who, "runningVarianceDdof", runningVarianceDdof, [0, 1]);
}

/** running = (1 - weight) * running + weight * batch / divisor, rounded once to the dtype of `running`. */
export function updateRunning(
  running: Tensor | null,
  batch: Float64Array,
  weight: number,
  divisor: number = 1,
): void {
  if (running === null) return;
  const { data, dtype } = running;
  const kept = 1 - weight;
  const gain = weight / divisor;
  if (dtype === "float32" || dtype === "float64") {
    for (let s = 0; s < batch.length; s++) data[s] = kept * data[s] + gain * batch[s];
    return;
  }
  const old = toFloat64(data, dtype);
  const updated = batch.map((value, s) => kept * old[s] + gain * value);
  storeFloat64(updated, data, dtype);
}
