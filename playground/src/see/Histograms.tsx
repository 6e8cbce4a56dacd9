import { useMemo } from "preact/hooks";
import type { TopLevelSpec } from "vega-lite";
import { Plot } from "../parts/Plot.tsx";

interface HistogramsProps {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** The cells that count. */
  readonly cells: readonly number[];
}

/** The values of some cells: before upwards, after downwards, on one axis. */
export function Histograms({ x, y, cells }: HistogramsProps) {
  const spec = useMemo((): TopLevelSpec => {
    const values = cells.flatMap((cell) => [
      { when: "before", value: Number(x[cell]) },
      { when: "after", value: Number(y[cell]) },
    ]);
    return {
      data: { values },
      height: 240,
      transform: [
        { bin: { maxbins: 30 }, field: "value", as: ["from", "to"] },
        { aggregate: [{ op: "count", as: "cells" }], groupby: ["when", "from", "to"] },
        { calculate: "datum.when === 'before' ? datum.cells : -datum.cells", as: "signed" },
      ],
      mark: { type: "bar", binSpacing: 1 },
      encoding: {
        x: { field: "from", type: "quantitative", bin: { binned: true }, title: "value" },
        x2: { field: "to" },
        y: {
          field: "signed",
          type: "quantitative",
          title: "cells after ← → before",
          axis: { labelExpr: "abs(datum.value)", tickMinStep: 1 },
        },
        color: { field: "when", type: "nominal", sort: ["before", "after"], title: null },
      },
    };
  }, [x, y, cells]);
  return <Plot label={`Histograms of ${cells.length} cells before and after`} spec={spec} />;
}
