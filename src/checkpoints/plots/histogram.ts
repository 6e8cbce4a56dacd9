import type { Histogram } from "../summary.ts";
import { colours, config, type Spec, schema } from "./style.ts";

/** Height of a histogram in pixels, without its axis. */
const histogramHeight = 72;

/** Part of a bin that its bar fills. */
const filled = 0.92;

/** Bars of a histogram, of `width` pixels in all; a single value is one bar in the middle. */
export function histogramSpec({ start, end, counts }: Histogram, width: number): Spec {
  const isSingle = start === end;
  const margin = Math.max(Math.abs(start) / 2, 0.5);
  const [low, high] = isSingle ? [start - margin, end + margin] : [start, end];
  const step = (high / counts.length - low / counts.length) * (isSingle ? 0.06 : 1);
  const first = isSingle ? start - step / 2 : low;
  const values = counts.map((count, bin) => ({
    from: first + bin * step,
    to: first + (bin + filled) * step,
    count,
  }));
  return {
    $schema: schema,
    config,
    width,
    height: histogramHeight,
    autosize: { type: "fit", contains: "padding" },
    padding: { left: 2, right: 8, top: 2, bottom: 2 },
    data: { values },
    mark: { type: "bar", color: colours.mark },
    encoding: {
      x: {
        field: "from",
        type: "quantitative",
        scale: { domain: [low, high], zero: false, nice: false },
        axis: {
          title: null,
          grid: false,
          tickCount: 4,
          format: ".3~g",
          labelOverlap: true,
          labelFlush: true,
        },
      },
      x2: { field: "to" },
      y: { field: "count", type: "quantitative", axis: null },
      y2: { datum: 0 },
    },
  };
}
