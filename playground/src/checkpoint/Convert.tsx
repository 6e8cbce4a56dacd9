import { type Convention, conventions } from "evenkeel/checkpoints";
import { useState } from "preact/hooks";
import { download } from "../parts/download.ts";
import { useTask } from "../parts/useTask.ts";
import { Working } from "../parts/Working.tsx";
import { renamed } from "./Fold.tsx";

/** Changes that are listed; a large file has thousands. */
const mostListed = 200;

/** Convert the file's normalizations to another framework, and take the result. */
export function Convert({ file }: { readonly file: File }) {
  const [to, setTo] = useState<Convention>("megengine");
  const { state, start, stop } = useTask("convert");
  return (
    <section class="card stack" aria-label="Convert">
      <h2>Convert to another framework's convention</h2>
      <div class="row">
        <label>
          To
          <select value={to} onChange={({ currentTarget }) => setTo(currentTarget.value as Convention)}>
            {Object.keys(conventions).map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" onClick={() => start({ file, to })}>
          Convert
        </button>
      </div>
      {state.status === "running" && <Working what="Converting" done={0} total={0} onStop={stop} />}
      {state.status === "failed" && <p role="alert">{state.message}</p>}
      {state.status === "finished" && (
        <div class="stack" aria-live="polite">
          <p class="tight">
            From {state.result.from}: {state.result.reason}.
          </p>
          <div class="wide">
            <table>
              <thead>
                <tr>
                  <th scope="col">layer</th>
                  <th scope="col">make it with</th>
                </tr>
              </thead>
              <tbody>
                {state.result.configuration.slice(0, mostListed).map(({ layer, type, options }) => (
                  <tr key={layer}>
                    <th scope="row">{layer}</th>
                    <td class="mono">
                      {type ?? "nothing like it"}(
                      {Object.entries(options)
                        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
                        .join(", ")}
                      )
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <details>
            <summary>{state.result.changes.length} changes</summary>
            <ul class="mono">
              {state.result.changes.slice(0, mostListed).map((change) => (
                <li key={`${change.change} ${change.from} ${change.to}`}>
                  {change.change}: {change.from ?? ""} {change.to === undefined ? "" : `→ ${change.to}`}{" "}
                  {change.detail ?? ""}
                </li>
              ))}
            </ul>
          </details>
          {state.result.notes.map((note) => (
            <p class="tight quiet" key={note}>
              {note}
            </p>
          ))}
          <div>
            <button
              type="button"
              class="primary"
              onClick={() => download(renamed(file.name, state.result.to), state.result.result)}
            >
              Download {renamed(file.name, state.result.to)}
            </button>
          </div>
        </div>
      )}
    </section>
  );
}
