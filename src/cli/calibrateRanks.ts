import { openCheckpoint } from "../checkpoints/index.ts";
import { calibrateDistributed } from "../distributed/calibrate.ts";
import type { ProcessGroup } from "../distributed/processGroup.ts";
import { RankError, together } from "../distributed/together.ts";
import { activationsOf } from "./activations.ts";
import { samplesOf } from "./calibrateData.ts";
import { type CalibrateFlags, layerOf, statisticsOf, withStatistics } from "./calibrateLayer.ts";
import { report } from "./calibrateReport.ts";
import { writerFor } from "./checkpointWriter.ts";
import { progressBar } from "./progress.ts";

/**
 * `evenkeel calibrate --mpi`: each rank reads every size-th array; rank 0 shows how far all are, prints, and writes.
 *
 * What goes wrong on any rank ends all; rank 0 tells what, so that it is said once.
 */
export async function calibrateOnRanks(flags: CalibrateFlags, group: ProcessGroup): Promise<void> {
  const what = "evenkeel calibrate";
  const isFirst = group.rank === 0;
  let model: Awaited<ReturnType<typeof openCheckpoint>> | undefined;
  try {
    const write = flags.output === undefined ? undefined : writerFor("calibrate", flags.output);
    const opened = await onlyHere(group, `${what}: opening the files`, async () => {
      const data = await activationsOf(flags.data);
      model = await openCheckpoint(flags.model);
      return { data, model, found: await layerOf(model, flags, data[0].shape) };
    });
    const { data, found } = opened;
    const { layer, norm } = found;
    const before = statisticsOf(layer);
    const own = data.filter((_, array) => array % group.size === group.rank);
    const total = data.reduce((sum, { shape }) => sum + shape[0], 0);
    const progress = isFirst ? progressBar("samples", total, { isPiped: true }) : undefined;
    try {
      const result = await calibrateDistributed(layer, samplesOf(layer, own), {
        group,
        ddof: flags.ddof as 0 | 1,
        onProgress: ({ samples }) => progress?.update(samples),
      });
      progress?.stop();
      await onlyHere(group, `${what}: writing`, async () => {
        if (isFirst) await write?.(withStatistics(opened.model, layer, norm));
      });
      if (isFirst) report(flags, { found, before, result, resumedAt: 0, ranks: group.size });
    } finally {
      progress?.stop();
    }
  } catch (error) {
    // Rank 0 says what all know, and its exit code is the job's: mpirun ends the others as soon as one exits with an error.
    if (isFirst || !(error instanceof RankError)) throw error;
  } finally {
    await model?.close();
    group.close();
  }
}

/** A call whose result stays on this rank, and whose failure ends all. */
async function onlyHere<Result>(
  group: ProcessGroup,
  what: string,
  call: () => Promise<Result>,
): Promise<Result> {
  let result: Result | undefined;
  await together(group, { what }, async () => {
    result = await call();
  });
  return result as Result;
}
