import { hostname } from "node:os";

/** A process on some host. */
export interface Peer {
  readonly host: string;
  readonly pid: number;
}

/** This process. */
export function ownPeer(): Peer {
  return { host: hostname(), pid: process.pid };
}

/** Ranks whose processes are on this host and have ended; of other hosts nothing is known. */
export function deadRanks(peers: readonly Peer[]): number[] {
  const host = hostname();
  return peers.flatMap((peer, rank) => (peer.host === host && !isAlive(peer.pid) ? [rank] : []));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
