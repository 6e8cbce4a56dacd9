import type { Random } from "./random.ts";

/** A file format, as the harness sees it. */
export interface FuzzFormat {
  readonly name: string;
  /** A file that was right once. */
  mutate(random: Random): Uint8Array;
}
