import { createGroup, type GroupOptions, type ProcessGroup } from "../processGroup.ts";
import { loadMpi } from "./library.ts";
import { mpiTransport } from "./transport.ts";

let group: ProcessGroup | undefined;

/**
 * The ranks that `mpirun` started, joined by Open MPI; a process that was started alone is rank 0 of 1.
 *
 * The library is `libmpi.so.40`, or what EVENKEEL_MPI_LIBRARY names; the optional package koffi calls it. Collectives
 * block the event loop until all ranks have come, for at most `timeout` seconds.
 *
 * @throws Error if koffi or Open MPI cannot be loaded, or the group of this process is closed already
 * @example
 * // mpirun -n 4 node train.js
 * const group = await mpi();
 * const bn = new SyncBatchNorm(64, { group });
 * group.close();
 */
export async function mpi(options: GroupOptions = {}): Promise<ProcessGroup> {
  if (group !== undefined) throw new Error("mpi: this process has its group already; MPI can be joined once");
  const transport = mpiTransport(await loadMpi());
  group = createGroup(transport, options);
  // mpirun ends the job when a rank dies: SIGTERM first, so that the others can still tell why they stop.
  process.once("SIGTERM", () => {
    console.error(`rank ${transport.rank} of ${transport.size}: ended by the launcher (SIGTERM)`);
    process.exit(143);
  });
  group.barrier({ what: "mpi: joining" });
  return group;
}
