export { type BatchNormOptions, batchNorm, batchNormBackward } from "./batchNorm.ts";
export type { Gradients, NormOptions } from "./core.ts";
export { type GroupNormOptions, groupNorm, groupNormBackward } from "./groupNorm.ts";
export { type InstanceNormOptions, instanceNorm, instanceNormBackward } from "./instanceNorm.ts";
export { type LayerNormOptions, layerNorm, layerNormBackward } from "./layerNorm.ts";
export {
  type LocalResponseNormOptions,
  localResponseNorm,
  localResponseNormBackward,
} from "./localResponseNorm.ts";
export { type LpNormalizeOptions, lpNormalize, lpNormalizeBackward } from "./lpNormalize.ts";
export { type MomentsOptions, moments } from "./moments.ts";
export { type RMSNormOptions, rmsNorm, rmsNormBackward } from "./rmsNorm.ts";
export type { RunningOptions } from "./running.ts";
export type { TrailingNormOptions } from "./trailing.ts";
