export type { Checkpoint, CheckpointEntry } from "./checkpoint.ts";
export { type NpyFile, openNpy, readNpy } from "./npy.ts";
export { encodeNpy, writeNpy } from "./npyWrite.ts";
export { openSafetensors, readSafetensors, type SafetensorsFile } from "./safetensors.ts";
export type { SafetensorsDType, SafetensorsEntry } from "./safetensorsHeader.ts";
export { type ByteSource, openSource, type SourceLike } from "./source.ts";
