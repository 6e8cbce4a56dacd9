/** Tells how far a task is: of `total` steps, `done`. */
export type OnProgress = (done: number, total: number) => void;

/** A message to the page costs more than many a step: one in 50 ms is enough. */
export function throttled(onProgress: OnProgress): OnProgress {
  let last = 0;
  return (done, total) => {
    const now = performance.now();
    if (now - last < 50 && done < total) return;
    last = now;
    onProgress(done, total);
  };
}
