import type { Layout } from "evenkeel";
import { useEffect, useMemo, useState } from "preact/hooks";
import { anyText, integerIn, numberIn, oneOf, useUrlState } from "../urlState.ts";
import { type Activation, activationOf, cornerOf, digits } from "./activations.ts";
import { CellDetail } from "./CellDetail.tsx";
import { Cells, colourings } from "./Cells.tsx";
import { Controls } from "./Controls.tsx";
import { setColours, valueColours } from "./colours.ts";
import { Histograms } from "./Histograms.tsx";
import { MemoryStrip } from "./MemoryStrip.tsx";
import { normalize, normNames, norms, places } from "./norms.ts";
import { Running } from "./Running.tsx";

const codecs = {
  norm: oneOf(normNames),
  layout: oneOf<Layout>(["channels-first", "channels-last"]),
  colouring: oneOf(colourings),
  samples: integerIn(1, 6),
  channels: integerIn(1, 8),
  side: integerIn(1, 4),
  groups: integerIn(1, 2048),
  eps: numberIn(0, 1e6),
  cell: integerIn(0, 2047),
};

/** The stack of cells, live. */
export function See() {
  const [norm, setNorm] = useUrlState("norm", "batch", codecs.norm);
  const [layout, setLayout] = useUrlState("layout", "channels-first", codecs.layout);
  const [colouring, setColouring] = useUrlState("colour", "sets", codecs.colouring);
  const [samples, setSamples] = useUrlState("n", 3, codecs.samples);
  const [channels, setChannels] = useUrlState("c", 6, codecs.channels);
  const [side, setSide] = useUrlState("side", 3, codecs.side);
  const [groups, setGroups] = useUrlState("groups", 2, codecs.groups);
  const [eps, setEps] = useUrlState("eps", 1e-5, codecs.eps);
  const [cell, setCell] = useUrlState("cell", 0, codecs.cell);
  const [text, setText] = useUrlState("x", "", anyText);
  const [dropped, setDropped] = useState<Activation | null>(null);
  const activation = useActivation(dropped, text, samples, channels, side);

  const { shown, failure } = activation;
  const fitting = shown === null ? 1 : largestDivisor(shown.extents[1], groups);
  const normalized = useMemo(
    () =>
      shown === null ? null : normalize(shown.data, shown.extents, { norm, layout, eps, groups: fitting }),
    [shown, norm, layout, eps, fitting],
  );
  const selected = shown === null ? 0 : Math.min(cell, shown.data.length - 1);
  const colours = useMemo(() => {
    if (shown === null || normalized === null) return [];
    if (colouring === "sets") return setColours(normalized.setOf);
    return valueColours(colouring === "before" ? shown.data : normalized.y);
  }, [shown, normalized, colouring]);
  const set = normalized?.setOf[selected];
  const sharing = useMemo(
    () => normalized?.setOf.flatMap((each, index) => (each === set ? [index] : [])) ?? [],
    [normalized, set],
  );

  return (
    <div class="stack">
      <Controls
        {...{ norm, setNorm, layout, setLayout, colouring, setColouring, eps, setEps }}
        {...{ samples, setSamples, channels, setChannels, side, setSide, groups: fitting, setGroups }}
        {...{ text, setText, setDropped, failure }}
        divisors={shown === null ? [1] : divisorsOf(shown.extents[1])}
        ownName={shown?.name === "digits" ? null : (shown?.name ?? null)}
      />
      {shown !== null && normalized !== null && (
        <>
          <div class="columns lead">
            <section class="card stack" aria-label="Cells">
              <p class="tight">
                <code>{norms[norm].code(shown.extents, { norm, layout, eps, groups: fitting })}</code> takes
                one {norms[norm].centered ? "mean and variance" : "mean square"} for {norms[norm].shares}:{" "}
                <b data-testid="statistics">{normalized.statistics.length}</b> in all.
              </p>
              <Cells
                extents={shown.extents}
                colours={colours}
                setOf={normalized.setOf}
                selected={selected}
                onSelect={setCell}
                label={`Activation of shape ${shown.extents.join(" by ")}; arrow keys move among channels and positions, Page Up and Page Down among samples. Cell ${selected} shares its statistic with ${sharing.length - 1} others`}
              />
              <MemoryStrip
                extents={shown.extents}
                layout={layout}
                setOf={normalized.setOf}
                selected={selected}
              />
            </section>
            <section class="card stack" aria-label="The chosen cell">
              <h2>This cell</h2>
              <CellDetail
                extents={shown.extents}
                place={places(shown.extents)[selected] as never}
                layout={layout}
                x={shown.data[selected] as number}
                y={Number(normalized.y[selected])}
                statistic={normalized.statistics[set ?? 0] as never}
                eps={eps}
                centered={norms[norm].centered}
              />
            </section>
          </div>
          <div class="columns trail">
            <section class="card stack" aria-label="Histograms">
              <h2>The cells that share its statistic</h2>
              <Histograms x={shown.data} y={normalized.y} cells={sharing} />
            </section>
            <section class="card stack" aria-label="Running statistics">
              <h2>Running statistics over training steps</h2>
              <Running norm={norm} />
            </section>
          </div>
        </>
      )}
    </div>
  );
}

function useActivation(
  dropped: Activation | null,
  text: string,
  samples: number,
  channels: number,
  side: number,
): { readonly shown: Activation | null; readonly failure: string | null } {
  const [pool, setPool] = useState<Activation | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    digits().then(setPool, (error: unknown) => setFailure(`The digits could not be loaded: ${error}`));
  }, []);
  return useMemo(() => {
    if (dropped !== null) return { shown: dropped, failure };
    const corner = pool === null ? null : cornerOf(pool, [samples, channels, side, side]);
    if (text.trim() === "") return { shown: corner, failure };
    try {
      return { shown: activationOf(text), failure: null };
    } catch (error) {
      return { shown: corner, failure: error instanceof Error ? error.message : String(error) };
    }
  }, [dropped, text, pool, samples, channels, side, failure]);
}

function divisorsOf(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1).filter((divisor) => count % divisor === 0);
}

/** The largest divisor of `count` up to `wanted`: groups that fit after the channels have changed. */
function largestDivisor(count: number, wanted: number): number {
  return (
    divisorsOf(count)
      .filter((divisor) => divisor <= wanted)
      .at(-1) ?? 1
  );
}
