import { createGroup, type ProcessGroup } from "../processGroup.ts";
import { type SharedMemory, sharedTransport } from "./sharedTransport.ts";

/** What the module of a rank exports. */
export interface RankModule {
  readonly main: (group: ProcessGroup, data: unknown) => unknown;
}

/** What a rank's thread is started with. */
export interface RankStart {
  readonly entry: string;
  readonly rank: number;
  readonly memory: SharedMemory;
  readonly timeout: number | undefined;
  readonly data: unknown;
}

/** What a rank's thread says at its end. */
export type RankEnd = { readonly result: unknown } | { readonly message: string; readonly stack: string };

/** What a rank's thread does. */
export async function runRank({ entry, rank, memory, timeout, data }: RankStart): Promise<RankEnd> {
  const group = createGroup(sharedTransport(memory, rank), { timeout });
  try {
    const { main } = (await import(/* @vite-ignore */ entry)) as Partial<RankModule>;
    if (typeof main !== "function") throw new TypeError(`expected ${entry} to export main(group, data)`);
    return { result: await main(group, data) };
  } catch (error) {
    const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
    return { message, stack };
  }
}
