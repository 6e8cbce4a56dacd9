import {
  type Checkpoint,
  type Convention,
  type Conversion,
  convert,
  type FoldedPair,
  fold,
  type InspectionPlot,
  inspect,
  type LayerInspection,
  lazyTensors,
  networkPlots,
  openCheckpoint,
  type RefusedPair,
  streamSafetensors,
} from "evenkeel/checkpoints";
import type { OnProgress } from "../tasks/progress.ts";

/** What a dropped file holds. */
export interface Inspected {
  readonly tensors: number;
  readonly layers: readonly LayerInspection[];
  readonly plots: readonly InspectionPlot[];
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
}

/** Every normalization layer of a file and its health; `width` of the plots in pixels. */
export function inspectFile(
  { file, width }: { readonly file: Blob; readonly width: number },
  onProgress: OnProgress,
): Promise<Inspected> {
  return withCheckpoint(file, async (checkpoint) => {
    const { findings: _, ...inspection } = await inspect(checkpoint, { onProgress });
    return { ...inspection, tensors: checkpoint.names.length, plots: networkPlots(inspection, width) };
  });
}

/** A fold, and the file that it makes. */
export interface Folded {
  readonly folded: readonly FoldedPair[];
  readonly refused: readonly RefusedPair[];
  readonly result: Blob;
}

/** Folds the batch normalizations of a file; `eps` of all of them, or by name. */
export function foldFile({
  file,
  eps,
}: {
  readonly file: Blob;
  readonly eps: number | Readonly<Record<string, number>>;
}): Promise<Folded> {
  return withCheckpoint(file, async (checkpoint) => {
    const { tensors, folded, refused } = await fold(checkpoint, { eps });
    return { folded, refused, result: await written(tensors) };
  });
}

/** A conversion, and the file that it makes. */
export interface Converted extends Omit<Conversion, "tensors"> {
  readonly result: Blob;
}

/** Converts the normalization layers of a file to another framework's convention. */
export function convertFile({
  file,
  to,
}: {
  readonly file: Blob;
  readonly to: Convention;
}): Promise<Converted> {
  return withCheckpoint(file, async (checkpoint) => {
    const { tensors, ...conversion } = await convert(checkpoint, { to });
    return { ...conversion, result: await written(tensors) };
  });
}

async function withCheckpoint<T>(file: Blob, use: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
  const checkpoint = await openCheckpoint(file);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** A safetensors file in parts, which the browser may keep on disk. */
async function written(tensors: Checkpoint): Promise<Blob> {
  const { metadata } = tensors;
  const parts: Blob[] = [];
  for await (const part of streamSafetensors(lazyTensors(tensors), { metadata })) {
    parts.push(new Blob([part as BlobPart]));
  }
  return new Blob(parts);
}
