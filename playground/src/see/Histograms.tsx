import { useMemo } from "preact/hooks";
import type { TopLevelSpec } from "vega-lite";
import { Plot } from "../parts/Plot.tsx";

interface HistogramsProps {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** The cells that count. */
  readonly cells: readonly number[];
}

/** The values of some cells before and after. */
export function Histograms({ x, y, cells }: HistogramsProps) {
  const spec = useMemo((): TopLevelSpec => {
    const values = cells.flatMap((cell) => [
      { when: "before", value: Number(x[cell]) },
      { when: "after", value: Number(y[cell]) },
    ]);
    return {
      data: { values },
      height: 180,
      mark: { type: "bar", opacity: 0.6, binSpacing: 0 },
      encoding: {
        x: { field: "value", type: "quantitative", bin: { maxbins: 40 }, title: "value" },
        y: { aggregate: "count", stack: null, title: "cells" },
        color: { field: "when", type: "nominal", sort: ["before", "after"], title: null },
      },
    };
  }, [x, y, cells]);
  return <Plot label={`Histograms of ${cells.length} cells before and after`} spec={spec} />;
}
