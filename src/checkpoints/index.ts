export type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
export {
  type Convention,
  type ConventionRules,
  conventions,
  isConvention,
  type NormKind,
  type NormRole,
} from "./conventions.ts";
export { type Finding, type RuleName, ruleNames, type Severity } from "./health/finding.ts";
export { type InspectOptions, inspect } from "./inspect.ts";
export type { Inspection, LayerInspection, Quantity } from "./inspection.ts";
export { findNormLayers, type NormLayer } from "./normLayers.ts";
export { type NpyFile, openNpy, readNpy } from "./npy.ts";
export { encodeNpy, writeNpy } from "./npyWrite.ts";
export { openSafetensors, readSafetensors, type SafetensorsFile } from "./safetensors.ts";
export type { SafetensorsDType, SafetensorsEntry } from "./safetensorsHeader.ts";
export { type ByteSource, openSource, type SourceLike } from "./source.ts";
export type { Histogram, Spread, Summary } from "./summary.ts";
