import { identifyArrays } from "../check/task.ts";
import { convertFile, foldFile, inspectFile } from "../checkpoint/tasks.ts";
import { measure } from "../speed/measure.ts";

/** What the worker computes off the main thread: each task by its name. */
export const tasks = {
  identify: identifyArrays,
  inspect: inspectFile,
  fold: foldFile,
  convert: convertFile,
  speed: measure,
};

export type Tasks = typeof tasks;
