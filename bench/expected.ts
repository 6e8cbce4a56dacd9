import type { Case } from "./cases.ts";
import { type Inputs, type ResultName, type Results, resultNames } from "./inputs.ts";
import { inPlainArrays, type Library, prepareCase } from "./library.ts";
import { scaledError } from "./stats.ts";

/** The reference backend's results: computed in float64, stored as float32 (6e-8 relative). */
export function expectedOf(library: Library, c: Case, inputs: Inputs): Results {
  return prepareCase(library, c, inputs, inPlainArrays(library), "reference").results();
}

/** Results that a peer must return for a case; the others are checked where it returns them. */
export function requiredResults(c: Case): readonly ResultName[] {
  if (c.mode !== "forward+backward") return ["y"];
  return c.layer === "RMSNorm" ? ["y", "dx", "dWeight"] : ["y", "dx", "dWeight", "dBias"];
}

/** Outcome of a check: the largest scaled error over all results, and what is wrong, if anything. */
export interface Checked {
  readonly error: number;
  readonly problem: string | null;
}

/** Compares the results that `read` gives with the expected ones. */
export function checkResults(
  c: Case,
  expected: Results,
  given: readonly ResultName[],
  read: (name: ResultName, length: number) => ArrayLike<number>,
  tolerance: number,
): Checked {
  const absent = requiredResults(c).filter((name) => !given.includes(name));
  if (absent.length > 0) return { error: Number.POSITIVE_INFINITY, problem: `no ${absent.join(", ")}` };
  let worst = 0;
  const problems: string[] = [];
  for (const name of resultNames) {
    const want = expected[name];
    if (want === undefined || !given.includes(name)) continue;
    const error = scaledError(read(name, want.length), want);
    worst = Math.max(worst, error);
    if (!(error <= tolerance)) problems.push(`${name} is off by ${error.toExponential(1)}`);
  }
  const problem = problems.length === 0 ? null : `${problems.join(", ")}; tolerance ${tolerance}`;
  return { error: worst, problem };
}
