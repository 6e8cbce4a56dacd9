import { encodeNpy } from "evenkeel/checkpoints";
import { useEffect, useRef } from "preact/hooks";
import { download } from "../parts/download.ts";
import type { Found } from "./found.ts";

/** Equivalent readings that are listed; more would hide the first. */
const mostListed = 6;

/** What identify found, as a person reads it. */
export function Answer({ found }: { readonly found: Found }) {
  const section = useRef<HTMLElement>(null);
  useEffect(() => section.current?.scrollIntoView({ block: "nearest" }), []);
  const [best] = found.survivors;
  const others = [...new Set(found.survivors.map(({ torch }) => torch))].slice(1, mostListed + 1);
  return (
    <section ref={section} class="card stack" aria-label="Answer" aria-live="polite">
      <h2 class={!found.fits ? "bad" : found.differences.length > 0 ? "warn" : "good"} data-testid="verdict">
        {verdictOf(found)}
      </h2>
      {found.differences.length > 0 && (
        <ul class="differences" aria-label="What differs from the layer that was meant">
          {found.differences.map((difference) => (
            <li key={difference}>{difference}</li>
          ))}
        </ul>
      )}
      <pre data-testid="message">{found.message}</pre>
      {best !== undefined && (
        <table>
          <tbody>
            <Code name="evenkeel" code={best.layer} />
            <Code name="PyTorch" code={best.torch} />
            <Code name="NumPy" code={best.numpy} />
          </tbody>
        </table>
      )}
      {others.length > 0 && (
        <details>
          <summary>Or just as well</summary>
          <ul>
            {others.map((code) => (
              <li key={code}>
                <code>{code}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
      {found.probe !== null && <Probe probe={found.probe} />}
      <p class="quiet tight">{found.tried} hypotheses tried.</p>
    </section>
  );
}

/** The answer in one line. */
function verdictOf({ fits, certain, survivors: [best], differences, meant }: Found): string {
  if (!fits || best === undefined) return "No normalization explains y";
  if (meant !== null) {
    if (differences.length === 0) return `Yes, it is ${meant}`;
    const isNear = differences.every((difference) => difference.startsWith("eps "));
    return isNear ? `It is ${meant}, but for eps` : `No, it is not ${meant}`;
  }
  return certain ? best.op : `${best.op}, at its plainest`;
}

function Code({ name, code }: { readonly name: string; readonly code: string }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        <code>{code}</code>
      </td>
    </tr>
  );
}

function Probe({ probe }: { readonly probe: NonNullable<Found["probe"]> }) {
  return (
    <div class="row middle">
      <p class="tight">
        These arrays leave a tie. An input of shape ({probe.shape.join(", ")}) tells them apart: run your code
        on it and identify again.
      </p>
      <button
        type="button"
        onClick={() => download("probe.npy", encodeNpy({ ...probe, dtype: "float64" } as never))}
      >
        Download probe.npy
      </button>
    </div>
  );
}
