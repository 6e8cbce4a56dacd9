import { proxy, wrap } from "comlink";
import type { OnProgress } from "./progress.ts";
import type { Tasks } from "./tasks.ts";

/** What a task is given. */
export type Input<Name extends keyof Tasks> = Tasks[Name] extends (
  input: infer I,
  ...rest: never[]
) => unknown
  ? I
  : never;
/** What it gives. */
export type Output<Name extends keyof Tasks> = Tasks[Name] extends (...args: never[]) => infer R
  ? Awaited<R>
  : never;

/**
 * Runs a task in a worker of its own, which aborting the signal ends at once, in the middle of any loop. No progress is
 * told once it is over.
 *
 * @throws DOMException "AbortError" if the signal is aborted; whatever the task throws
 */
export async function run<Name extends keyof Tasks>(
  name: Name,
  input: Input<Name>,
  { onProgress, signal }: { readonly onProgress?: OnProgress; readonly signal?: AbortSignal } = {},
): Promise<Output<Name>> {
  signal?.throwIfAborted();
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  let isOver = false;
  // It comes through a port of its own, and so may come after the result.
  const tell: OnProgress = (done, total) => {
    if (!isOver) onProgress?.(done, total);
  };
  try {
    return await new Promise<Output<Name>>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
      const remote = wrap<Record<string, (input: unknown, onProgress: OnProgress) => unknown>>(worker);
      const task = remote[name] as (input: unknown, onProgress: OnProgress) => Promise<Output<Name>>;
      task(input, proxy(tell)).then(resolve, reject);
    });
  } finally {
    isOver = true;
    worker.terminate();
  }
}
