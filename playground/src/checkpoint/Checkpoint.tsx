import { useEffect, useRef, useState } from "preact/hooks";
import type { TopLevelSpec } from "vega-lite";
import digitsAddress from "../../../examples/digits/model.safetensors?url";
import { DropZone } from "../parts/DropZone.tsx";
import { loadPlots, Plot } from "../parts/Plot.tsx";
import { useTask } from "../parts/useTask.ts";
import { Working } from "../parts/Working.tsx";
import { Convert } from "./Convert.tsx";
import { Fold } from "./Fold.tsx";
import { Layers } from "./Layers.tsx";
import type { Inspected } from "./tasks.ts";

/** Padding of a card on both sides, in pixels. */
const padding = 34;

/** A file in, its normalization layers and their health out. */
export function Checkpoint() {
  const [file, setFile] = useState<File | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const { state, start, stop } = useTask("inspect");
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => void loadPlots().catch(() => {}), []);
  const open = (dropped: File): void => {
    setFile(dropped);
    setProblem(null);
    start({ file: dropped, width: (place.current?.clientWidth ?? 640) - padding });
  };
  const openDigits = async (): Promise<void> => {
    try {
      const response = await fetch(digitsAddress);
      open(new File([await response.blob()], "digits.safetensors"));
    } catch (error) {
      setProblem(`The example could not be loaded: ${error}`);
    }
  };
  return (
    <div class="stack" ref={place}>
      <section class="card" aria-label="File">
        <DropZone
          label="Drop a checkpoint: .safetensors, .pt or .npz. It never leaves this page: no server is asked."
          accept=".safetensors,.pt,.pth,.npz"
          onFiles={([dropped]) => dropped !== undefined && open(dropped)}
        >
          <div>
            <button type="button" onClick={openDigits}>
              Try a network trained on handwritten digits
            </button>
          </div>
        </DropZone>
      </section>
      {problem !== null && <p role="alert">{problem}</p>}
      {state.status === "running" && (
        <Working what="Layers inspected:" done={state.done} total={state.total} onStop={stop} />
      )}
      {state.status === "failed" && (
        <p class="card" role="alert">
          {state.message}
        </p>
      )}
      {state.status === "finished" && file !== null && (
        <>
          <Health name={file.name} inspected={state.result} />
          <div class="columns">
            <Fold key={`fold ${file.name}`} file={file} />
            <Convert key={`convert ${file.name}`} file={file} />
          </div>
        </>
      )}
    </div>
  );
}

function Health({ name, inspected }: { readonly name: string; readonly inspected: Inspected }) {
  const { layers, tensors, plots, errors, warnings, notes } = inspected;
  return (
    <section class="card stack" aria-label="Health">
      <h2 data-testid="summary" aria-live="polite">
        {name}: {layers.length} normalization {layers.length === 1 ? "layer" : "layers"} in {tensors}{" "}
        {tensors === 1 ? "tensor" : "tensors"}; {verdict(errors, warnings, notes)}
      </h2>
      {plots.map(({ quantity, title, description, spec }) => (
        <figure class="small" key={quantity}>
          <figcaption>{title}</figcaption>
          <Plot label={description} spec={spec as unknown as TopLevelSpec} />
        </figure>
      ))}
      <Layers layers={layers} />
    </section>
  );
}

function verdict(errors: number, warnings: number, notes: number): string {
  const counts = [
    [errors, "error"],
    [warnings, "warning"],
    [notes, "note"],
  ] as const;
  const told = counts.flatMap(([count, what]) =>
    count === 0 ? [] : [`${count} ${what}${count === 1 ? "" : "s"}`],
  );
  return told.length === 0 ? "nothing wrong found" : told.join(", ");
}
