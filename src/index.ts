export { type BackendName, getBackend, setBackend } from "./backends/select.ts";
export * as functional from "./functional/index.ts";
export * from "./layers/index.ts";
export { type Moments, mergeMoments } from "./plan/moments.ts";
export type { DataOf, DType, FloatType, TypedArray } from "./tensor/dtype.ts";
export {
  empty,
  type NestedNumbers,
  Tensor,
  type TensorLike,
  type TensorOptions,
  tensor,
} from "./tensor/tensor.ts";
