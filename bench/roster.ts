import { fileURLToPath } from "node:url";
import type { PeerOptions } from "./peers/peer.ts";

/** One participant: a process of its own. */
export interface Entrant {
  /** Unique within a number of threads. */
  readonly name: string;
  readonly threads: number;
  readonly command: string;
  readonly commandArguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Largest scaled error that passes the check. */
  readonly tolerance: number;
  /** What it does: normalize, or only move the same bytes. */
  readonly kind: "norm" | "copy" | "memcpy";
}

/** What the others are compared with. */
export const base = "evenkeel";
/** The limit that memory sets. */
export const floor = "copy floor";

/** This library holds itself to float32 rounding; dWeight and dBias are sums over the whole batch. */
const ownTolerance = 1e-5;
/** Peers may sum in float32 and take the variance in one pass; a wrong convention is far beyond this. */
const peerTolerance = 1e-4;

/**
 * glibc returns large blocks to the system at each free, and the next output pays a page fault per 4 KB;
 * this keeps them. One arena, no mmap, no trimming.
 */
const tunedAllocator = {
  MALLOC_MMAP_MAX_: "0",
  MALLOC_TRIM_THRESHOLD_: String(2 ** 36),
  MALLOC_TOP_PAD_: String(64 * 2 ** 20),
  MALLOC_ARENA_MAX: "1",
};

/** Options of a whole run that children need. */
export interface RosterOptions {
  readonly source: PeerOptions["source"];
  readonly backend: string | null;
  readonly python: string;
}

/** Everyone who can take part with this number of threads, evenkeel first. */
export function rosterOf(threads: number, options: RosterOptions): readonly [Entrant, ...Entrant[]] {
  const node = (
    name: string,
    module: string,
    more: Partial<Entrant> & { variant?: string } = {},
  ): Entrant => {
    const { variant = "", ...rest } = more;
    const peerOptions: PeerOptions = { threads, source: options.source, backend: options.backend, variant };
    const child = fileURLToPath(new URL("child.ts", import.meta.url));
    return {
      name,
      threads,
      command: process.execPath,
      commandArguments: ["--expose-gc", "--import", "tsx", child, module, JSON.stringify(peerOptions)],
      environment: {},
      tolerance: peerTolerance,
      kind: "norm",
      ...rest,
    };
  };
  const torch = (name: string, environment: Readonly<Record<string, string>>): Entrant => ({
    name,
    threads,
    command: options.python,
    commandArguments: [fileURLToPath(new URL("peers/pytorch.py", import.meta.url)), String(threads)],
    environment: { OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads), ...environment },
    tolerance: peerTolerance,
    kind: "norm",
  });
  const threaded: readonly [Entrant, ...Entrant[]] = [
    node(base, "evenkeel", { variant: "pool", tolerance: ownTolerance }),
    node("evenkeel, plain arrays", "evenkeel", { variant: "plain", tolerance: ownTolerance }),
    torch("PyTorch", tunedAllocator),
    torch("PyTorch, untuned", {}),
    node("onnxruntime-node", "onnxruntimeNode"),
    node("onnxruntime-web", "onnxruntimeWeb"),
  ];
  if (threads > 1) return threaded;
  return [
    ...threaded,
    node("tfjs-wasm", "tfjs"),
    node("jax-js", "jax"),
    node("plain loop", "loop"),
    node(floor, "copy", { variant: "wasm", kind: "copy" }),
    node("memcpy", "copy", { variant: "memcpy", kind: "memcpy" }),
  ];
}
