import { ranksText } from "../processGroup.ts";
import { AbsentError, type Transport } from "../transport.ts";
import { type Block, type Mpi, output } from "./library.ts";
import { deadRanks, ownPeer, type Peer } from "./peers.ts";

/** How long a rank looks for the others before it begins to sleep between looks. */
const spinMilliseconds = 0.1;

/** The sleep between looks: other ranks may need this core. */
const napMilliseconds = 0.1;

/** How often a waiting rank looks whether the others' processes are alive. */
const watchMilliseconds = 20;

/** How long a rank that gives up waits for notes of the others that do. */
const noteMilliseconds = 500;

/** How long a rank sees to it that its notes are sent: to ranks it has not talked to yet a connection is made first. */
const sendMilliseconds = 150;

/** Tag of the notes; no collective uses it. */
const noteTag = 4242;

const anyTime = Number.POSITIVE_INFINITY;

/** Carries bytes by MPI's own collectives, among all ranks of MPI_COMM_WORLD. */
export function mpiTransport(mpi: Mpi): Transport {
  const { world, byte } = mpi;
  const rank = mpi.read("MPI_Comm_rank", world);
  const size = mpi.read("MPI_Comm_size", world);
  const request = mpi.allocate(8);
  const own = mpi.allocate(4);
  const lengths = mpi.allocate(4 * size);
  const offsets = mpi.allocate(4 * size);
  let send = mpi.allocate(4096);
  let receive = mpi.allocate(4096 * size);
  let peers: readonly Peer[] = [];
  const nap = new Int32Array(new SharedArrayBuffer(4));

  function isFinished(): boolean {
    return mpi.read("MPI_Test", request.pointer, output, null) !== 0;
  }

  function finish(milliseconds: number): void {
    const start = performance.now();
    let watched = start;
    while (!isFinished()) {
      const now = performance.now();
      if (now - start < spinMilliseconds) continue;
      if (now - watched > watchMilliseconds) {
        watched = now;
        const dead = deadRanks(peers);
        // What a rank had sent before it ended may still be on its way.
        if (dead.length > 0 && !isFinished()) {
          // Ranks of other hosts cannot see it.
          leaveNotes(dead);
          throw gone(dead);
        }
        const [told] = noted(anyTime);
        if (told !== undefined) throw toldBy(told);
      }
      if (now - start > milliseconds) throw late(milliseconds, missing());
      Atomics.wait(nap, 0, 0, napMilliseconds);
    }
  }

  /** Ranks that have left a note. */
  function noted(upTo: number): number[] {
    return Array.from({ length: Math.min(size, upTo) }, (_, other) => other).filter(
      (other) => other !== rank && mpi.read("MPI_Iprobe", other, noteTag, world, output, null) !== 0,
    );
  }

  /** Leaves a note for every rank: a byte for each rank, 1 for those that have died. */
  function leaveNotes(dead: readonly number[]): void {
    const note = mpi.allocate(size);
    note.bytes.fill(0);
    for (const each of dead) note.bytes[each] = 1;
    for (let other = 0; other < size; other++) {
      if (other === rank || dead.includes(other)) continue;
      const sending = mpi.allocate(8).pointer;
      mpi.call("MPI_Isend", note.pointer, size, byte, other, noteTag, world, sending);
    }
    // Looking is what makes MPI send.
    for (const end = performance.now() + sendMilliseconds; performance.now() < end; ) {
      noted(anyTime);
      Atomics.wait(nap, 0, 0, 1);
    }
  }

  /** What the note of a rank says. */
  function toldBy(other: number): AbsentError {
    const note = mpi.allocate(size);
    mpi.call("MPI_Recv", note.pointer, size, byte, other, noteTag, world, null);
    const dead = Array.from(note.bytes.keys()).filter((each) => note.bytes[each] === 1);
    return dead.length > 0 ? gone(dead) : new AbsentError("other ranks have given up waiting", []);
  }

  /** Leaves a note for every rank, and tells from whom none comes. */
  function missing(): number[] {
    leaveNotes([]);
    const end = performance.now() + noteMilliseconds;
    let present = noted(anyTime);
    while (present.length < size - 1 && performance.now() < end) {
      Atomics.wait(nap, 0, 0, 1);
      present = noted(anyTime);
    }
    return Array.from({ length: size }, (_, other) => other).filter(
      (other) => other !== rank && !present.includes(other),
    );
  }

  function exchange(bytes: Uint8Array, milliseconds: number): readonly Uint8Array[] {
    const deadline = performance.now() + milliseconds;
    new DataView(own.bytes.buffer).setInt32(0, bytes.length, true);
    mpi.call("MPI_Iallgather", own.pointer, 4, byte, lengths.pointer, 4, byte, world, request.pointer);
    finish(milliseconds);
    const counts = new Int32Array(lengths.bytes.buffer, 0, size);
    const starts = new Int32Array(offsets.bytes.buffer, 0, size);
    let total = 0;
    for (let other = 0; other < size; other++) {
      starts[other] = total;
      total += counts[other];
    }
    send = atLeast(mpi, send, bytes.length);
    receive = atLeast(mpi, receive, total);
    send.bytes.set(bytes);
    mpi.call(
      "MPI_Iallgatherv",
      ...[send.pointer, bytes.length, byte],
      ...[receive.pointer, lengths.pointer, offsets.pointer, byte, world, request.pointer],
    );
    finish(Math.max(1, deadline - performance.now()));
    return Array.from(counts, (count, other) => receive.bytes.slice(starts[other], starts[other] + count));
  }

  return {
    rank,
    size,
    name: "mpi",
    exchange(bytes, milliseconds) {
      if (peers.length === 0) {
        const text = new TextEncoder().encode(JSON.stringify(ownPeer()));
        peers = exchange(text, milliseconds).map(
          (each) => JSON.parse(new TextDecoder().decode(each)) as Peer,
        );
      }
      return exchange(bytes, milliseconds);
    },
    close(isBroken) {
      // MPI_Finalize waits for every rank: where one is missing, it would for ever.
      if (isBroken) return;
      for (const block of [request, own, lengths, offsets, send, receive]) mpi.free(block);
      mpi.call("MPI_Finalize");
    },
  };
}

function atLeast(mpi: Mpi, block: Block, bytes: number): Block {
  if (block.bytes.length >= bytes) return block;
  mpi.free(block);
  return mpi.allocate(bytes * 2);
}

function gone(ranks: readonly number[]): AbsentError {
  return new AbsentError(`${ranksText(ranks)} ended without closing the group`, ranks);
}

function late(milliseconds: number, ranks: readonly number[]): AbsentError {
  const seconds = Math.round(milliseconds / 100) / 10;
  const who = ranks.length === 0 ? "not every rank" : `${ranksText(ranks)} did not`;
  return new AbsentError(`${who}${ranks.length === 0 ? " came" : " come"} within ${seconds} s`, ranks);
}
