import { afterEach, describe, expect, test, vi } from "vitest";
import { type Block, loadMpi, type Mpi } from "../../src/distributed/mpi/library.ts";
import { ownPeer } from "../../src/distributed/mpi/peers.ts";
import { mpiTransport } from "../../src/distributed/mpi/transport.ts";
import { rejection } from "../checkpoints/files.ts";

/** What the other ranks of a simulated MPI do. */
interface Others {
  /** Their bytes in an exchange; null: they do not come. */
  readonly give: (exchange: number) => readonly Uint8Array[] | null;
  /** Ranks that have left a note, and the note. */
  readonly notes?: ReadonlyMap<number, Uint8Array>;
}

/** The functions of MPI as rank 0 of `size` sees them; `called` lists what was called. */
function simulated(size: number, { give, notes = new Map() }: Others): { mpi: Mpi; called: string[] } {
  const called: string[] = [];
  const blocks = new Map<bigint, Block>();
  let exchange = -1;
  let pointers = 0n;
  let gathered: readonly Uint8Array[] | null = null;
  const bytesAt = (pointer: unknown): Uint8Array => (blocks.get(pointer as bigint) as Block).bytes;
  const mpi: Mpi = {
    path: "simulated",
    world: {},
    byte: {},
    allocate(bytes) {
      const block = { pointer: ++pointers, bytes: new Uint8Array(bytes) };
      blocks.set(block.pointer, block);
      return block;
    },
    free: ({ pointer }) => void blocks.delete(pointer),
    read(name, ...args) {
      if (name === "MPI_Comm_rank") return 0;
      if (name === "MPI_Comm_size") return size;
      if (name === "MPI_Test") return gathered === null ? 0 : 1;
      if (name === "MPI_Iprobe") return notes.has(args[0] as number) ? 1 : 0;
      throw new Error(`${name} is not simulated`);
    },
    call(name, ...args) {
      called.push(name);
      if (name === "MPI_Iallgather") {
        gathered = give(++exchange);
        if (gathered === null) return;
        const lengths = new DataView(bytesAt(args[3]).buffer);
        const ownLength = new DataView(bytesAt(args[0]).buffer).getInt32(0, true);
        [ownLength, ...gathered.map(({ length }) => length)].forEach((length, rank) => {
          lengths.setInt32(4 * rank, length, true);
        });
      } else if (name === "MPI_Iallgatherv") {
        const own = bytesAt(args[0]).slice(0, args[1] as number);
        let at = 0;
        for (const each of [own, ...(gathered ?? [])]) {
          bytesAt(args[3]).set(each, at);
          at += each.length;
        }
      } else if (name === "MPI_Recv") {
        bytesAt(args[0]).set(notes.get(args[3] as number) as Uint8Array);
      }
    },
  };
  return { mpi, called };
}

const peer = (pid: number, host: string = ownPeer().host): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ host, pid }));

/** A number that no process has. */
const nobody = 2 ** 22 + 1;

/** Peers of another host, of whose processes nothing is known. */
const elsewhere = [peer(1, "elsewhere"), peer(2, "elsewhere")];

describe("exchanges by MPI", () => {
  test("carry bytes of any length in the order of ranks, then end", () => {
    const large = new Uint8Array(50_000).fill(9);
    const { mpi, called } = simulated(3, {
      give: (exchange) => (exchange === 0 ? elsewhere : [Uint8Array.of(1, 2), large]),
    });
    const transport = mpiTransport(mpi);
    expect(transport).toMatchObject({ rank: 0, size: 3, name: "mpi" });
    const [own, second, third] = transport.exchange(large.subarray(0, 9_000), 1000);
    expect(own.length).toBe(9_000);
    expect([...second]).toEqual([1, 2]);
    expect(third).toEqual(large);
    transport.close(false);
    expect(called.at(-1)).toBe("MPI_Finalize");
  });

  test("a broken group is not finalized, which would wait for ever", () => {
    const { mpi, called } = simulated(2, { give: () => [] });
    mpiTransport(mpi).close(true);
    expect(called).not.toContain("MPI_Finalize");
  });

  test("a process of this host that has ended is named, and others are left a note", () => {
    const { mpi, called } = simulated(3, {
      give: (exchange) => (exchange === 0 ? [peer(nobody), peer(process.pid)] : null),
    });
    expect(() => mpiTransport(mpi).exchange(new Uint8Array(1), 5000)).toThrow(
      "rank 1 ended without closing the group",
    );
    expect(called.filter((name) => name === "MPI_Isend")).toHaveLength(1);
  });

  test.each([
    [Uint8Array.of(0, 0, 1), "rank 2 ended without closing the group"],
    [Uint8Array.of(0, 0, 0), "other ranks have given up waiting"],
  ])("a note of another host is read: %s", (note, message) => {
    const { mpi } = simulated(3, {
      give: (exchange) => (exchange === 0 ? elsewhere : null),
      notes: new Map([[1, note]]),
    });
    expect(() => mpiTransport(mpi).exchange(new Uint8Array(1), 5000)).toThrow(message);
  });

  test("who does not come in time is told by who leaves a note", () => {
    const notes = new Map<number, Uint8Array>();
    const { mpi } = simulated(3, { give: (exchange) => (exchange === 0 ? elsewhere : null), notes });
    const transport = mpiTransport(mpi);
    expect(() => transport.exchange(new Uint8Array(1), 5)).toThrow("ranks 1, 2 did not come within 0 s");
    const late = simulated(3, { give: (exchange) => (exchange === 0 ? elsewhere : null), notes });
    const { call } = late.mpi;
    // Both leave their notes when this rank leaves its own.
    const answering: Mpi = {
      ...late.mpi,
      call(name, ...args) {
        if (name === "MPI_Isend") for (const rank of [1, 2]) notes.set(rank, Uint8Array.of(0, 0, 0));
        call(name, ...args);
      },
    };
    expect(() => mpiTransport(answering).exchange(new Uint8Array(1), 5)).toThrow(
      "not every rank came within 0 s",
    );
  });
});

describe("what is loaded as MPI", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test.each([
    [
      "/nowhere/libmpi.so",
      /Open MPI is needed.*EVENKEEL_MPI_LIBRARY names \/nowhere\/libmpi\.so.*apt-get install/,
    ],
    ["libc.so.6", /libc\.so\.6 has no MPI_Init: it is not Open MPI 4 or 5/],
  ])("%s is refused in words", async (path, message) => {
    vi.stubEnv("EVENKEEL_MPI_LIBRARY", path);
    expect((await rejection(loadMpi())).message).toMatch(message);
  });
});
