import {
  type Checkpoint,
  lazyTensors,
  type NamedTensors,
  writeNpz,
  writeSafetensors,
} from "../checkpoints/index.ts";
import { progressBar } from "./progress.ts";

/** Writes a checkpoint to the path that the writer was made for. */
export type Writer = (tensors: Checkpoint) => Promise<void>;

/**
 * A writer by the name's ending, as a whole or not at all, so that the output may be the input.
 *
 * @throws RangeError if the name ends in neither .safetensors nor .npz
 */
export function writerFor(who: string, path: string): Writer {
  if (path.endsWith(".safetensors")) {
    return (tensors) =>
      withProgress(tensors, (lazy) => writeSafetensors(path, lazy, { metadata: tensors.metadata }));
  }
  if (path.endsWith(".npz")) return (tensors) => withProgress(tensors, (lazy) => writeNpz(path, lazy));
  throw new RangeError(`${who}: expected an output that ends in .safetensors or .npz, got ${path}`);
}

async function withProgress(
  tensors: Checkpoint,
  write: (lazy: NamedTensors) => Promise<void>,
): Promise<void> {
  const progress = progressBar("tensors", tensors.names.length);
  let read = 0;
  const counted = [...lazyTensors(tensors)].map(
    ([name, tensor]) =>
      [
        name,
        {
          ...tensor,
          async bytes() {
            const bytes = await tensor.bytes();
            progress.update(++read);
            return bytes;
          },
        },
      ] as const,
  );
  try {
    await write(counted);
  } finally {
    progress.stop();
  }
}
