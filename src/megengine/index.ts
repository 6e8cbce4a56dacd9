export { BatchNorm1d, BatchNorm2d, type BatchNormOptions } from "./batchNorm.ts";
export {
  type AffineNormOptions,
  GeneralNorm,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  LocalResponseNorm,
  type LocalResponseNormOptions,
} from "./norms.ts";
