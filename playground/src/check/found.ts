import type { Identification } from "evenkeel/check";

/** An array as it is posted to the worker: printed text, or data with its shape. */
export type Posted =
  | string
  | { readonly data: Float32Array | Float64Array; readonly shape: readonly number[]; readonly dtype: string };

/** What identify is asked. */
export interface Arrays {
  readonly x: Posted;
  readonly y: Posted;
  readonly weight?: Posted | undefined;
  readonly bias?: Posted | undefined;
  readonly meant?: string | undefined;
}

/** What it answers, as it crosses from the worker: the probe without its methods. */
export interface Found extends Omit<Identification, "probe"> {
  /** What it was asked to be held against. */
  readonly meant: string | null;
  readonly probe: { readonly data: Float64Array; readonly shape: readonly number[] } | null;
}
