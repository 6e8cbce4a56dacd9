// The build also makes the workers' source text of this file, so it must import nothing but types.
import type { WasmExports, WasmFunction, WasmMemory, WasmModule } from "../../../tensor/webAssembly.ts";

/** Most threads of a team. */
export const mostThreads = 64;

/** Most arguments of a kernel before scratch, begin and end. */
export const mostArguments = 60;

/** Bytes of a team's control block. */
export const controlBytes = 12288;

/**
 * Words of the control block; what one thread writes often and others read has a cache line of its own.
 *
 * `generation` counts calls and wakes the workers; `pending` counts parts not finished; `sleepers`, workers in
 * Atomics.wait; `ready`, workers that ever started; from `claims`, one line per part.
 */
const word = {
  generation: 0,
  pending: 16,
  sleepers: 32,
  ready: 48,
  kernel: 64,
  argumentCount: 65,
  parts: 66,
  failed: 67,
  messageLength: 68,
  claims: 80,
  claimStride: 16,
} as const;

/** Bytes from the control block's start. */
const numbersOffset = 8192;
const messageOffset = 9216;
const mostMessageLetters = 1024;

/** Numbers of a call, before its arguments. */
const number = { items: 0, align: 1, scratch: 2, scratchStride: 3, arguments: 4 } as const;

/** What a worker is started with. */
export interface WorkerStart {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  /** Address of the control block. */
  readonly control: number;
  /** Which part is this worker's own: 1 and up. */
  readonly index: number;
  /** How long it looks for the next call before it sleeps. */
  readonly spinMilliseconds: number;
}

/** A team as one of its threads sees it. */
export interface Participant {
  readonly control: Int32Array;
  readonly numbers: Float64Array;
  readonly message: Uint16Array;
  readonly kernels: readonly WasmFunction[];
}

/** A kernel call: items [0, items) are split into `parts` ranges whose bounds are multiples of `align`. */
export interface Call {
  readonly kernel: number;
  readonly args: readonly number[];
  readonly items: number;
  readonly parts: number;
  readonly align: number;
  /** Address of the first part's scratch, and bytes from one part's to the next. */
  readonly scratch: number;
  readonly scratchStride: number;
}

/** A thread's view of the control block, over its own instance of the kernels. */
export function participant(memory: WasmMemory, control: number, exports: WasmExports): Participant {
  return {
    control: new Int32Array(memory.buffer, control, numbersOffset / 4),
    numbers: new Float64Array(memory.buffer, control + numbersOffset, 4 + mostArguments),
    message: new Uint16Array(memory.buffer, control + messageOffset, mostMessageLetters),
    kernels: kernelNames(exports).map((name) => exports[name]),
  };
}

/** Exports in an order that every instance of a module shares. */
export function kernelNames(exports: WasmExports): string[] {
  return Object.keys(exports)
    .filter((name) => typeof exports[name] === "function")
    .sort();
}

/** Makes a call known to the workers and returns its generation. */
export function announce({ control, numbers }: Participant, call: Call): number {
  const generation = (control[word.generation] + 1) | 0;
  control[word.kernel] = call.kernel;
  control[word.argumentCount] = call.args.length;
  control[word.parts] = call.parts;
  control[word.failed] = 0;
  numbers[number.items] = call.items;
  numbers[number.align] = call.align;
  numbers[number.scratch] = call.scratch;
  numbers[number.scratchStride] = call.scratchStride;
  for (let i = 0; i < call.args.length; i++) numbers[number.arguments + i] = call.args[i];
  Atomics.store(control, word.pending, call.parts);
  for (let part = 0; part < call.parts; part++) {
    Atomics.store(control, word.claims + part * word.claimStride, openClaim(generation));
  }
  Atomics.store(control, word.generation, generation);
  if (Atomics.load(control, word.sleepers) > 0) Atomics.notify(control, word.generation, call.parts - 1);
  return generation;
}

/**
 * Runs the parts of a call that nobody has taken, `own` first. A worker that is late, asleep or dead
 * before it took its part so costs time, never the result.
 */
export function runParts(team: Participant, generation: number, own: number): void {
  const { control } = team;
  const parts = Atomics.load(control, word.parts);
  for (let i = 0; i < parts; i++) {
    const part = (own + i) % parts;
    const at = word.claims + part * word.claimStride;
    const open = openClaim(generation);
    // A claim is of one generation, so that a thread that slept through a whole call cannot take part in the next.
    if (Atomics.load(control, at) !== open) continue;
    if (Atomics.compareExchange(control, at, open, open + 1) !== open) continue;
    try {
      runPart(team, part);
    } catch (error) {
      recordFailure(team, error);
    }
    if (Atomics.sub(control, word.pending, 1) === 1) Atomics.notify(control, word.pending);
  }
}

