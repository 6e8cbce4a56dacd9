import { useEffect, useState } from "preact/hooks";
import { useTask } from "../parts/useTask.ts";
import { Working } from "../parts/Working.tsx";
import { anyText, integerIn, useUrlState } from "../urlState.ts";
import { Answer } from "./Answer.tsx";
import { ArrayField } from "./ArrayField.tsx";
import { examples } from "./examples.ts";
import type { Arrays, Posted } from "./found.ts";

const exampleCodec = integerIn(-1, examples.length - 1);

/** Longer text would make an address that few servers and chats carry. */
const longestShared = 1500;

/** x and y in, the normalization out. */
export function Check() {
  const [example, setExample] = useUrlState("example", -1, exampleCodec);
  const [sharedX, shareX] = useUrlState("x", "", anyText);
  const [sharedY, shareY] = useUrlState("y", "", anyText);
  const [meant, setMeant] = useUrlState("meant", "", anyText);
  const [x, setX] = useState<Posted>(sharedX);
  const [y, setY] = useState<Posted>(sharedY);
  const [weight, setWeight] = useState("");
  const [bias, setBias] = useState("");
  const { state, start, stop } = useTask("identify");

  const load = (index: number): void => {
    const arrays = examples[index]?.arrays();
    if (arrays === undefined) return;
    setX(arrays.x);
    setY(arrays.y);
    setWeight((arrays.weight as string | undefined) ?? "");
    setBias((arrays.bias as string | undefined) ?? "");
    setMeant(arrays.meant ?? "");
    start(arrays);
  };
  // The address is read once, when the part opens.
  useEffect(() => {
    if (example >= 0) load(example);
    else if (sharedX !== "" && sharedY !== "") start({ x: sharedX, y: sharedY, meant: meant || undefined });
  }, []);

  const edited =
    (set: (value: Posted) => void, share: (text: string) => void) =>
    (value: Posted): void => {
      set(value);
      setExample(-1);
      share(typeof value === "string" && value.length <= longestShared ? value : "");
    };
  const isReady = x !== "" && y !== "";
  const submit = (event: Event): void => {
    event.preventDefault();
    const arrays: Arrays = {
      x,
      y,
      meant: meant.trim() || undefined,
      weight: weight.trim() || undefined,
      bias: bias.trim() || undefined,
    };
    if (isReady) start(arrays);
  };

  return (
    <div class="stack">
      <section class="card stack" aria-label="Published hand-checks">
        <h2>Published hand-checks, some of them wrong</h2>
        <div class="choices">
          {examples.map(({ name }, index) => (
            <button
              key={name}
              type="button"
              aria-pressed={index === example}
              onClick={() => {
                setExample(index);
                load(index);
              }}
            >
              {name}
            </button>
          ))}
        </div>
      </section>
      <form class="card stack" onSubmit={submit} aria-label="Arrays">
        <div class="columns">
          <ArrayField
            label="x, the input"
            hint="[[1.1713, -10.7508], [-2.0155, -0.5290]]   printed by numpy, torch, or JSON"
            value={x}
            onChange={edited(setX, shareX)}
          />
          <ArrayField
            label="y, the output"
            hint="the same shape; print all of it, with the digits you have"
            value={y}
            onChange={edited(setY, shareY)}
          />
        </div>
        <div class="row">
          <label>
            Meant to be
            <input
              type="text"
              list="layers"
              placeholder="BatchNorm2d"
              value={meant}
              onInput={({ currentTarget }) => setMeant(currentTarget.value)}
            />
          </label>
          <datalist id="layers">
            {["BatchNorm2d", "InstanceNorm2d", "GroupNorm(2, 4)", "LayerNorm", "RMSNorm"].map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          <label>
            weight, if any
            <input
              type="text"
              value={weight}
              onInput={({ currentTarget }) => setWeight(currentTarget.value)}
            />
          </label>
          <label>
            bias, if any
            <input type="text" value={bias} onInput={({ currentTarget }) => setBias(currentTarget.value)} />
          </label>
          <button type="submit" class="primary" disabled={!isReady}>
            Identify
          </button>
        </div>
      </form>
      {state.status === "running" && (
        <Working what="Hypotheses tried:" done={state.done} total={state.total} onStop={stop} />
      )}
      {state.status === "failed" && (
        <p class="card" role="alert">
          {state.message}
        </p>
      )}
      {state.status === "finished" && <Answer key={state.result.message} found={state.result} />}
    </div>
  );
}
