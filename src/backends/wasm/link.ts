import { letterReader } from "./letters.ts";

/** Functions that the same loop shapes need: their places in the module, and their bodies one after the other, as letters. */
export interface KernelPart {
  /** First and end of each run of places. */
  readonly functions: readonly number[];
  readonly bodies: string;
}

/** A build of kernels without its functions' bodies (scripts/kernel-parts.mjs). */
export interface KernelFrame {
  readonly functionCount: number;
  /** Which bytes are one letter (letters.ts). */
  readonly frequent: string;
  /** The byte of the head that is 1 for an unshared memory and 3 for a shared one. */
  readonly sharedFlagOffset: number;
  /** What comes before the code, as letters: types, import of the memory, exports. */
  readonly head: string;
}

const codeSection = 10;

/** The body of a function that is not there, with its size: no locals, `unreachable`, `end`. */
const absent = new Uint8Array([3, 0, 0, 11]);

/** The module with these parts; a call of a function of another part traps. */
export function link(frame: KernelFrame, parts: Iterable<KernelPart>, isShared: boolean): Uint8Array {
  const bytesOf = letterReader(frame.frequent);
  const bodies = new Array<Uint8Array>(frame.functionCount).fill(absent);
  for (const { functions, bodies: text } of parts) {
    const bytes = bytesOf(text);
    let at = 0;
    for (let run = 0; run < functions.length; run += 2) {
      for (let index = functions[run]; index < functions[run + 1]; index++) {
        const end = bodyEnd(bytes, at);
        bodies[index] = bytes.subarray(at, end);
        at = end;
      }
    }
  }
  const head = bytesOf(frame.head);
  // The builds for shared and unshared memory differ in this byte alone, which the build checks.
  head[frame.sharedFlagOffset] = isShared ? 3 : 1;
  const count = leb(frame.functionCount);
  const size = bodies.reduce((sum, body) => sum + body.length, count.length);
  const pieces = [head, [codeSection, ...leb(size), ...count], ...bodies];
  const linked = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    linked.set(piece, at);
    at += piece.length;
  }
  return linked;
}

/** Where the body at an offset ends: its size comes first, in LEB128. */
function bodyEnd(bytes: Uint8Array, at: number): number {
  let size = 0;
  let place = at;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[place++];
    size |= (byte & 127) << shift;
    if (byte < 128) return place + size;
  }
}

/** A number in LEB128. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}
