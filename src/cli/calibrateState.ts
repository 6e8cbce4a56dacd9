import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "../checkpoints/atomicWrite.ts";
import type { CalibrationState } from "../checkpoints/index.ts";
import type { Identity } from "./activations.ts";

/** What an interrupted `evenkeel calibrate` leaves, for the same command to go on from. */
export interface SavedWork {
  /** What must be the same when it goes on. */
  readonly task: CalibrationTask;
  /** Arrays that are done, and samples of the next one. */
  readonly arrays: number;
  readonly samples: number;
  readonly calibration: CalibrationState;
}

/** What decides the result. */
export interface CalibrationTask {
  readonly layer: string;
  readonly type: string;
  readonly layout: string;
  /** Samples in a batch; null where the result does not depend on it. */
  readonly batch: number | null;
  readonly inputs: readonly Identity[];
}

/** First word of a state file. */
const format = "evenkeel calibration 1";

/**
 * The work that a state file holds; undefined if there is no such file.
 *
 * @throws RangeError if it is no state file, or of another task
 */
export async function readWork(path: string, task: CalibrationTask): Promise<SavedWork | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as { readonly code?: string }).code === "ENOENT") return undefined;
    throw new Error(`cannot read ${path}: ${(cause as Error).message.split(", ")[0]}`, { cause });
  }
  const saved = parsed(path, text);
  const { inputs, ...rest } = task;
  const { inputs: before, ...restBefore } = saved.task;
  for (const key of Object.keys(rest) as (keyof typeof rest)[]) {
    if (rest[key] !== restBefore[key]) {
      throw mismatch(path, `${key} ${restBefore[key]}`, `${key} ${rest[key]}`);
    }
  }
  if (before.length !== inputs.length) {
    throw mismatch(path, `${before.length} arrays`, `${inputs.length}`);
  }
  inputs.forEach((input, place) => {
    for (const key of ["name", "size", "modified", "head"] as const) {
      if (input[key] === before[place][key]) continue;
      throw mismatch(
        path,
        `${before[place].name} with ${key} ${before[place][key]}`,
        `${input.name} with ${key} ${input[key]}`,
      );
    }
  });
  return saved;
}

/**
 * Writes a state file; readers see the old work or the new.
 *
 * @throws Error if it cannot be written
 */
export async function writeWork(path: string, work: SavedWork): Promise<void> {
  await writeFileAtomic(
    "calibrate",
    path,
    new TextEncoder().encode(`${JSON.stringify({ format, ...work })}\n`),
  );
}

function mismatch(path: string, before: string, now: string): RangeError {
  return new RangeError(
    `${path}: expected to go on with ${before} as before, got ${now}; delete the file to start again`,
  );
}

function parsed(path: string, text: string): SavedWork {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw notState(path, cause);
  }
  const work = value as Partial<SavedWork & { readonly format: string }> | null;
  const isWork =
    work?.format === format &&
    Array.isArray(work.task?.inputs) &&
    work.task.inputs.every((input) => typeof input === "object" && input !== null) &&
    Number.isSafeInteger(work.arrays) &&
    Number.isSafeInteger(work.samples);
  if (!isWork) throw notState(path);
  return work as SavedWork;
}

function notState(path: string, cause?: unknown): RangeError {
  return new RangeError(
    `${path}: expected the state of an interrupted calibrate, got something else; delete the file to start again`,
    { cause },
  );
}
