export {
  type ExactStatistics,
  type StatisticsAccumulator,
  statisticsAccumulator,
} from "../plan/exactStatistics.ts";
export type { StatisticsKind, StatisticsSet, StatisticsState } from "../plan/statisticsState.ts";
export { type CalibrateOptions, calibrate } from "./calibrate.ts";
export {
  type CalibrateMethod,
  type CalibrateResult,
  type Calibration,
  type CalibrationOptions,
  type CalibrationProgress,
  type CalibrationState,
  calibration,
} from "./calibration.ts";
export type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
export {
  type Convention,
  type ConventionRules,
  conventions,
  isConvention,
  type NormKind,
  type NormRole,
} from "./conventions.ts";
export { type Conversion, type ConvertOptions, convert, type PerLayer } from "./convert.ts";
export type { Change } from "./convertLayer.ts";
export { type FoldedPair, type FoldResult, fold, type RefusedPair } from "./fold.ts";
export {
  type FoldableNorm,
  type FoldKind,
  type FoldLayout,
  foldBatchNorm,
} from "./foldBatchNorm.ts";
export type { FoldError } from "./foldError.ts";
export type { FoldOptions } from "./foldOptions.ts";
export type { FoundBy } from "./foldPairs.ts";
export { type Finding, type RuleName, ruleNames, type Severity } from "./health/finding.ts";
export { type InspectOptions, inspect } from "./inspect.ts";
export {
  type FindingGroup,
  groupFindings,
  type Inspection,
  type LayerInspection,
  type Quantity,
} from "./inspection.ts";
export { type InspectionPlot, layerPlots, networkPlots, quantityTitles } from "./inspectionPlots.ts";
export { type LazyTensor, lazyTensors, type NamedTensors } from "./namedTensors.ts";
export { findNormLayers, type NormLayer } from "./normLayers.ts";
export { type NpyFile, openNpy, readNpy } from "./npy.ts";
export { encodeNpy, writeNpy } from "./npyWrite.ts";
export { openNpz } from "./npz.ts";
export { encodeNpz, type NpzWriteOptions, writeNpz } from "./npzWrite.ts";
export { openCheckpoint } from "./openCheckpoint.ts";
export { openPt, type PtFile } from "./pt.ts";
export { openSafetensors, readSafetensors, type SafetensorsFile } from "./safetensors.ts";
export type { SafetensorsDType, SafetensorsEntry } from "./safetensorsHeader.ts";
export { type IndexOptions, openSafetensorsIndex } from "./safetensorsIndex.ts";
export { type ShardOptions, writeSafetensorsShards } from "./safetensorsShards.ts";
export {
  encodeSafetensors,
  type SafetensorsWriteOptions,
  streamSafetensors,
  writeSafetensors,
} from "./safetensorsWrite.ts";
export { type ByteSource, openSource, type SourceLike } from "./source.ts";
export type { Histogram, Spread, Summary } from "./summary.ts";
export type { LayerConfiguration, OptionValue } from "./targetConfiguration.ts";
