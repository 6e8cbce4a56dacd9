import type { Case } from "./cases.ts";
import type { ResultName } from "./inputs.ts";

/** What the orchestrator asks, one JSON line on the child's stdin. */
export type Request =
  | { readonly op: "prepare"; readonly case: Case; readonly folder: string }
  | { readonly op: "check"; readonly folder: string }
  | { readonly op: "run"; readonly milliseconds: number }
  | { readonly op: "release" };

/** What the child answers, one JSON line on its file descriptor 3; the first is its greeting. */
export interface Answer {
  /** Greeting: version of the peer, and what a reader of the table should know. */
  readonly version?: string;
  readonly note?: string;
  /** Why the peer, or this case of it, cannot run. */
  readonly skip?: string;
  /** What went wrong. */
  readonly error?: string;
  /** To check: which results were written to the folder. */
  readonly results?: readonly ResultName[];
  /** To run: median nanoseconds per call, how many calls were timed, and page faults of the whole run. */
  readonly nanoseconds?: number;
  readonly calls?: number;
  readonly pageFaults?: number;
}

/** File descriptor that answers go to; stdout is left to the libraries that print on it. */
export const answerDescriptor = 3;
