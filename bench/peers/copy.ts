import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import wabtInit from "wabt";
import { type Case, elementsOf } from "../cases.ts";
import type { Inputs } from "../inputs.ts";
import { type Peer, type PeerOptions, type Prepared, repeatCall } from "./peer.ts";

/** Where a forward's traffic is x to y, and a backward adds x, dy to dx. */
interface CopyExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  copy(x: number, y: number, bytes: number): void;
  add(x: number, dy: number, dx: number, bytes: number): void;
}

/** Distance of one buffer from the last one's end modulo 4096: 4 KB aliasing makes others slower (KERNELS 2). */
const placement = 4096 - 832;
const pageBytes = 65536;

/** The copy floor: a WebAssembly loop of 128-bit loads and stores ("wasm"), or the engine's memcpy ("memcpy"). */
export async function open({ variant }: PeerOptions): Promise<Peer> {
  const version = `node ${process.versions.node}`;
  if (variant === "memcpy") return { version, prepare: prepareMemcpy };
  const module = await compile();
  return { version, prepare: (c, inputs) => prepareWasm(module, c, inputs) };
}

async function compile(): Promise<WebAssembly.Module> {
  const path = fileURLToPath(new URL("copy.wat", import.meta.url));
  const wabt = await wabtInit();
  const parsed = wabt.parseWat(path, readFileSync(path, "utf8"));
  const { buffer } = parsed.toBinary({});
  return new WebAssembly.Module(buffer as Uint8Array<ArrayBuffer>);
}

function prepareWasm(module: WebAssembly.Module, c: Case, { x, dy }: Inputs): Prepared {
  const { memory, copy, add } = new WebAssembly.Instance(module).exports as unknown as CopyExports;
  const elements = elementsOf(c);
  const bytes = Math.ceil((elements * 4) / 64) * 64;
  const withBackward = c.mode === "forward+backward";
  const apart = Math.ceil(bytes / 4096) * 4096 + placement;
  const [xAt, yAt, dyAt, dxAt] = [0, apart, 2 * apart, 3 * apart];
  memory.grow(Math.ceil(((withBackward ? dxAt : yAt) + bytes) / pageBytes));
  const view = (at: number) => new Float32Array(memory.buffer, at, elements);
  view(xAt).set(x);
  if (withBackward) view(dyAt).set(dy);
  const call = () => {
    copy(xAt, yAt, bytes);
    if (withBackward) add(xAt, dyAt, dxAt, bytes);
  };
  return {
    repeat: repeatCall(call),
    results() {
      call();
      return withBackward ? { y: view(yAt), dx: view(dxAt) } : { y: view(yAt) };
    },
  };
}

function prepareMemcpy(c: Case, { x, dy }: Inputs): Prepared {
  const y = new Float32Array(x.length);
  const dx = new Float32Array(dy.length);
  const call = () => {
    y.set(x);
    if (c.mode === "forward+backward") dx.set(dy);
  };
  return {
    repeat: repeatCall(call),
    results() {
      call();
      return c.mode === "forward+backward" ? { y, dx } : { y };
    },
  };
}
