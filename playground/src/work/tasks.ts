/** Tells how far a task is: of `total` steps, `done`; total 0 where it is not known. */
export type OnProgress = (done: number, total: number, text?: string) => void;

/** What the worker computes off the main thread: each task by its name. */
export const tasks = {} as const satisfies Readonly<
  Record<string, (input: never, onProgress: OnProgress) => unknown>
>;

export type Tasks = typeof tasks;
