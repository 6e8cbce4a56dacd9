export { type CalibrateDistributedOptions, calibrateDistributed } from "./calibrate.ts";
export { mpi } from "./mpi/mpi.ts";
export type { GroupOptions, ProcessGroup, Step } from "./processGroup.ts";
export { createGroup } from "./processGroup.ts";
export { SyncBatchNorm, type SyncBatchNormOptions, type SyncOptions } from "./syncBatchNorm.ts";
export { RankError } from "./together.ts";
export { AbsentError, type Transport } from "./transport.ts";
export type { RankModule } from "./workers/runRank.ts";
export { type WorkersOptions, workers } from "./workers.ts";
