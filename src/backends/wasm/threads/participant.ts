// The build also makes the workers' source text of this file, so it must import nothing but types.
import type { WasmExports, WasmFunction, WasmMemory, WasmModule } from "../../../tensor/webAssembly.ts";

/** Most threads of a team. */
export const mostThreads = 64;

/** Most arguments of a kernel before scratch, begin and end. */
export const mostArguments = 60;

/** How long a worker looks for the next call before it sleeps, and the caller for the last part. */
export const spinMilliseconds = 0.04;

/** Bytes of scratch that each part of a call has. */
export const scratchBytes = 65536;

/** Bytes of a team's control block. */
export const controlBytes = 12288;

// Words of the control block; what one thread writes often and others read has a cache line of its own.
/** Counts calls and wakes the workers. */
const generationWord = 0;
/** Pieces not finished. */
const pendingWord = 16;
/** Workers in Atomics.wait. */
const sleepersWord = 32;
/** Workers that ever started. */
const readyWord = 48;
const kernelWord = 64;
const argumentCountWord = 65;
const partsWord = 66;
const failedWord = 67;
const messageLengthWord = 68;
/** One cache line for each part. */
const claimsWord = 80;
const claimStride = 16;

/**
 * Where the pieces of a part end, in sixteenths. Most of it is its thread's own, whose cache the data may be in; the rest goes
 * to whoever is ready first, since processors differ in speed.
 */
const pieceEnds = [11, 14, 16];

/** Bytes from the control block's start. */
const numbersOffset = 8192;
const messageOffset = 9216;
const mostMessageLetters = 1024;

// Numbers of a call.
const itemsNumber = 0;
const scratchNumber = 1;
const firstArgumentNumber = 2;

/** What a worker is started with. */
export interface WorkerStart {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  /** Address of the control block. */
  readonly control: number;
  /** Which part is this worker's own: 1 and up. */
  readonly index: number;
}

/** A team as one of its threads sees it. */
export interface Participant {
  readonly control: Int32Array;
  readonly numbers: Float64Array;
  readonly message: Uint16Array;
  /** In the order of the module's exports, which every instance shares. */
  readonly kernels: readonly WasmFunction[];
}

/** A kernel call: items [0, items) are split into `parts` ranges, one for each thread, and those into pieces. */
export interface Call {
  readonly kernel: number;
  readonly args: readonly number[];
  readonly items: number;
  readonly parts: number;
  /** Address of the first thread's scratch; the others' follow. */
  readonly scratch: number;
}

/** A thread's view of the control block, over its own instance of the kernels. */
export function participant(memory: WasmMemory, control: number, exports: WasmExports): Participant {
  return {
    control: new Int32Array(memory.buffer, control, numbersOffset / 4),
    numbers: new Float64Array(memory.buffer, control + numbersOffset, firstArgumentNumber + mostArguments),
    message: new Uint16Array(memory.buffer, control + messageOffset, mostMessageLetters),
    kernels: Object.values(exports),
  };
}

/** Makes a call known to the workers and returns its generation. */
export function announce({ control, numbers }: Participant, call: Call): number {
  const generation = (control[generationWord] + 1) | 0;
  control[kernelWord] = call.kernel;
  control[argumentCountWord] = call.args.length;
  control[partsWord] = call.parts;
  control[failedWord] = 0;
  numbers[itemsNumber] = call.items;
  numbers[scratchNumber] = call.scratch;
  for (let i = 0; i < call.args.length; i++) numbers[firstArgumentNumber + i] = call.args[i];
  Atomics.store(control, pendingWord, call.parts * pieceEnds.length);
  for (let part = 0; part < call.parts; part++) {
    Atomics.store(control, claimsWord + part * claimStride, openClaim(generation));
  }
  Atomics.store(control, generationWord, generation);
  if (Atomics.load(control, sleepersWord) > 0) Atomics.notify(control, generationWord, call.parts - 1);
  return generation;
}

/**
 * Runs the pieces of a call that nobody has taken, those of part `own` first. A worker that is late, asleep or dead
 * before it took a piece so costs time, never the result.
 */
