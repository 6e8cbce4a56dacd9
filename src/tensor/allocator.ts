/** Bytes in one unit of allocation; every block starts at a multiple of it. */
export const unitBytes = 64;

/** Blocks from this size on are placed by the rule of {@link Allocator.allocate}. */
export const bigBytes = 32768;

/**
 * Distance, modulo 4096, of each big block from the one before: loads and stores whose addresses agree in
 * the low 12 bits wait for each other, and this distance measured fastest.
 */
export const skewBytes: number = 4096 - 832;

const pageBytes = 4096;
const rowClasses = 16;
const rows = 24;
/** Free blocks of a size's own class that are looked at before a larger class is taken. */
const scanLimit = 64;

/** A stretch of memory, in units. */
interface Stretch {
  start: number;
  size: number;
  isFree: boolean;
  before: Stretch | null;
  after: Stretch | null;
  previousFree: Stretch | null;
  nextFree: Stretch | null;
}

/** Gives out and takes back ranges of a growing address space. */
export interface Allocator {
  /**
   * Address of a free block of at least `bytes`, at a multiple of 64.
   *
   * A block of 32 KiB or more starts 832 bytes below `after` modulo 4096, by default below the big block before.
   */
  allocate(bytes: number, after?: number): number;
  /** Takes a block back; it merges with its free neighbours. */
  free(pointer: number): void;
  /** Bytes given out, padding included. */
  readonly used: number;
  /** End of the highest block that was ever given out: beyond it nothing has been written. */
  readonly highWater: number;
  /** Free stretches, for tests: address and bytes, in order of address. */
  freeStretches(): { readonly start: number; readonly bytes: number }[];
}

/**
 * A two-level segregated-fit allocator (Masmano et al. 2004): constant time, blocks merge when freed.
 *
 * @param first first address that may be given out
 * @param grow makes the space reach at least `end` and returns its new end, or throws; `asked` is the size of the
 *   block that needs it, for the message
 */
export function createAllocator(first: number, grow: (end: number, asked: number) => number): Allocator {
  const heads: (Stretch | null)[] = new Array(rows * rowClasses).fill(null);
  const classBits = new Int32Array(rows);
  const held = new Map<number, Stretch>();
  let rowBits = 0;
  let last: Stretch | null = null;
  let end = first / unitBytes;
  let usedUnits = 0;
  let highUnits = end;
  let previousBig = 0;

  function link(stretch: Stretch): void {
    const index = classOf(stretch.size);
    const head = heads[index];
    stretch.isFree = true;
    stretch.previousFree = null;
    stretch.nextFree = head;
    if (head) head.previousFree = stretch;
    heads[index] = stretch;
    classBits[index >> 4] |= 1 << (index & 15);
    rowBits |= 1 << (index >> 4);
  }

  function unlink(stretch: Stretch): void {
    const { previousFree, nextFree } = stretch;
    stretch.isFree = false;
    if (nextFree) nextFree.previousFree = previousFree;
    if (previousFree) {
      previousFree.nextFree = nextFree;
      return;
    }
    const index = classOf(stretch.size);
    heads[index] = nextFree;
    if (nextFree) return;
    classBits[index >> 4] &= ~(1 << (index & 15));
    if (classBits[index >> 4] === 0) rowBits &= ~(1 << (index >> 4));
  }

  function find(size: number): Stretch | null {
    const index = classOf(size);
    // More than any memory holds: growing says so.
    if (index >= heads.length) return null;
    let best: Stretch | null = null;
    let seen = 0;
    for (let at = heads[index]; at !== null && seen < scanLimit; at = at.nextFree, seen++) {
      if (at.size >= size && (best === null || at.size < best.size)) best = at;
      if (best?.size === size) break;
    }
    if (best) return best;
    const row = index >> 4;
    const rest = classBits[row] & (-2 << (index & 15));
    if (rest !== 0) return heads[(row << 4) | lowestBit(rest)];
    const higher = rowBits & (-2 << row);
    if (higher === 0) return null;
    const taken = lowestBit(higher);
    return heads[(taken << 4) | lowestBit(classBits[taken])];
  }

  function extend(size: number, asked: number): Stretch {
    const missing = last?.isFree ? size - last.size : size;
    const grown = Math.floor(grow((end + missing) * unitBytes, asked) / unitBytes);
    const added = grown - end;
    let stretch = last;
    if (stretch?.isFree) {
      unlink(stretch);
      stretch.size += added;
    } else {
      stretch = newStretch(end, added, last, null);
      if (last) last.after = stretch;
      last = stretch;
    }
    end = grown;
    link(stretch);
    return stretch;
  }

  function take(size: number, asked: number): Stretch {
    const stretch = find(size) ?? extend(size, asked);
    unlink(stretch);
    if (stretch.size > size) {
      const rest = newStretch(stretch.start + size, stretch.size - size, stretch, stretch.after);
      if (stretch.after) stretch.after.before = rest;
      else last = rest;
      stretch.after = rest;
      stretch.size = size;
      link(rest);
    }
    usedUnits += size;
    highUnits = Math.max(highUnits, stretch.start + size);
    return stretch;
  }

  /** Puts `gone`, the neighbour above, into `stretch`. */
  function absorb(stretch: Stretch, gone: Stretch): void {
    stretch.size += gone.size;
    stretch.after = gone.after;
    if (gone.after) gone.after.before = stretch;
    else last = stretch;
  }

  return {
    allocate(bytes, after) {
      const isBig = bytes >= bigBytes;
      // The padding belongs to the block, so that a freed block fits the next one of its size wherever that goes.
      const padded = isBig ? bytes + pageBytes - unitBytes : bytes;
      const stretch = take(Math.max(1, Math.ceil(padded / unitBytes)), bytes);
      let pointer = stretch.start * unitBytes;
      if (isBig) {
        const wanted = (after ?? previousBig) + skewBytes;
        pointer += ((((wanted - pointer) % pageBytes) + pageBytes) % pageBytes) & -unitBytes;
        previousBig = pointer;
      }
      held.set(pointer, stretch);
      return pointer;
    },

    free(pointer) {
      let stretch = held.get(pointer);
      if (stretch === undefined) throw new RangeError(`kernel memory: no block starts at ${pointer}`);
      held.delete(pointer);
      usedUnits -= stretch.size;
      const { before, after } = stretch;
      if (after?.isFree) {
        unlink(after);
        absorb(stretch, after);
      }
      if (before?.isFree) {
        unlink(before);
        absorb(before, stretch);
        stretch = before;
      }
      link(stretch);
    },

    get used() {
      return usedUnits * unitBytes;
    },

    get highWater() {
      return highUnits * unitBytes;
    },

    freeStretches() {
      const free: { start: number; bytes: number }[] = [];
      for (let at = last; at !== null; at = at.before) {
        if (at.isFree) free.unshift({ start: at.start * unitBytes, bytes: at.size * unitBytes });
      }
      return free;
    },
  };
}

function newStretch(start: number, size: number, before: Stretch | null, after: Stretch | null): Stretch {
  return { start, size, isFree: false, before, after, previousFree: null, nextFree: null };
}

/** Sizes below 16 units have a class each; above, each power of two is divided into 16. */
function classOf(size: number): number {
  if (size < rowClasses) return size;
  const log = 31 - Math.clz32(size);
  return ((log - 3) << 4) | ((size >>> (log - 4)) & 15);
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
