/** Ranks that did not take part in an exchange in time. */
export class AbsentError extends Error {
  override readonly name = "AbsentError";
  /** Ranks that are known to be missing; empty where it could not be found out. */
  readonly ranks: readonly number[];

  constructor(message: string, ranks: readonly number[]) {
    super(message);
    this.ranks = ranks;
  }
}

/** What carries bytes among ranks: MPI, or memory that threads share. */
export interface Transport {
  /** This participant's number, from 0. */
  readonly rank: number;
  /** How many participate. */
  readonly size: number;
  /** What it is, for messages: `mpi`, `workers`. */
  readonly name: string;
  /**
   * Gives this rank's bytes to all and takes theirs, in the order of ranks; lengths may differ. Blocks until all have
   * come.
   *
   * @throws AbsentError if a rank has died, or has not come within `milliseconds`
   */
  exchange(bytes: Uint8Array, milliseconds: number): readonly Uint8Array[];
  /** Lets go of what it holds; `isBroken` where ranks may be missing, so that nothing may wait for them. */
  close(isBroken: boolean): void;
}
