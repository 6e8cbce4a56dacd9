export { type BackendName, getBackend, setBackend } from "./backends/select.ts";
export { getThreads, setThreads, threadsReady } from "./backends/wasm/runtime.ts";
export * as functional from "./functional/index.ts";
export * from "./layers/index.ts";
export { type Moments, mergeMoments } from "./plan/moments.ts";
export type { DataOf, DType, FloatType, TypedArray } from "./tensor/dtype.ts";
export { type MemoryUsage, memoryUsage } from "./tensor/memory.ts";
export type { NestedNumbers } from "./tensor/nested.ts";
export {
  empty,
  Tensor,
  type TensorLike,
  type TensorOptions,
  tensor,
} from "./tensor/tensor.ts";
