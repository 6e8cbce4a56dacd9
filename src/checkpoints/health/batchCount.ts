import { type Finding, finding, wholeLayer } from "./finding.ts";
import type { LayerValues } from "./layerValues.ts";
import { isInitial } from "./neverUpdated.ts";

/**
 * A num_batches_tracked that does not go with the statistics.
 *
 * Only a layer that is known to be a batch norm is held to it: PyTorch's instance norm never counts.
 */
export function batchCount(layer: LayerValues): Finding[] {
  const { name, kind, kindBy, numBatchesTracked, runningMean, runningVar } = layer;
  if (numBatchesTracked === null) return [];
  if (!Number.isInteger(numBatchesTracked) || numBatchesTracked < 0) {
    return [
      finding(name, "batch-count", "warning", wholeLayer, {
        found: `num_batches_tracked is ${numBatchesTracked}`,
        why: "It counts batches; with momentum null it is what new statistics are divided by",
        fix: "Set it to 0, or drop it: eval mode does not read it",
      }),
    ];
  }
  const hasStatistics = runningMean !== null && runningVar !== null;
  const mayCount = kind === "BatchNorm" && kindBy !== "guess";
  if (numBatchesTracked > 0 || !hasStatistics || !mayCount || isInitial(layer)) return [];
  return [
    finding(name, "batch-count", "note", wholeLayer, {
      found: "num_batches_tracked is 0, but the running statistics are not those of a new layer",
      why: "Eval mode does not care, but training on with momentum null would forget the statistics at the first batch",
      fix: "Nothing for inference; before training on with momentum null, set it to the number of batches the statistics come from",
    }),
  ];
}
