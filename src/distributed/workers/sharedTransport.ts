import { ranksText } from "../processGroup.ts";
import { AbsentError, type Transport } from "../transport.ts";

/** The memory that the ranks of one machine share. */
export interface SharedMemory {
  readonly size: number;
  /** Bytes of each rank's slot. */
  readonly slotBytes: number;
  readonly control: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
}

/** Longer messages are carried in pieces of this size. */
const defaultSlotBytes = 1 << 20;

/** Control words of a rank: its round, whether it has ended, and the lengths in its two slots. */
const wordsPerRank = 4;
/** The first control word counts events; waiting ranks sleep on it. */
const eventWord = 0;
const roundWord = (rank: number): number => 1 + wordsPerRank * rank;
const endedWord = (rank: number): number => roundWord(rank) + 1;
const lengthWord = (rank: number, round: number): number => roundWord(rank) + 2 + (round & 1);

/** Memory for `size` ranks. */
export function sharedMemory(size: number, slotBytes: number = defaultSlotBytes): SharedMemory {
  return {
    size,
    slotBytes,
    control: new SharedArrayBuffer(4 * (1 + wordsPerRank * size)),
    // Two slots each: a rank fills one while slower ranks still read the other.
    slots: new SharedArrayBuffer(2 * size * slotBytes),
  };
}

/** Marks a rank as ended, so that none waits for it. */
export function markEnded({ control }: SharedMemory, rank: number): void {
  const words = new Int32Array(control);
  Atomics.store(words, endedWord(rank), 1);
  Atomics.add(words, eventWord, 1);
  Atomics.notify(words, eventWord);
}

/** Carries bytes through memory that threads share. */
export function sharedTransport(memory: SharedMemory, rank: number): Transport {
  const { size, slotBytes } = memory;
  const words = new Int32Array(memory.control);
  const slots = new Uint8Array(memory.slots);
  let round = 0;

  const slotStart = (owner: number): number => (2 * owner + (round & 1)) * slotBytes;

  /** Ranks that have not begun this round. */
  function behind(): number[] {
    return Array.from({ length: size }, (_, other) => other).filter(
      (other) => Atomics.load(words, roundWord(other)) < round,
    );
  }

  function awaitAll(deadline: number, milliseconds: number): void {
    for (;;) {
      const event = Atomics.load(words, eventWord);
      const waiting = behind();
      if (waiting.length === 0) return;
      const dead = waiting.filter((other) => Atomics.load(words, endedWord(other)) === 1);
      if (dead.length > 0) {
        throw new AbsentError(`${ranksText(dead)} ended without closing the group`, dead);
      }
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new AbsentError(
          `${ranksText(waiting)} did not come within ${Math.round(milliseconds / 100) / 10} s`,
          waiting,
        );
      }
      Atomics.wait(words, eventWord, event, left);
    }
  }

  /** One piece of every rank's message, and how many bytes each has in all from here on. */
  function exchangePiece(bytes: Uint8Array, deadline: number, milliseconds: number) {
    round++;
    slots.set(bytes.subarray(0, slotBytes), slotStart(rank));
    Atomics.store(words, lengthWord(rank, round), bytes.length);
    Atomics.store(words, roundWord(rank), round);
    Atomics.add(words, eventWord, 1);
    Atomics.notify(words, eventWord);
    awaitAll(deadline, milliseconds);
    return Array.from({ length: size }, (_, other) => {
      const length = Atomics.load(words, lengthWord(other, round));
      return { length, piece: slots.slice(slotStart(other), slotStart(other) + Math.min(length, slotBytes)) };
    });
  }

  return {
    rank,
    size,
    name: "workers",
    exchange(bytes, milliseconds) {
      const deadline = performance.now() + milliseconds;
      const pieces: Uint8Array[][] = Array.from({ length: size }, () => []);
      for (let at = 0, longest = 1; longest > 0; at += slotBytes) {
        const all = exchangePiece(bytes.subarray(at), deadline, milliseconds);
        all.forEach(({ piece }, other) => {
          pieces[other].push(piece);
        });
        longest = Math.max(...all.map(({ length }) => length - slotBytes));
      }
      return pieces.map(joined);
    },
    close: () => markEnded(memory, rank),
  };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
