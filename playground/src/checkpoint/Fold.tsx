import { useState } from "preact/hooks";
import { download } from "../parts/download.ts";
import { useTask } from "../parts/useTask.ts";
import { Working } from "../parts/Working.tsx";

/** Fold the batch normalizations of the file, and take the result. */
export function Fold({ file }: { readonly file: File }) {
  const [eps, setEps] = useState("0.00001");
  const [problem, setProblem] = useState<string | null>(null);
  const { state, start, stop } = useTask("fold");
  const submit = (event: Event): void => {
    event.preventDefault();
    try {
      start({ file, eps: epsOf(eps) });
      setProblem(null);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <section class="card stack" aria-label="Fold">
      <h2>Fold batch normalizations into the layers before them</h2>
      <form class="row" onSubmit={submit}>
        <label>
          eps, which no file holds; by layer: 0.00001, bn3=0.001
          <input type="text" value={eps} onInput={({ currentTarget }) => setEps(currentTarget.value)} />
        </label>
        <button type="submit">Fold</button>
      </form>
      {problem !== null && <p role="alert">{problem}</p>}
      {state.status === "running" && <Working what="Folding" done={0} total={0} onStop={stop} />}
      {state.status === "failed" && <p role="alert">{state.message}</p>}
      {state.status === "finished" && (
        <div class="stack" aria-live="polite">
          <div class="wide">
            <table>
              <thead>
                <tr>
                  <th scope="col">layer : norm</th>
                  <th scope="col">found by</th>
                  <th scope="col">eps</th>
                  <th scope="col">largest error on random input</th>
                </tr>
              </thead>
              <tbody>
                {state.result.folded.map(({ pair, foundBy, eps: used, error }) => (
                  <tr key={pair}>
                    <th scope="row">{pair}</th>
                    <td>{foundBy}</td>
                    <td class="mono">{used}</td>
                    <td class="mono">{error.maxAbsolute.toExponential(1)}</td>
                  </tr>
                ))}
                {state.result.refused.map(({ pair, reason }) => (
                  <tr key={pair}>
                    <th scope="row">{pair}</th>
                    <td colSpan={3}>not folded: {reason}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <p class="tight">
            The folded file computes the same in eval mode only; drop these norms from the model too.
          </p>
          {state.result.folded.length > 0 && (
            <div>
              <button
                type="button"
                class="primary"
                onClick={() => download(renamed(file.name, "folded"), state.result.result)}
              >
                Download {renamed(file.name, "folded")}
              </button>
            </div>
          )}
        </div>
      )}
    </section>
  );
}

/** `0.001`, or `0.00001, bn3=0.001`. */
function epsOf(text: string): number | Record<string, number> {
  const byName: Record<string, number> = {};
  let all: number | undefined;
  for (const part of text.split(",").map((each) => each.trim())) {
    const [name, value] = part.includes("=") ? part.split("=", 2) : [undefined, part];
    const eps = Number(value);
    if (value === "" || !(eps >= 0))
      throw new RangeError(`expected an eps of at least 0, got ${part || "nothing"}`);
    if (name === undefined) all = eps;
    else byName[name.trim()] = eps;
  }
  return Object.keys(byName).length === 0 ? (all ?? 1e-5) : byName;
}

/** `model.pt` becomes `model-folded.safetensors`. */
export function renamed(name: string, what: string): string {
  return `${name.replace(/\.[^.]*$/, "")}-${what}.safetensors`;
}
