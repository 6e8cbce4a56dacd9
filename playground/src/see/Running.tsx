import { useEffect, useMemo, useState } from "preact/hooks";
import type { TopLevelSpec } from "vega-lite";
import { Plot } from "../parts/Plot.tsx";
import { integerIn, numberIn, useUrlState } from "../urlState.ts";
import { type Activation, digits } from "./activations.ts";
import { digitsOf } from "./CellDetail.tsx";
import type { NormName } from "./norms.ts";
import { type History, historyCodec, type Mode, mostSteps, runSteps, type Step } from "./training.ts";

const start: History = [{ mode: "train", steps: 30 }];
const momentumCodec = numberIn(0, 1);
const channelCodec = integerIn(0, 7);
const batchCodec = integerIn(2, 24);
const stepsAtOnce = 10;

const says: Readonly<Record<Mode, string>> = {
  train: "train: normalizes by the batch, moves the running statistics",
  eval: "eval: normalizes by the running statistics, leaves them",
  freeze: "freeze: in training, but normalizes by the running statistics and leaves them",
};

/** The running statistics over training steps. */
export function Running({ norm }: { readonly norm: NormName }) {
  const [momentum, setMomentum] = useUrlState("momentum", 0.1, momentumCodec);
  const [channel, setChannel] = useUrlState("channel", 0, channelCodec);
  const [batch, setBatch] = useUrlState("batch", 6, batchCodec);
  const [history, setHistory] = useUrlState("steps", start, historyCodec);
  const [pool, setPool] = useState<Activation | null>(null);
  useEffect(() => {
    digits().then(setPool, () => {});
  }, []);
  const steps = useMemo(
    () =>
      pool === null || (norm !== "batch" && norm !== "instance")
        ? []
        : runSteps(norm, pool.data, pool.extents, { history, momentum, channel, batch }),
    [pool, norm, history, momentum, channel, batch],
  );
  if (norm !== "batch" && norm !== "instance") {
    return (
      <p class="tight">
        This layer keeps no running statistics: train and eval give the same numbers. Choose BatchNorm2d or
        InstanceNorm2d to see them move.
      </p>
    );
  }
  const isFull = steps.length - 1 + stepsAtOnce > mostSteps;
  const add = (mode: Mode): void => {
    const last = history.at(-1);
    const more = { mode, steps: stepsAtOnce + (last?.mode === mode ? last.steps : 0) };
    setHistory([...(last?.mode === mode ? history.slice(0, -1) : history), more]);
  };
  return (
    <div class="stack">
      <div class="row">
        <label>
          Momentum: {digitsOf(momentum)} of the new value (PyTorch), {digitsOf(1 - momentum)} of the old
          (MegEngine, Keras, ONNX)
          <input
            type="range"
            min="0"
            max="1"
            step="0.01"
            value={momentum}
            onInput={({ currentTarget }) => setMomentum(Number(currentTarget.value))}
          />
        </label>
        <label>
          Channel
          <select value={channel} onChange={({ currentTarget }) => setChannel(Number(currentTarget.value))}>
            {Array.from({ length: 8 }, (_, c) => (
              <option key={c} value={c}>
                {c}
              </option>
            ))}
          </select>
        </label>
        <label>
          Batch size
          <input
            type="number"
            min="2"
            max="24"
            value={batch}
            onChange={({ currentTarget }) => {
              const size = batchCodec.parse(currentTarget.value);
              if (size !== undefined) setBatch(size);
            }}
          />
        </label>
      </div>
      <div class="row">
        {(["train", "eval", "freeze"] as const).map((mode) => (
          <button key={mode} type="button" disabled={isFull} title={says[mode]} onClick={() => add(mode)}>
            {stepsAtOnce} steps {mode === "freeze" ? "frozen" : `in ${mode}`}
          </button>
        ))}
        <button type="button" onClick={() => setHistory([])} disabled={history.length === 0}>
          Start again
        </button>
      </div>
      {steps.length > 0 && <Last step={steps.at(-1) as Step} />}
      {steps.length > 1 && <Paths steps={steps} history={history} />}
    </div>
  );
}

/** One mode's share of the steps. */
interface Span {
  readonly mode: Mode;
  readonly from: number;
  readonly to: number;
}

function spansOf(history: History): Span[] {
  let from = 0;
  return history.map(({ mode, steps }) => {
    const span = { mode, from, to: from + steps };
    from = span.to;
    return span;
  });
}

function Paths({ steps, history }: { readonly steps: readonly Step[]; readonly history: History }) {
  const spec = useMemo(
    (): TopLevelSpec => ({
      height: 240,
      encoding: { x: { type: "quantitative", title: "step", axis: { tickMinStep: 1 } } },
      layer: [
        {
          data: { values: spansOf(history) },
          encoding: { x: { field: "from" } },
          layer: [
            {
              mark: { type: "rect", fillOpacity: 0, stroke: "gray", strokeOpacity: 0.5, strokeDash: [2, 3] },
            },
            {
              mark: { type: "text", align: "left", baseline: "top", dx: 4, y: 4 },
              encoding: { text: { field: "mode" } },
            },
          ],
        },
        {
          data: { values: steps.slice(1) },
          mark: { type: "point", filled: true, size: 22 },
          encoding: {
            x: { field: "step" },
            y: { field: "usedMean", type: "quantitative", title: null },
            color: { datum: "mean that y used" },
          },
        },
        {
          data: { values: [...steps] },
          mark: { type: "line", interpolate: "step-after", strokeWidth: 2.5 },
          encoding: {
            x: { field: "step" },
            y: { field: "runningMean", type: "quantitative" },
            color: { datum: "running mean" },
          },
        },
        {
          data: { values: [...steps] },
          mark: { type: "line", interpolate: "step-after", strokeWidth: 2.5, strokeDash: [6, 3] },
          encoding: {
            x: { field: "step" },
            y: { field: "runningVar", type: "quantitative" },
            color: { datum: "running variance" },
          },
        },
      ],
    }),
    [steps, history],
  );
  return <Plot label={`Running mean and variance over ${steps.length - 1} steps`} spec={spec} />;
}

function Last({ step }: { readonly step: Step }) {
  return (
    <p class="tight" aria-live="polite">
      {step.mode === null ? "Before the first step" : `After step ${step.step} (${step.mode})`}: running mean{" "}
      <b data-testid="running-mean">{digitsOf(step.runningMean)}</b>, running variance{" "}
      <b data-testid="running-var">{digitsOf(step.runningVar)}</b>.
    </p>
  );
}
