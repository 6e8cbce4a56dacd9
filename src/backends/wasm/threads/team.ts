import { allocate, free } from "../../../tensor/memory.ts";
import type { Kernels } from "../instance.ts";
import {
  announce,
  type Call,
  controlBytes,
  failureOf,
  type Participant,
  participant,
  pendingPieces,
  readyWorkers,
  runParts,
  sleepingWorkers,
  sleepWhilePending,
  spinMilliseconds,
} from "./participant.ts";
import { spawn, type WorkerHandle } from "./spawn.ts";

/** Of the caller's own time in a call: what a worker may take beyond the patience before it counts as lost. */
const patienceFactor = 20;

/** Thrown where a worker was lost in the middle of a call. */
export class WorkerLostError extends Error {
  override readonly name = "WorkerLostError";
}

/** The caller and its workers, over one memory. */
export interface Team {
  /** Workers that were started, whether or not they are up yet. */
  readonly workers: number;
  /** Workers that are up. */
  ready(): number;
  /** Workers that a call would have to wake. */
  sleeping(): number;
  /** Why the team can no longer be used; undefined while it can. */
  broken(): unknown;
  /** Starts workers until there are this many. */
  enlarge(workers: number): void;
  /**
   * Runs a call's parts on all threads and returns when every part is finished.
   *
   * @throws Error if a kernel trapped; WorkerLostError if a worker did not finish in time
   */
  run(name: string, call: Call): void;
  /** Stops the workers as a crash would; for tests. */
  terminateWorkers(): void;
  /** Ends the workers. */
  dismiss(): void;
}

/**
 * A team without workers; `enlarge` starts them.
 *
 * @param patienceMilliseconds how long the caller waits, at least, for a worker that has taken a part
 */
export function createTeam(kernels: Kernels, patienceMilliseconds: number): Team {
  const control = allocate(controlBytes);
  new Uint8Array(kernels.memory.buffer, control, controlBytes).fill(0);
  const own = participant(kernels.memory, control, kernels.exports);
  const workers: WorkerHandle[] = [];
  let running = 0;
  let reason: unknown;
  let isDismissed = false;

  function lost(why: unknown): void {
    reason ??= why;
    running--;
    // A thread that still runs could write to the control block; it is free once all have ended.
    if (isDismissed && running === 0) free(control);
  }

  return {
    get workers() {
      return workers.length;
    },
    ready: () => readyWorkers(own),
    sleeping: () => sleepingWorkers(own),
    broken: () => reason,

    enlarge(count) {
      while (workers.length < count && reason === undefined) {
        const { module, memory } = kernels;
        const start = { module, memory, control, index: workers.length + 1 };
        let hasEnded = false;
        try {
          const worker = spawn(start, (why) => {
            if (!hasEnded) lost(why);
            hasEnded = true;
          });
          running++;
          workers.push(worker);
        } catch (error) {
          reason = error;
        }
      }
    },

    run(name, call) {
      const start = performance.now();
      const generation = announce(own, call);
      runParts(own, generation, 0);
      if (!awaitPieces(own, start, patienceMilliseconds)) {
        reason = new WorkerLostError(
          `a worker did not finish its part of kernel ${name} within ${Math.round(performance.now() - start)} ms`,
        );
        throw reason;
      }
      const failure = failureOf(own);
      if (failure !== undefined) throw new Error(`kernel ${name} failed: ${failure}`);
    },

    terminateWorkers() {
      for (const worker of workers) worker.terminate();
    },

    dismiss() {
      isDismissed = true;
      reason ??= new Error("dismissed");
      if (running === 0) free(control);
      for (const worker of workers) worker.terminate();
    },
  };
}

/** Waits for the pieces that others have taken; false if they take too long. */
function awaitPieces(own: Participant, start: number, patienceMilliseconds: number): boolean {
  if (pendingPieces(own) === 0) return true;
  const now = performance.now();
  const deadline = now + patienceMilliseconds + patienceFactor * (now - start);
  const spinEnd = canSleep() ? now + spinMilliseconds : deadline;
  do {
    for (let i = 0; i < 64; i++) if (pendingPieces(own) === 0) return true;
  } while (performance.now() < spinEnd);
  for (;;) {
    const pending = pendingPieces(own);
    if (pending === 0) return true;
    const left = deadline - performance.now();
    if (left <= 0) return false;
    sleepWhilePending(own, pending, left);
  }
}

/** A browser's main thread may not sleep; the others' parts end about when the caller's own does. */
function canSleep(): boolean {
  return !("document" in globalThis);
}
