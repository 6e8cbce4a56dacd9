import { type ArrayLikeInput, identify } from "evenkeel/check";
import type { Arrays, Found } from "../check/found.ts";
import { measure } from "../speed/measure.ts";

/** Tells how far a task is: of `total` steps, `done`. */
export type OnProgress = (done: number, total: number) => void;

/** What the worker computes off the main thread: each task by its name. */
export const tasks = {
  identify({ x, y, weight, bias, meant }: Arrays, onProgress: OnProgress): Found {
    const found = identify(x as ArrayLikeInput, y as ArrayLikeInput, {
      weight: weight as ArrayLikeInput | undefined,
      bias: bias as ArrayLikeInput | undefined,
      meant,
      onProgress: throttled(onProgress),
    });
    const { probe, ...rest } = found;
    return { ...rest, meant: meant ?? null, probe: probe && { data: probe.data, shape: probe.shape } };
  },

  speed: measure,
};

export type Tasks = typeof tasks;

/** A message to the page costs more than many a step: one in 50 ms is enough. */
function throttled(onProgress: OnProgress): OnProgress {
  let last = 0;
  return (done, total) => {
    const now = performance.now();
    if (now - last < 50 && done < total) return;
    last = now;
    onProgress(done, total);
  };
}
