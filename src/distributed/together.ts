import type { ProcessGroup, Step } from "./processGroup.ts";
import { ranksText } from "./processGroup.ts";

/** What a rank could not do, told on every rank. */
export class RankError extends Error {
  override readonly name = "RankError";
  /** The ranks that failed. */
  readonly ranks: readonly number[];

  constructor(message: string, ranks: readonly number[], options?: ErrorOptions) {
    super(message, options);
    this.ranks = ranks;
  }
}

const [done, failed] = [0, 1];

/**
 * Does something on every rank, and gives what each came to to all of them: if one fails, none waits for it.
 *
 * @param group the ranks; null: this one alone
 * @param call what this rank does; its result is sent as JSON
 * @returns the ranks' results, in their order
 * @throws RankError on every rank if `call` throws on one, with its error as the cause there; what `call` throws, if
 *   this rank is alone
 * @example
 * const counts = await together(group, { what: "counting" }, () => files.length);
 */
export async function together<Result>(
  group: ProcessGroup | null,
  step: Step,
  call: () => Result | Promise<Result>,
): Promise<Result[]> {
  if (group === null || group.size === 1) return [await call()];
  let outcome: { readonly status: number; readonly text: string; readonly error?: unknown };
  try {
    outcome = { status: done, text: JSON.stringify((await call()) ?? null) };
  } catch (error) {
    outcome = { status: failed, text: error instanceof Error ? error.message : String(error), error };
  }
  const text = new TextEncoder().encode(outcome.text);
  const message = new Uint8Array(1 + text.length);
  message[0] = outcome.status;
  message.set(text, 1);
  const told = group.allGather(message, step).map((each) => ({
    status: each[0],
    text: new TextDecoder().decode(each.subarray(1)),
  }));
  const first = told.find(({ status }) => status === failed);
  if (first === undefined) return told.map((each) => JSON.parse(each.text) as Result);
  const ranks = [...told.keys()].filter(
    (rank) => told[rank].status === failed && told[rank].text === first.text,
  );
  throw new RankError(`${ranksText(ranks)} of ${group.size}: ${first.text}`, ranks, { cause: outcome.error });
}
