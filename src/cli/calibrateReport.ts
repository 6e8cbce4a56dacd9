import type { CalibrateResult } from "../checkpoints/index.ts";
import { toJson } from "./arrays.ts";
import { type CalibrateFlags, type FoundLayer, type Statistics, statisticsOf } from "./calibrateLayer.ts";

/** What a calibration is told of. */
export interface Outcome {
  readonly found: FoundLayer;
  /** The statistics that the checkpoint held. */
  readonly before: Statistics;
  readonly result: CalibrateResult;
  /** Samples that an interrupted run had seen before. */
  readonly resumedAt: number;
  /** Processes that shared the data. */
  readonly ranks: number;
}

/** Prints what came out, as text or as JSON. */
export function report(
  { layer: name, json, output, method }: CalibrateFlags,
  { found, before, result, resumedAt, ranks }: Outcome,
): void {
  const { layer, norm } = found;
  const { kind, kindBy } = norm;
  const after = statisticsOf(layer);
  const { samples, batches } = result;
  if (json) {
    const statistics = { running_mean: after.mean, running_var: after.variance };
    const summary = {
      layer: name,
      module: String(layer),
      method,
      samples,
      resumedAt,
      ranks,
      output: output ?? null,
    };
    console.log(toJson({ ...summary, numBatchesTracked: layer.numBatchesTracked, ...statistics }));
    return;
  }
  const doubt =
    kindBy === "guess" ? `; taken for a ${kind}, which its keys and name do not tell: see --type` : "";
  console.log(`${name}: ${layer}${doubt}`);
  const shared = ranks === 1 ? "" : ` on ${ranks} ranks`;
  const split = method === "precise" ? "" : ` in ${batches} batches`;
  console.log(
    `${method} over ${samples} samples${shared}${split}${resumedAt > 0 ? `, the first ${resumedAt} before` : ""}`,
  );
  const shifts = after.mean.map((mean, c) => Math.abs(mean - before.mean[c]) / Math.sqrt(before.variance[c]));
  const ratios = after.variance.map((variance, c) => variance / before.variance[c]);
  console.log(`mean moved by up to ${Math.max(0, ...shifts).toPrecision(3)} deviations`);
  console.log(
    `variance times ${Math.min(...ratios).toPrecision(4)} to ${Math.max(...ratios).toPrecision(4)}`,
  );
  console.log(output === undefined ? "nothing written; say --output" : `${output}: written`);
}
