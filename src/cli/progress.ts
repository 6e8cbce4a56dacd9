import { Presets, SingleBar } from "cli-progress";

/** Work shorter than this shows no bar. */
const quietMilliseconds = 1000;

/** A bar on stderr that appears once the work has taken a second. */
export interface Progress {
  /** Says how many of `total` are done. */
  update(done: number): void;
  /** Takes the bar away. */
  stop(): void;
}

/**
 * Progress over `total` units of work, with rate and time left; silent where stderr is no terminal.
 *
 * @example
 * const progress = progressBar("samples", 1000);
 */
export function progressBar(unit: string, total: number): Progress {
  const bar = new SingleBar(
    {
      format: `{bar} {percentage}% | {value}/{total} ${unit} | {eta_formatted} left`,
      stream: process.stderr,
    },
    Presets.rect,
  );
  const since = Date.now();
  let isShown = false;
  return {
    update(done) {
      if (!isShown && process.stderr.isTTY && Date.now() - since > quietMilliseconds) {
        bar.start(total, done);
        isShown = true;
      }
      if (isShown) bar.update(done);
    },
    stop() {
      if (isShown) bar.stop();
    },
  };
}
