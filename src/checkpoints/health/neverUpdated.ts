import { type Finding, finding, wholeLayer } from "./finding.ts";
import type { LayerValues } from "./layerValues.ts";

/** Whether running statistics are as a new layer has them: all means 0 and all variances 1. */
export function isInitial({ runningMean, runningVar }: LayerValues): boolean {
  if (runningMean === null || runningVar === null) return false;
  return runningMean.every((mean) => mean === 0) && runningVar.every((variance) => variance === 1);
}

/** Whether weight and bias are as a new layer has them: one weight throughout, and bias 0. */
function isAffineInitial({ weight, bias }: LayerValues): boolean {
  // Residual networks start some layers at weight 0 instead of 1.
  const isFlat =
    weight === null || weight.every((value) => value === weight[0] && (value === 0 || value === 1));
  return isFlat && (bias === null || bias.every((value) => value === 0));
}

/** Running statistics that are as they began, although the layer was trained; a note if it was not. */
export function neverUpdated(layer: LayerValues): Finding[] {
  if (layer.runningVar?.length === 0 || !isInitial(layer)) return [];
  const { name, numBatchesTracked } = layer;
  const counted = numBatchesTracked !== null && numBatchesTracked > 0;
  const found = "running_mean is 0 and running_var is 1 in every channel, as in a new layer";
  if (!counted && isAffineInitial(layer)) {
    return [
      finding(name, "never-updated", "note", wholeLayer, {
        found,
        why: "Weight and bias are new as well: the layer is not trained yet",
        fix: "Nothing, if this checkpoint is meant to be a start",
      }),
    ];
  }
  return [
    finding(name, "never-updated", "warning", wholeLayer, {
      found: counted ? `${found}, although ${numBatchesTracked} batches were counted` : found,
      why: "In eval mode the layer does not normalize, so that the network computes something else than in training",
      fix: "Recompute the statistics with evenkeel calibrate; in the training code, look for a layer left in eval mode, momentum 0, or statistics that a wrapper did not copy back. If the statistics were folded into weight and bias, all is well",
    }),
  ];
}
