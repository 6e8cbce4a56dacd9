import { useEffect, useMemo, useState } from "preact/hooks";
import type { TopLevelSpec } from "vega-lite";
import { Plot } from "../parts/Plot.tsx";
import { useTask } from "../parts/useTask.ts";
import { Working } from "../parts/Working.tsx";
import { integerIn, onOff, useUrlState } from "../urlState.ts";
import type { SpeedReport } from "./measure.ts";

/** Pixels of a bar with its two lines of label. */
const barHeight = 38;
const cores = navigator.hardwareConcurrency || 1;
const threadsCodec = integerIn(1, 64);

/** The kernels, measured here and now. */
export function Speed() {
  const mostThreads = crossOriginIsolated ? cores : 1;
  const [threads, setThreads] = useUrlState("threads", 1, threadsCodec);
  const [large, setLarge] = useUrlState("large", false, onOff);
  const { state, start, stop } = useTask("speed");
  const used = Math.min(threads, mostThreads);
  return (
    <div class="stack">
      <section class="card stack" aria-label="Settings">
        <p class="tight">
          How many gigabytes each layer reads and writes in a second, beside a plain copy of an array of the
          same size, which is about the most that this machine's memory gives.
        </p>
        <div class="row">
          <label>
            Threads
            <select value={used} onChange={({ currentTarget }) => setThreads(Number(currentTarget.value))}>
              {Array.from({ length: mostThreads }, (_, i) => (
                <option key={i} value={i + 1}>
                  {i + 1}
                </option>
              ))}
            </select>
          </label>
          <label class="inline">
            <input
              type="checkbox"
              checked={large}
              onChange={({ currentTarget }) => setLarge(currentTarget.checked)}
            />
            also arrays that leave the cache
          </label>
          <button
            type="button"
            class="primary"
            disabled={state.status === "running"}
            onClick={() => start({ threads: used, large })}
          >
            Measure
          </button>
        </div>
        {!crossOriginIsolated && <OneThread />}
      </section>
      {state.status === "running" && (
        <Working what="Cases measured:" done={state.done} total={state.total} onStop={stop} />
      )}
      {state.status === "failed" && (
        <p class="card" role="alert">
          {state.message}
        </p>
      )}
      {state.status === "finished" && <Report report={state.result} />}
    </div>
  );
}

/** Why there is one thread, and what gives more. */
function OneThread() {
  const [isKept, setKept] = useState(false);
  useEffect(() => {
    navigator.serviceWorker?.ready.then(() => setKept(true));
  }, []);
  return (
    <div class="row middle">
      <p class="quiet tight">
        One thread: this page came without the headers that give it shared memory.{" "}
        {isKept && "It is kept offline by now, and comes with them when loaded again."}
      </p>
      {isKept && (
        <button type="button" onClick={() => location.reload()}>
          Load again, with threads
        </button>
      )}
    </div>
  );
}

function Report({ report: { rows, threads } }: { readonly report: SpeedReport }) {
  const spec = useMemo(
    (): TopLevelSpec => ({
      data: { values: rows.map((row) => ({ ...row, case: `${row.name}|${row.shape}` })) },
      height: rows.length * barHeight,
      encoding: {
        y: {
          field: "case",
          type: "nominal",
          sort: null,
          title: null,
          axis: { labelExpr: "split(datum.value, '|')", labelLimit: 190 },
        },
      },
      layer: [
        {
          mark: { type: "bar", opacity: 0.85 },
          encoding: {
            x: { field: "gigabytesPerSecond", type: "quantitative", title: "GB/s read and written" },
            color: { datum: "layer" },
          },
        },
        {
          mark: { type: "tick", thickness: 3, size: barHeight * 0.8, opacity: 1 },
          encoding: {
            x: { field: "copyGigabytesPerSecond", type: "quantitative" },
            color: { datum: "copy" },
          },
        },
      ],
    }),
    [rows],
  );
  return (
    <section class="card stack" aria-label="Result" aria-live="polite">
      <h2>
        {threads} {threads === 1 ? "thread" : "threads"}
      </h2>
      <Plot
        label={`Throughput of ${rows.length} cases and of a copy; the table below has the numbers`}
        spec={spec}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section class="wide" tabIndex={0} aria-label="The numbers">
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">Layer</th>
              <th scope="col">Shape</th>
              <th scope="col" class="number">
                ms a call
              </th>
              <th scope="col" class="number">
                GB/s
              </th>
              <th scope="col" class="number">
                copy, GB/s
              </th>
              <th scope="col" class="number">
                of a copy
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name + row.shape}>
                <th scope="row">{row.name}</th>
                <td>{row.shape}</td>
                <td class="number">{row.milliseconds.toPrecision(3)}</td>
                <td class="number">{row.gigabytesPerSecond.toFixed(1)}</td>
                <td class="number">{row.copyGigabytesPerSecond.toFixed(1)}</td>
                <td class="number">
                  {Math.round((100 * row.gigabytesPerSecond) / row.copyGigabytesPerSecond)} %
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
