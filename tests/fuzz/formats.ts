import type { FuzzFormat } from "./format.ts";
import { safetensors } from "./jsonHeader.ts";
import { npy, npz } from "./npyHeaders.ts";
import { pt } from "./pickles.ts";

/** Every format that the harness knows, by name. */
export const formats: ReadonlyMap<string, FuzzFormat> = new Map(
  [safetensors, npy, npz, pt].map((format) => [format.name, format]),
);
