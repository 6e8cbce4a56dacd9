import { allocate, free } from "../../../tensor/memory.ts";
import { describe } from "../../../tensor/shape.ts";
import type { Kernels } from "../instance.ts";
import { mostArguments, mostThreads, scratchBytes } from "./participant.ts";
import { availableThreads } from "./spawn.ts";
import { createTeam, type Team } from "./team.ts";

/** Elements for each thread below which handing a part to an awake worker costs more than it saves. */
const leastWorkPerThread = 16384;

/** Elements below which waking a worker that sleeps costs more than it saves. */
const leastWorkToWake = 131072;

/** Workers stay awake for callers whose calls follow each other within this time. */
const sequenceMilliseconds = 0.2;

/** How long a call waits for a worker in the middle of its part, at least, before it counts as lost. */
const defaultPatience = 5000;

/** Teams lost before any worker came up, after which no more are started. */
const mostStartFailures = 3;

/** Runs kernels, on several threads where that pays. */
export interface Runner {
  /**
   * Calls `kernel(...args, scratch, begin, end)` so that its ranges cover [0, items) once; each thread has
   * 64 KiB of scratch of its own, 64-byte aligned.
   *
   * @param work elements that the call touches; small calls stay on one thread. By default as many as it takes for all
   * @throws Error if the kernel traps, or a worker is lost in the middle of it; the next call works again
   */
  parallel(kernel: string, args: readonly number[], items: number, work?: number): void;
  /** Resolves when the workers are up, or cannot be: the number of threads that calls can use. */
  whenReady(): Promise<number>;
  /** Ends the workers and frees their scratch; the next call starts others. */
  close(): void;
  /** Stops the workers as a crash would; for tests. */
  terminateWorkers(): void;
}

let chosenThreads: number | undefined;

/**
 * Sets how many threads kernels use, the caller's included; results do not depend on it.
 *
 * @throws TypeError if it is not an integer; RangeError if it is not 1 to 64
 * @example
 * setThreads(1);
 */
export function setThreads(threads: number): void {
  chosenThreads = checkedThreads(threads);
}

/** Threads that kernels use at most; by default what the machine runs at once. */
export function getThreads(): number {
  chosenThreads ??= Math.min(availableThreads(), mostThreads);
  return chosenThreads;
}

/** A runner whose number of threads is set by {@link setThreads}. */
export function createRunner(
  kernels: Kernels,
  { patienceMilliseconds = defaultPatience }: { readonly patienceMilliseconds?: number } = {},
): Runner {
  const { exports } = kernels;
  const known = new Map(Object.entries(exports).map(([name, run], index) => [name, { index, run }]));
  let team: Team | undefined;
  let scratch = 0;
  let scratchParts = 0;
  let isBusy = false;
  let startFailures = 0;
  let lastWorthwhile = 0;

  function ensureScratch(parts: number): void {
    if (parts <= scratchParts) return;
    const made = allocate(parts * scratchBytes);
    if (scratchParts > 0) free(scratch);
    scratch = made;
    scratchParts = parts;
  }

  /** The team with as many workers as are allowed; undefined where there can be none. */
  function currentTeam(workers: number): Team | undefined {
    const why = team?.broken();
    if (team && why !== undefined) {
      if (team.ready() === 0) startFailures++;
      else startFailures = 0;
      team.dismiss();
      team = undefined;
      if (startFailures === mostStartFailures) {
        console.warn(`evenkeel: no worker could be started (${why}); computing on one thread`);
      }
    }
    if (startFailures >= mostStartFailures) return undefined;
    team ??= createTeam(kernels, patienceMilliseconds);
    if (team.workers < workers) team.enlarge(workers);
    return team;
  }

  function partsFor(work: number, items: number): number {
    const threads = getThreads();
    if (threads === 1 || items < 2 || !kernels.isShared || isBusy) return 1;
    const parts = Math.min(threads, items, Math.floor(work / leastWorkPerThread));
    if (parts < 2) return 1;
    if (work >= leastWorkToWake) return parts;
    const now = performance.now();
    const isSequence = now - lastWorthwhile < sequenceMilliseconds;
    lastWorthwhile = now;
    return isSequence || (team !== undefined && team.sleeping() < team.ready()) ? parts : 1;
  }

  return {
    parallel(kernel, args, items, work = Number.POSITIVE_INFINITY) {
      const named = known.get(kernel);
      if (named === undefined) throw new RangeError(`no kernel is named ${describe(kernel)}`);
      const parts = partsFor(work, items);
      const chosen = parts > 1 && args.length <= mostArguments ? currentTeam(parts - 1) : undefined;
      if (isBusy) {
        // A kernel that calls back into this function still uses its scratch.
        const own = allocate(scratchBytes);
        try {
          named.run(...args, own, 0, items);
        } finally {
          free(own);
        }
        return;
      }
      ensureScratch(chosen ? parts : 1);
      isBusy = true;
      try {
        if (chosen === undefined) named.run(...args, scratch, 0, items);
        else chosen.run(kernel, { kernel: named.index, args, items, parts, scratch });
      } finally {
        isBusy = false;
        lastWorthwhile = chosen ? performance.now() : lastWorthwhile;
      }
    },

    async whenReady() {
      if (getThreads() === 1 || !kernels.isShared) return 1;
      for (;;) {
        const current = currentTeam(getThreads() - 1);
        if (current === undefined) return 1;
        if (current.ready() >= getThreads() - 1) return getThreads();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },

    close() {
      team?.dismiss();
      team = undefined;
      if (scratchParts > 0) free(scratch);
      scratchParts = 0;
    },

    terminateWorkers() {
      team?.terminateWorkers();
    },
  };
}

function checkedThreads(threads: unknown): number {
  if (!Number.isInteger(threads)) {
    throw new TypeError(`setThreads: expected an integer, got ${describe(threads)}`);
  }
  const count = threads as number;
  if (count < 1 || count > mostThreads) {
    throw new RangeError(`setThreads: expected 1 to ${mostThreads} threads, got ${count}`);
  }
  return count;
}