export function runParts(team: Participant, generation: number, own: number): void {
  const { control } = team;
  const parts = Atomics.load(control, partsWord);
  if (own >= parts) return;
  for (let i = 0; i < parts; i++) {
    const part = (own + i) % parts;
    for (let piece = claim(control, generation, part); piece >= 0; piece = claim(control, generation, part)) {
      try {
        runPiece(team, own, part, piece);
      } catch (error) {
        recordFailure(team, error);
      }
      if (Atomics.sub(control, pendingWord, 1) === 1) Atomics.notify(control, pendingWord);
    }
  }
}

/** The next piece of a part, now this thread's; -1 if there is none, or the call is over. */
function claim(control: Int32Array, generation: number, part: number): number {
  const at = claimsWord + part * claimStride;
  const open = openClaim(generation);
  // A claim is of one generation, so that a thread that slept through a whole call cannot take part in the next.
  for (let next = Atomics.load(control, at); ; ) {
    const piece = (next - open) | 0;
    if (piece < 0 || piece >= pieceEnds.length) return -1;
    const found = Atomics.compareExchange(control, at, next, next + 1);
    if (found === next) return piece;
    next = found;
  }
}

/** First item of a part. */
export function boundary(items: number, parts: number, part: number): number {
  return Math.floor((items * part) / parts);
}

/** Pieces that are not finished. */
export function pendingPieces({ control }: Participant): number {
  return Atomics.load(control, pendingWord);
}

/** Sleeps until the last piece is finished or `milliseconds` have passed. */
export function sleepWhilePending({ control }: Participant, pending: number, milliseconds: number): void {
  Atomics.wait(control, pendingWord, pending, milliseconds);
}

/** Workers that have started. */
export function readyWorkers({ control }: Participant): number {
  return Atomics.load(control, readyWord);
}

/** Workers that a call would have to wake. */
export function sleepingWorkers({ control }: Participant): number {
  return Atomics.load(control, sleepersWord);
}

/** What went wrong in the last call, or undefined. */
export function failureOf({ control, message }: Participant): string | undefined {
  if (Atomics.load(control, failedWord) === 0) return undefined;
  return String.fromCharCode(...message.subarray(0, control[messageLengthWord]));
}

/** A worker's life: takes part in every call until its thread is terminated. */
export function serve(start: WorkerStart): void {
  const api = (globalThis as unknown as { WebAssembly: { Instance: InstanceConstructor } }).WebAssembly;
  const { exports } = new api.Instance(start.module, { env: { memory: start.memory } });
  const team = participant(start.memory, start.control, exports);
  const { control } = team;
  let seen = 0;
  Atomics.add(control, readyWord, 1);
  for (;;) {
    const generation = nextGeneration(control, seen);
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
  return generation << 2;
}

function runPiece(
  { control, numbers, kernels }: Participant,
  own: number,
  part: number,
  piece: number,
): void {
  const parts = control[partsWord];
  const items = numbers[itemsNumber];
  const from = boundary(items, parts, part);
  const length = boundary(items, parts, part + 1) - from;
  const begin = piece === 0 ? from : from + pieceEnd(length, piece - 1);
  const end = from + pieceEnd(length, piece);
  if (begin === end) return;
  const args: number[] = [];
  const count = control[argumentCountWord];
  for (let i = 0; i < count; i++) args.push(numbers[firstArgumentNumber + i]);
  kernels[control[kernelWord]](...args, numbers[scratchNumber] + own * scratchBytes, begin, end);
}

/** Items of a part of so many items before the end of a piece. */
function pieceEnd(length: number, piece: number): number {
  return Math.floor((length * pieceEnds[piece]) / 16);
}

function recordFailure({ control, message }: Participant, error: unknown): void {
  if (Atomics.compareExchange(control, failedWord, 0, -1) !== 0) return;
  const text = String(error).slice(0, mostMessageLetters);
  for (let i = 0; i < text.length; i++) message[i] = text.charCodeAt(i);
  control[messageLengthWord] = text.length;
  Atomics.store(control, failedWord, 1);
}

function nextGeneration(control: Int32Array, seen: number): number {
  const end = performance.now() + spinMilliseconds;
  do {
    for (let i = 0; i < 64; i++) {
      const generation = Atomics.load(control, generationWord);
      if (generation !== seen) return generation;
    }
  } while (performance.now() < end);
  Atomics.add(control, sleepersWord, 1);
  while (Atomics.load(control, generationWord) === seen) Atomics.wait(control, generationWord, seen);
  Atomics.sub(control, sleepersWord, 1);
  return Atomics.load(control, generationWord);
}
