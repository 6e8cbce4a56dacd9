import { workerSource } from "../binary/worker.ts";
import type { WorkerStart } from "./participant.ts";

/** A running worker. */
export interface WorkerHandle {
  /** Stops it, in the middle of a kernel too. */
  terminate(): void;
}

interface NodeWorker {
  on(event: "error" | "exit", listener: (reason: unknown) => void): void;
  unref(): void;
  terminate(): Promise<number>;
}

interface NodeThreads {
  readonly Worker: new (
    source: string,
    options: { eval: true; workerData: WorkerStart; execArgv: string[]; name: string },
  ) => NodeWorker;
}

interface BrowserWorker {
  onerror: ((event: { message?: string }) => void) | null;
  postMessage(message: WorkerStart): void;
  terminate(): void;
}

interface Host {
  readonly process?: { readonly getBuiltinModule?: (name: string) => unknown };
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly Worker?: new (url: string) => BrowserWorker;
  readonly URL: { createObjectURL(blob: unknown): string; revokeObjectURL(url: string): void };
  readonly Blob: new (parts: readonly string[], options: { type: string }) => unknown;
}

const host = globalThis as unknown as Host;

/** Threads that the machine runs at once. */
export function availableThreads(): number {
  const os = builtin("node:os") as { availableParallelism?: () => number } | undefined;
  return os?.availableParallelism?.() ?? host.navigator?.hardwareConcurrency ?? 1;
}

/**
 * Starts a worker, which does not keep the process alive; `lost` is told, later, why it failed or ended.
 *
 * @throws whatever the host throws where workers are forbidden
 */
export function spawn(start: WorkerStart, lost: (reason: unknown) => void): WorkerHandle {
  const threads = builtin("node:worker_threads") as NodeThreads | undefined;
  return threads ? spawnInNode(threads, start, lost) : spawnInBrowser(start, lost);
}

/** Node's own modules without an import, which bundlers for browsers would stumble over. */
function builtin(name: string): unknown {
  return host.process?.getBuiltinModule?.(name);
}

function spawnInNode(
  { Worker }: NodeThreads,
  start: WorkerStart,
  lost: (reason: unknown) => void,
): WorkerHandle {
  const worker = new Worker(workerSource, { eval: true, workerData: start, execArgv: [], name: "evenkeel" });
  worker.on("error", lost);
  worker.on("exit", (code) => lost(new Error(`worker exited with code ${code}`)));
  worker.unref();
  return { terminate: () => void worker.terminate() };
}

function spawnInBrowser(start: WorkerStart, lost: (reason: unknown) => void): WorkerHandle {
  if (host.Worker === undefined) throw new Error("this host has no workers");
  const url = host.URL.createObjectURL(new host.Blob([workerSource], { type: "text/javascript" }));
  const worker = new host.Worker(url);
  worker.onerror = ({ message }) => lost(new Error(message ?? "worker failed"));
  worker.postMessage(start);
  // Revoked late: Safari loads the source after the constructor has returned.
  setTimeout(() => host.URL.revokeObjectURL(url), 10_000);
  return { terminate: () => worker.terminate() };
}
