import type { Layout } from "evenkeel";
import { useState } from "preact/hooks";
import { DropZone } from "../parts/DropZone.tsx";
import { type Activation, activationIn } from "./activations.ts";
import type { Colouring } from "./Cells.tsx";
import { type NormName, normNames, norms } from "./norms.ts";

/** What the reader chooses. */
interface Settings {
  readonly norm: NormName;
  readonly layout: Layout;
  readonly colouring: Colouring;
  readonly eps: number;
  readonly samples: number;
  readonly channels: number;
  readonly side: number;
  readonly groups: number;
  readonly text: string;
}

/** What changes each of them: `setEps` for `eps`. */
type Setters<T> = { readonly [Key in keyof T & string as `set${Capitalize<Key>}`]: (value: T[Key]) => void };

interface ControlsProps extends Settings, Setters<Settings> {
  readonly divisors: readonly number[];
  readonly setDropped: (activation: Activation | null) => void;
  readonly failure: string | null;
  /** Name of an array of the reader's own; null: the digits. */
  readonly ownName: string | null;
}

/** Which layer, which cells, which colours. */
export function Controls(props: ControlsProps) {
  const { norm, setNorm, layout, setLayout, colouring, setColouring, divisors, ownName } = props;
  return (
    <section class="card stack" aria-label="Settings">
      <div class="choices" role="radiogroup" aria-label="Layer">
        {normNames.map((name) => (
          <label key={name} class={name === norm ? "choice chosen" : "choice"}>
            <input
              type="radio"
              name="norm"
              value={name}
              checked={name === norm}
              onChange={() => setNorm(name)}
            />
            {norms[name].title}
          </label>
        ))}
      </div>
      <div class="row">
        {norm === "group" && (
          <Select label="Groups" value={props.groups} options={divisors} onChange={props.setGroups} />
        )}
        {ownName === null && (
          <>
            <Select label="Samples (N)" value={props.samples} options={upTo(6)} onChange={props.setSamples} />
            <Select
              label="Channels (C)"
              value={props.channels}
              options={upTo(8)}
              onChange={props.setChannels}
            />
            <Select label="Height and width" value={props.side} options={upTo(4)} onChange={props.setSide} />
          </>
        )}
        <label>
          Memory layout
          <select value={layout} onChange={({ currentTarget }) => setLayout(currentTarget.value as Layout)}>
            <option value="channels-first">channels first (N, C, H, W)</option>
            <option value="channels-last">channels last (N, H, W, C)</option>
          </select>
        </label>
        <label>
          Colours show
          <select
            value={colouring}
            onChange={({ currentTarget }) => setColouring(currentTarget.value as Colouring)}
          >
            <option value="sets">who shares a statistic</option>
            <option value="before">values before</option>
            <option value="after">values after</option>
          </select>
        </label>
        <label>
          eps
          <input
            class="short"
            type="text"
            inputMode="decimal"
            value={props.eps}
            onChange={({ currentTarget }) => {
              const eps = Number(currentTarget.value);
              if (eps >= 0 && eps <= 1e6) props.setEps(eps);
            }}
          />
        </label>
      </div>
      <OwnArray {...props} />
    </section>
  );
}

function OwnArray({ text, setText, setDropped, failure, ownName }: ControlsProps) {
  const [problem, setProblem] = useState<string | null>(null);
  const said = problem ?? failure;
  const take = async ([file]: readonly File[]): Promise<void> => {
    if (file === undefined) return;
    try {
      setDropped(await activationIn(file));
      setProblem(null);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <details>
      <summary>Your own array {ownName !== null && <span class="quiet">({ownName})</span>}</summary>
      <div class="columns spaced">
        <label>
          Typed or pasted: numpy, torch or JSON, 2 to 4 axes (N, C, H, W)
          <textarea
            rows={5}
            spellcheck={false}
            placeholder="[[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]]"
            value={text}
            onInput={({ currentTarget }) => {
              setDropped(null);
              setProblem(null);
              setText(currentTarget.value);
            }}
          />
        </label>
        <DropZone label="Or drop a file: .npy, printed text, JSON" accept=".npy,.txt,.json" onFiles={take}>
          <button
            type="button"
            onClick={() => {
              setDropped(null);
              setText("");
              setProblem(null);
            }}
          >
            Back to the digits
          </button>
        </DropZone>
      </div>
      {said !== null && <p role="alert">{said}</p>}
    </details>
  );
}

interface SelectProps {
  readonly label: string;
  readonly value: number;
  readonly options: readonly number[];
  readonly onChange: (value: number) => void;
}

function Select({ label, value, options, onChange }: SelectProps) {
  return (
    <label>
      {label}
      <select value={value} onChange={({ currentTarget }) => onChange(Number(currentTarget.value))}>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}

function upTo(most: number): number[] {
  return Array.from({ length: most }, (_, i) => i + 1);
}
