import { useEffect, useRef, useState } from "preact/hooks";
import type { TopLevelSpec } from "vega-lite";

interface PlotProps {
  /** What the plot shows, for those who do not see it. */
  readonly label: string;
  /** vega-lite; its width follows the container unless it says otherwise. */
  readonly spec: TopLevelSpec;
}

/** A vega-lite plot in the page's colours; the library is loaded with the first one. */
export function Plot({ label, spec }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const isDark = useDarkScheme();
  useEffect(() => {
    let isGone = false;
    let remove: (() => void) | undefined;
    loadPlots()
      .then(({ draw }) => (place.current === null || isGone ? undefined : draw(place.current, spec, isDark)))
      .then((drawn) => {
        if (isGone) drawn?.();
        else remove = drawn;
      })
      .catch((error: unknown) => !isGone && setFailure(String(error)));
    return () => {
      isGone = true;
      remove?.();
    };
  }, [spec, isDark]);
  return (
    <figure class="plot" role="img" aria-label={label}>
      <div ref={place} aria-hidden="true" />
      {failure !== null && <p role="alert">The plot could not be drawn: {failure}</p>}
    </figure>
  );
}

/** The plotting library; parts that will need it ask early, so that it need not be read when a plot is due. */
export async function loadPlots(): Promise<typeof import("./vega.ts")> {
  await whenIdle();
  return import("./vega.ts");
}

/** Resolves when the page has answered what was asked of it: the plotting library is large, and can wait. */
function whenIdle(): Promise<void> {
  return new Promise((resolve) => {
    if ("requestIdleCallback" in globalThis) requestIdleCallback(() => resolve(), { timeout: 1000 });
    else setTimeout(resolve, 50);
  });
}

const darkQuery = "(prefers-color-scheme: dark)";

function useDarkScheme(): boolean {
  const [isDark, setDark] = useState(() => matchMedia(darkQuery).matches);
  useEffect(() => {
    const query = matchMedia(darkQuery);
    const update = (): void => setDark(query.matches);
    query.addEventListener("change", update);
    return () => query.removeEventListener("change", update);
  }, []);
  return isDark;
}
