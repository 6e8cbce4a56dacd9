import type { Layout } from "evenkeel";
import { useMemo } from "preact/hooks";
import { addressOf, type Extents, places } from "./norms.ts";

interface MemoryStripProps {
  readonly extents: Extents;
  readonly layout: Layout;
  readonly setOf: readonly number[];
  readonly selected: number;
}

/** The cells in the order of memory: what shares a statistic may lie together or far apart. */
export function MemoryStrip({ extents, layout, setOf, selected }: MemoryStripProps) {
  const order = useMemo(() => {
    const cells = new Array<number>(setOf.length);
    places(extents).forEach((place, index) => {
      cells[addressOf(extents, place, layout)] = index;
    });
    return cells;
  }, [extents, layout, setOf.length]);
  const runs: { readonly start: number; readonly length: number }[] = [];
  for (let at = 0; at < order.length; ) {
    let end = at;
    while (end < order.length && setOf[order[end] as number] === setOf[selected]) end++;
    if (end > at) runs.push({ start: at, length: end - at });
    at = Math.max(end, at + 1);
  }
  const longest = runs.reduce((most, { length }) => Math.max(most, length), 0);
  return (
    <figure class="memory">
      <svg
        role="img"
        aria-label={`The shared cells in memory: ${runs.length} runs of up to ${longest} values`}
        viewBox={`0 0 ${order.length} 20`}
        preserveAspectRatio="none"
      >
        <rect class="all" width={order.length} height={20} />
        {runs.map(({ start, length }) => (
          <rect key={start} class="run" x={start} width={length} height={20} />
        ))}
        <rect class="here" x={order.indexOf(selected)} width={Math.max(1, order.length / 400)} height={20} />
      </svg>
      <figcaption class="quiet">
        In memory: {runs.length === 1 ? "one run" : `${runs.length} runs`} of {longest}{" "}
        {longest === 1 ? "value" : "values"} each share this statistic.
      </figcaption>
    </figure>
  );
}