/** First item of a part. */
export function boundary(items: number, parts: number, part: number, align: number): number {
  if (part >= parts) return items;
  return Math.floor((Math.ceil(items / align) * part) / parts) * align;
}

/** Parts that are not finished. */
export function pendingParts({ control }: Participant): number {
  return Atomics.load(control, word.pending);
}

/** Sleeps until the last part is finished or `milliseconds` have passed. */
export function sleepWhilePending({ control }: Participant, pending: number, milliseconds: number): void {
  Atomics.wait(control, word.pending, pending, milliseconds);
}

/** Workers that have started. */
export function readyWorkers({ control }: Participant): number {
  return Atomics.load(control, word.ready);
}

/** Workers that a call would have to wake. */
export function sleepingWorkers({ control }: Participant): number {
  return Atomics.load(control, word.sleepers);
}

/** What went wrong in the last call, or undefined. */
export function failureOf({ control, message }: Participant): string | undefined {
  if (Atomics.load(control, word.failed) === 0) return undefined;
  return String.fromCharCode(...message.subarray(0, control[word.messageLength]));
}

/** A worker's life: takes part in every call until its thread is terminated. */
export function serve(start: WorkerStart): void {
  const api = (globalThis as unknown as { WebAssembly: { Instance: InstanceConstructor } }).WebAssembly;
  const { exports } = new api.Instance(start.module, { env: { memory: start.memory } });
  const team = participant(start.memory, start.control, exports);
  const { control } = team;
  let seen = 0;
  Atomics.add(control, word.ready, 1);
  for (;;) {
    const generation = nextGeneration(control, seen, start.spinMilliseconds);
    runParts(team, generation, start.index);
    seen = generation;
  }
}

/**
 * Entry of the worker's source text, in Node and in browsers.
 *
 * @public called by the generated source
 */
export function startWorker(): void {
  const host = globalThis as unknown as {
    process?: { getBuiltinModule?: (name: string) => { workerData?: WorkerStart } };
    onmessage: ((event: { data: WorkerStart }) => void) | null;
  };
  const threads = host.process?.getBuiltinModule?.("node:worker_threads");
  if (threads?.workerData) serve(threads.workerData);
  else host.onmessage = (event) => serve(event.data);
}

type InstanceConstructor = new (
  module: WasmModule,
  imports: { readonly env: { readonly memory: WasmMemory } },
) => { readonly exports: WasmExports };

function openClaim(generation: number): number {
  return (generation << 1) | 0;
}

function runPart({ control, numbers, kernels }: Participant, part: number): void {
  const parts = control[word.parts];
  const items = numbers[number.items];
  const align = numbers[number.align];
  const begin = boundary(items, parts, part, align);
  const end = boundary(items, parts, part + 1, align);
  if (begin === end) return;
  const scratch = numbers[number.scratch] + part * numbers[number.scratchStride];
  const args: number[] = [];
  const count = control[word.argumentCount];
  for (let i = 0; i < count; i++) args.push(numbers[number.arguments + i]);
  args.push(scratch, begin, end);
  kernels[control[word.kernel]](...args);
}

function recordFailure({ control, message }: Participant, error: unknown): void {
  if (Atomics.compareExchange(control, word.failed, 0, -1) !== 0) return;
  const text = String(error).slice(0, mostMessageLetters);
  for (let i = 0; i < text.length; i++) message[i] = text.charCodeAt(i);
  control[word.messageLength] = text.length;
  Atomics.store(control, word.failed, 1);
}

function nextGeneration(control: Int32Array, seen: number, spinMilliseconds: number): number {
  const end = performance.now() + spinMilliseconds;
  do {
    for (let i = 0; i < 64; i++) {
      const generation = Atomics.load(control, word.generation);
      if (generation !== seen) return generation;
    }
  } while (performance.now() < end);
  Atomics.add(control, word.sleepers, 1);
  while (Atomics.load(control, word.generation) === seen) Atomics.wait(control, word.generation, seen);
  Atomics.sub(control, word.sleepers, 1);
  return Atomics.load(control, word.generation);
}
