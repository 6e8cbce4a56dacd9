import { shapeText } from "../../src/tensor/shape.ts";
import { ulpDistance } from "../ulp.ts";
import type { JsonTensor, JsonTolerance, Outputs } from "./schema.ts";

interface Bound {
  readonly rtol: number;
  readonly atol: number;
  readonly ulp: number;
}

/** The bound of a case for a dtype. */
function boundFor(tolerance: JsonTolerance, dtype: "float32" | "float64"): Bound {
  if (!tolerance) return { rtol: 0, atol: 0, ulp: 0 };
  const { rtol = 0, atol = 0, ulp = 0 } = tolerance[dtype] ?? tolerance;
  return { rtol, atol, ulp };
}

/** What differs from the expected values beyond the tolerance, one line each; shapes are compared for y and gradInput. */
export function differences(
  outputs: Outputs,
  expected: Readonly<Record<string, JsonTensor | null>>,
  tolerance: JsonTolerance,
  dtype: "float32" | "float64",
): string[] {
  const bound = boundFor(tolerance, dtype);
  const lines: string[] = [];
  for (const [name, value] of Object.entries(expected)) {
    if (value === null || !Array.isArray(value.data)) continue;
    const got = outputs[name];
    if (got === undefined) lines.push(`${name}: nothing computed`);
    else lines.push(...differencesOf(name, got, value, bound));
  }
  return lines;
}

function differencesOf(name: string, got: Outputs[string], expected: JsonTensor, bound: Bound): string[] {
  if (got.data.length !== expected.data.length) {
    return [`${name}: expected ${expected.data.length} values, got ${got.data.length}`];
  }
  const isActivation = name === "y" || name === "gradInput";
  if (isActivation && shapeText(got.shape) !== shapeText(expected.shape)) {
    return [`${name}: expected shape ${shapeText(expected.shape)}, got ${shapeText(got.shape)}`];
  }
  for (let i = 0; i < expected.data.length; i++) {
    const want = Number(expected.data[i]);
    const have = Number(got.data[i]);
    if (!isClose(have, want, bound)) return [`${name}[${i}]: expected ${want}, got ${have}`];
  }
  return [];
}

function isClose(have: number, want: number, { rtol, atol, ulp }: Bound): boolean {
  if (Object.is(have, want) || have === want || (Number.isNaN(have) && Number.isNaN(want))) return true;
  if (!Number.isFinite(have) || !Number.isFinite(want)) return false;
  return Math.abs(have - want) <= atol + rtol * Math.abs(want) || (ulp > 0 && ulpDistance(have, want) <= ulp);
}
