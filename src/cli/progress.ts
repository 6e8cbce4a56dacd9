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
      format: `{bar} {percentage}% | {value}/{total} ${unit} | {rate} ${unit}/s | {eta_formatted} left`,
      stream: process.stderr,
    },
    Presets.rect,
  );
  const since = Date.now();
  let isShown = false;
  let first: number | undefined;
  return {
    update(done) {
      first ??= done;
      const elapsed = Date.now() - since;
      const rate = elapsed === 0 ? "?" : rounded(((done - first) * 1000) / elapsed);
      if (!isShown && process.stderr.isTTY && elapsed > quietMilliseconds) {
        bar.start(total, done, { rate });
        isShown = true;
      }
      if (isShown) bar.update(done, { rate });
    },
    stop() {
      if (isShown) bar.stop();
    },
  };
}

/** Three digits: 0.512, 25.6, 1280. */
function rounded(rate: number): string {
  return rate >= 100 ? String(Math.round(rate)) : rate.toPrecision(3);
}
