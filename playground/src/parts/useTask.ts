import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type Input, type Output, run } from "../tasks/run.ts";
import type { Tasks } from "../tasks/tasks.ts";

/** Where a task stands. */
export type TaskState<T> =
  | { readonly status: "idle" }
  | { readonly status: "running"; readonly done: number; readonly total: number }
  | { readonly status: "failed"; readonly message: string }
  | { readonly status: "finished"; readonly result: T };

/** A task of the worker for one component: started, watched and stopped. Starting again stops what runs. */
export function useTask<Name extends keyof Tasks>(
  name: Name,
): {
  readonly state: TaskState<Output<Name>>;
  readonly start: (input: Input<Name>) => void;
  readonly stop: () => void;
} {
  const [state, setState] = useState<TaskState<Output<Name>>>({ status: "idle" });
  const controller = useRef<AbortController | null>(null);
  const stop = useCallback(() => {
    controller.current?.abort();
    controller.current = null;
    setState({ status: "idle" });
  }, []);
  const start = useCallback(
    (input: Input<Name>) => {
      controller.current?.abort();
      const current = new AbortController();
      controller.current = current;
      const set = (next: TaskState<Output<Name>>): void => {
        if (controller.current === current) setState(next);
      };
      set({ status: "running", done: 0, total: 0 });
      run(name, input, {
        signal: current.signal,
        onProgress: (done, total) => set({ status: "running", done, total }),
      }).then(
        (result) => set({ status: "finished", result }),
        (error: unknown) =>
          set({ status: "failed", message: error instanceof Error ? error.message : String(error) }),
      );
    },
    [name],
  );
  useEffect(() => () => controller.current?.abort(), []);
  return { state, start, stop };
}
