import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

const fitWidth = { type: "fit-x", contains: "padding" } as const;

/** Below this many pixels a legend's entries stand in two columns. */
const narrow = 480;

/** Draws into `place`; what comes back removes the drawing. */
export async function draw(place: HTMLElement, spec: TopLevelSpec, isDark: boolean): Promise<() => void> {
  const { spec: compiled } = compile(
    ("width" in spec ? spec : { width: "container", autosize: fitWidth, ...spec }) as TopLevelSpec,
    { config: theme(isDark, place.clientWidth < narrow) },
  );
  const view = new View(parse(compiled), { container: place, renderer: "svg", hover: true });
  await view.runAsync();
  return () => view.finalize();
}

function theme(isDark: boolean, isNarrow: boolean) {
  const text = isDark ? "#c8d4de" : "#33414d";
  const line = isDark ? "#2f3b46" : "#d5dde4";
  return {
    background: "transparent",
    font: "system-ui, sans-serif",
    axis: {
      labelColor: text,
      titleColor: text,
      gridColor: line,
      domainColor: line,
      tickColor: line,
      labelFontSize: 12,
      titleFontSize: 12,
      titleFontWeight: "normal" as const,
    },
    legend: {
      labelColor: text,
      titleColor: text,
      labelFontSize: 12,
      orient: "bottom" as const,
      columns: isNarrow ? 2 : 0,
    },
    text: { color: text, fontSize: 12 },
    title: { color: text },
    view: { stroke: "transparent" },
    range: {
      category: isDark
        ? ["#5cd1c2", "#ffb27a", "#9db7ff", "#f29bc1"]
        : ["#0b6e6e", "#b04a00", "#2f55c2", "#a02c6a"],
    },
  };
}
