import { sizeOf, sizeText } from "../../tensor/shape.ts";
import type { CheckpointEntry } from "../checkpoint.ts";
import type { NormLayer } from "../normLayers.ts";
import { type SafetensorsDType, tensorDType } from "../safetensorsHeader.ts";
import { type Finding, finding, wholeLayer } from "./finding.ts";
import { channelTensors } from "./layerValues.ts";

/**
 * Elements of a tensor that are read at most: a layer norm over (64, 512, 512) has as many. A file that names a larger
 * one is more likely damaged, and to inspect it takes 40 bytes for each element.
 */
export const largestTensor: number = 2 ** 24;

/** Whether the values of a tensor are read. */
export function isReadable({ dtype, shape }: CheckpointEntry): boolean {
  return tensorDType(dtype) !== undefined && sizeOf(shape) <= largestTensor;
}

/** Says which tensors are not inspected: of a dtype that no tensor holds, or too large. */
export function unreadable(layer: NormLayer, entries: ReadonlyMap<string, CheckpointEntry>): Finding[] {
  return Object.values(layer.keys).flatMap((key) => {
    const entry = entries.get(key);
    if (entry === undefined || isReadable(entry)) return [];
    const what = tensorDType(entry.dtype) === undefined ? dtypeText(entry.dtype) : sizeText(entry.shape);
    return finding(layer.name, "unreadable", "warning", wholeLayer, {
      found: `${key} is ${what}, which is not inspected`,
      why: "Nothing can be said about its values",
      fix: `Convert it to float32, with at most ${largestTensor} elements`,
    });
  });
}

function dtypeText(dtype: SafetensorsDType): string {
  return `of dtype ${dtype}`;
}

/** A layer's tensors must have one size, as each channel has one value of each. */
export function sizeMismatch(layer: NormLayer, entries: ReadonlyMap<string, CheckpointEntry>): Finding[] {
  const sizes = channelTensors.flatMap((role) => {
    const key = layer.keys[role];
    const entry = key === undefined ? undefined : entries.get(key);
    return key === undefined || entry === undefined ? [] : [{ key, size: sizeOf(entry.shape) }];
  });
  if (new Set(sizes.map(({ size }) => size)).size <= 1) return [];
  return [
    finding(layer.name, "size-mismatch", "error", wholeLayer, {
      found: `The tensors differ in size: ${sizes.map(({ key, size }) => `${key} has ${size}`).join(", ")}`,
      why: "Each channel needs one value of each, so that no framework loads this layer",
      fix: "Look for a tensor of another layer under this name, or for a pruned layer of which one tensor was left whole",
    }),
  ];
}

/** A running mean without a running variance, or the other way round. */
export function missingStatistics({ name, keys }: NormLayer): Finding[] {
  const hasMean = keys.runningMean !== undefined;
  if (hasMean === (keys.runningVar !== undefined)) return [];
  const [there, absent] = hasMean
    ? ["running mean", "running variance"]
    : ["running variance", "running mean"];
  return [
    finding(name, "missing-statistics", "error", wholeLayer, {
      found: `There is a ${there} but no ${absent}`,
      why: "Without both, the layer cannot normalize in eval mode",
      fix: `Restore the ${absent} from the checkpoint this one was made of, or recompute both with evenkeel calibrate`,
    }),
  ];
}
