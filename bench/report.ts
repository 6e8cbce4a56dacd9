import type { Case } from "./cases.ts";
import type { Rounds } from "./stats.ts";

/** One entrant's part in one case. */
export interface Outcome {
  readonly entrant: string;
  readonly threads: number;
  /** Largest scaled error against the reference; null where it did not get so far. */
  readonly error: number | null;
  /** Why there are no times, or null. */
  readonly reason: string | null;
  /** Nanoseconds per call of each round. */
  readonly rounds: Rounds;
  /** Whether its threads were pinned; null where that was not tried. */
  readonly pinned: boolean | null;
  /** Page faults per call, where the entrant tells. */
  readonly pageFaults: number | null;
}

/** A case and everyone's part in it. */
export interface CaseReport {
  readonly case: Case;
  readonly outcomes: readonly Outcome[];
}

/** Who took part, or why not. */
export interface Participant {
  readonly name: string;
  readonly threads: number;
  readonly version: string | null;
  readonly note: string | null;
  readonly tolerance: number;
  readonly skipped: string | null;
}

/** What `results/latest.json` holds. */
export interface Report {
  readonly date: string;
  readonly commit: string | null;
  readonly machine: {
    readonly processor: string;
    readonly processors: number;
    readonly system: string;
    readonly node: string;
  };
  readonly options: {
    readonly rounds: number;
    readonly milliseconds: number;
    readonly source: string;
    readonly threads: readonly number[];
  };
  readonly participants: readonly Participant[];
  readonly cases: readonly CaseReport[];
}

/** The outcome of an entrant in a case. */
export function outcomeOf(report: CaseReport, entrant: string, threads: number): Outcome | undefined {
  return report.outcomes.find((outcome) => outcome.entrant === entrant && outcome.threads === threads);
}
