export type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
export { type LazyTensor, lazyTensors, type NamedTensors } from "./namedTensors.ts";
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
