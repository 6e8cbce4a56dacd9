import { readNpy } from "evenkeel/checkpoints";
import { useState } from "preact/hooks";
import { DropZone } from "../parts/DropZone.tsx";
import type { Posted } from "./found.ts";

interface ArrayFieldProps {
  readonly label: string;
  readonly hint: string;
  readonly value: Posted;
  readonly onChange: (value: Posted) => void;
}

/** One array: typed, pasted, or dropped as a file. */
export function ArrayField({ label, hint, value, onChange }: ArrayFieldProps) {
  const [problem, setProblem] = useState<string | null>(null);
  const take = async ([file]: readonly File[]): Promise<void> => {
    if (file === undefined) return;
    try {
      onChange(await postedFrom(file));
      setProblem(null);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  const isText = typeof value === "string";
  return (
    <div class="stack">
      <label>
        {label}
        <textarea
          rows={9}
          spellcheck={false}
          placeholder={hint}
          value={isText ? value : `${value.dtype} array of shape (${value.shape.join(", ")})`}
          readOnly={!isText}
          onInput={({ currentTarget }) => onChange(currentTarget.value)}
        />
      </label>
      <DropZone label={`${label[0]} as a file: .npy, text, JSON`} accept=".npy,.txt,.json" onFiles={take}>
        {!isText && (
          <button type="button" onClick={() => onChange("")}>
            Type instead
          </button>
        )}
      </DropZone>
      {problem !== null && <p role="alert">{problem}</p>}
    </div>
  );
}

async function postedFrom(file: File): Promise<Posted> {
  if (file.size === 0) throw new RangeError(`${file.name}: expected an array, got an empty file`);
  if (!file.name.endsWith(".npy")) return file.text();
  const { data, shape, dtype } = await readNpy(file);
  const isReal = data instanceof Float32Array || data instanceof Float64Array;
  return isReal
    ? { data, shape, dtype }
    : { data: Float64Array.from(data as ArrayLike<number>, Number), shape, dtype: "float64" };
}
