import type { Checkpoint } from "./checkpoint.ts";
import { openSafetensors } from "./safetensors.ts";
import type { SourceLike } from "./source.ts";

/**
 * Opens a checkpoint of whatever format, told by its content and not by its name.
 *
 * @throws as {@link openSafetensors}
 * @example
 * const file = await openCheckpoint("model.safetensors");
 */
export async function openCheckpoint(source: SourceLike): Promise<Checkpoint> {
  return openSafetensors(source);
}
