import type { Case } from "../cases.ts";
import type { Inputs, Results } from "../inputs.ts";

/** A case that a peer is ready to run. */
export interface Prepared {
  /** Runs once from the initial state and reads the results back; called before any `repeat`. */
  results(): Results | Promise<Results>;
  /** Runs `count` times. */
  repeat(count: number): void | Promise<void>;
  /** Frees what the case holds. */
  release?(): void | Promise<void>;
}

/** Something that normalizes and can be timed. */
export interface Peer {
  readonly version: string;
  /** What a reader of the table should know. */
  readonly note?: string;
  /** Makes a case ready, or says why it cannot. */
  prepare(c: Case, inputs: Inputs): Prepared | Skip | Promise<Prepared | Skip>;
}

/** A case that a peer cannot run, and why. */
export interface Skip {
  readonly skip: string;
}

/** How a peer is started. */
export interface PeerOptions {
  readonly threads: number;
  readonly source: "dist" | "src";
  /** Backend of evenkeel; null for its default. */
  readonly backend: string | null;
  /** Which of a module's variants: evenkeel "pool" or "plain", copy "wasm" or "memcpy". */
  readonly variant: string;
}

/** What each module in this folder exports. */
export interface PeerModule {
  open(options: PeerOptions): Promise<Peer>;
}

/** Repeats a call that is over when it returns. */
export function repeatCall(call: () => void): (count: number) => void {
  return (count) => {
    for (let i = 0; i < count; i++) call();
  };
}
