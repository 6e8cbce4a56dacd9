export { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormLayerOptions } from "./batchNorm.ts";
export { GroupNorm, type GroupNormLayerOptions } from "./groupNorm.ts";
export {
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type InstanceNormLayerOptions,
} from "./instanceNorm.ts";
export { type CallOptions, Layer, type LayerOptions, type Layout } from "./layer.ts";
export { LayerNorm, type LayerNormLayerOptions } from "./layerNorm.ts";
export { CrossMapLRN2d, LocalResponseNorm, type LocalResponseNormLayerOptions } from "./localResponseNorm.ts";
export { Parameter } from "./parameter.ts";
export { RMSNorm, type RMSNormLayerOptions } from "./rmsNorm.ts";
export type { RunningNorm, RunningNormOptions } from "./runningNorm.ts";
export type { LoadOptions, LoadResult, StateDict, StateDictLike } from "./stateDict.ts";
