import { type LayerInspection, layerPlots } from "evenkeel/checkpoints";
import { useMemo, useState } from "preact/hooks";
import type { TopLevelSpec } from "vega-lite";
import { Plot } from "../parts/Plot.tsx";

/** Rows that are drawn at first; more are a click away. */
const firstRows = 60;

/** Pixels of a layer's histograms. */
const plotWidth = 240;

/** Every layer as a row that opens. */
export function Layers({ layers }: { readonly layers: readonly LayerInspection[] }) {
  const [shown, setShown] = useState(firstRows);
  return (
    <div class="stack">
      {layers.slice(0, shown).map((layer) => (
        <Layer key={layer.name} layer={layer} />
      ))}
      {layers.length > shown && (
        <button type="button" onClick={() => setShown(layers.length)}>
          Show the other {layers.length - shown} layers
        </button>
      )}
    </div>
  );
}

function Layer({ layer }: { readonly layer: LayerInspection }) {
  const [isOpen, setOpen] = useState(false);
  const worst = layer.findings[0]?.severity;
  return (
    <details class="layer" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <span class={`badge ${worst ?? "ok"}`}>{worst ?? "ok"}</span> <b>{layer.name || "(root)"}</b>{" "}
        <span class="quiet">
          {layer.kind}
          {layer.kindBy === "keys" ? "" : ` (by ${layer.kindBy === "name" ? "its name" : "a guess"})`},{" "}
          {layer.size} {layer.size === 1 ? "channel" : "channels"}, {layer.dtype}
        </span>
      </summary>
      {isOpen && <LayerDetail layer={layer} />}
    </details>
  );
}

function LayerDetail({ layer }: { readonly layer: LayerInspection }) {
  const plots = useMemo(() => layerPlots(layer, plotWidth), [layer]);
  return (
    <div class="stack spaced">
      {layer.findings.map(({ rule, severity, found, why, fix }) => (
        <p class="tight" key={rule + found}>
          <span class={`badge ${severity}`}>{severity}</span> {found}. {why} <b>{fix}</b>
        </p>
      ))}
      <div class="plots">
        {plots.map(({ quantity, title, description, spec }) => (
          <figure class="small" key={quantity}>
            <figcaption>{title}</figcaption>
            <Plot label={description} spec={spec as unknown as TopLevelSpec} />
          </figure>
        ))}
      </div>
      <div class="wide">
        <table>
          <thead>
            <tr>
              {["tensor", "smallest", "median", "largest", "not finite"].map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Object.entries(layer.statistics).map(([name, { spread, nan, infinite }]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="mono">{short(spread?.min)}</td>
                <td class="mono">{short(spread?.median)}</td>
                <td class="mono">{short(spread?.max)}</td>
                <td class="mono">{nan + infinite}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function short(value: number | undefined): string {
  return value === undefined ? "-" : String(Number(value.toPrecision(4)));
}
