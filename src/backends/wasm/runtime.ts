import { isMemoryShared, kernelBuffer, kernelMemory } from "../../tensor/memory.ts";
import { all, frame } from "./binary/kernels.ts";
import { instantiate } from "./instance.ts";
import type { KernelPart } from "./link.ts";
import { createRunner, getThreads, type Runner } from "./threads/parallel.ts";

export { allocate, free, view } from "../../tensor/memory.ts";
export { pointerOf } from "../../tensor/tensor.ts";
export { getThreads, setThreads } from "./threads/parallel.ts";
export { scratchBytes } from "./threads/participant.ts";

let runner: Runner | undefined;
const provided = /* @__PURE__ */ new Set<KernelPart>(all);
let linked = 0;

/** Adds kernels to those that calls can use; without an effect for those that are there. */
export function provide(parts: readonly KernelPart[]): void {
  for (const part of parts) provided.add(part);
}

/** Runs a kernel over [0, items), on as many threads as `work`, the number of elements touched, is worth. */
export function parallel(kernel: string, args: readonly number[], items: number, work: number = items): void {
  currentRunner().parallel(kernel, args, items, work);
}

/** Threads that `parallel` uses at most. */
export function threadCount(): number {
  return getThreads();
}

/**
 * Starts the workers and resolves when they are up, to the number of threads that calls can use.
 *
 * Kernels work before that, on fewer threads; benchmarks and tests wait for it.
 */
export function threadsReady(): Promise<number> {
  return currentRunner().whenReady();
}

/** The memory's bytes now; growth replaces the buffer. */
export function memoryBuffer(): ArrayBufferLike {
  return kernelBuffer();
}

/** Memory, kernels and workers are made at the first use, so that importing the package costs nothing. */
function currentRunner(): Runner {
  if (runner === undefined || linked < provided.size) {
    // What was loaded later brings its kernels with it.
    runner?.close();
    runner = createRunner(instantiate({ frame, all: provided }, kernelMemory(), isMemoryShared()));
    linked = provided.size;
  }
  return runner;
}
