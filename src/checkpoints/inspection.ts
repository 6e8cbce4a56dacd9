import type { Finding } from "./health/finding.ts";
import type { ChannelTensor } from "./health/layerValues.ts";
import type { NormLayer } from "./normLayers.ts";
import type { Summary } from "./summary.ts";

/** What {@link LayerInspection.statistics} summarizes; `deviation` is sqrt(running variance), `scale` is |scale|. */
export type Quantity = ChannelTensor | "deviation" | "scale";

/** A normalization layer of a checkpoint: what it is, what its values are like, and what is wrong with it. */
export interface LayerInspection extends NormLayer {
  /** The eps that {@link LayerInspection.scale} was computed with; checkpoints do not hold it. */
  readonly eps: number;
  /** null if the checkpoint has none. */
  readonly numBatchesTracked: number | null;
  /** A summary for each tensor that is there and can be read. */
  readonly statistics: { readonly [Name in Quantity]?: Summary };
  /**
   * weight / sqrt(running variance + eps) for each channel; the weight if there are no running statistics. null if there
   * is neither, if they differ in size, or if the layers before have filled what is kept.
   */
  readonly scale: Float64Array | null;
  /** What is wrong with this layer, the worst first. */
  readonly findings: readonly Finding[];
}

/** Findings that differ only in the layer and its channels. */
export interface FindingGroup extends Pick<Finding, "rule" | "severity" | "why" | "fix"> {
  readonly findings: readonly Finding[];
}

/**
 * Puts findings together that say the same of several layers, in their order.
 *
 * @example
 * for (const { severity, rule, findings } of groupFindings(inspection.findings)) console.log(severity, rule, findings.length);
 */
export function groupFindings(findings: readonly Finding[]): FindingGroup[] {
  const groups = new Map<string, FindingGroup & { findings: Finding[] }>();
  for (const finding of findings) {
    const { rule, severity, why, fix } = finding;
    const key = JSON.stringify([rule, severity, why, fix]);
    const group = groups.get(key) ?? { rule, severity, why, fix, findings: [] };
    group.findings.push(finding);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** What {@link inspect} says of a checkpoint. */
export interface Inspection {
  /** Every normalization layer, in the order of the file; by name and number if that is sorted by name. */
  readonly layers: readonly LayerInspection[];
  /** The findings of all layers, the worst first. */
  readonly findings: readonly Finding[];
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
}
