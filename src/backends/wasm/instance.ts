import { type WasmExports, type WasmMemory, type WasmModule, webAssembly } from "../../tensor/webAssembly.ts";
import { type KernelFrame, type KernelPart, link } from "./link.ts";

/** Kernels over a memory, and the module from which workers make their own instance. */
export interface Kernels {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  readonly isShared: boolean;
  readonly exports: WasmExports;
}

/** A build of kernels as the package embeds it: its frame, and functions of it. */
export interface KernelBinary {
  readonly frame: KernelFrame;
  readonly all: Iterable<KernelPart>;
}

/**
 * Compiles and instantiates, at once: the kernels are small enough for a browser's main thread.
 *
 * @throws Error where a page's Content-Security-Policy refuses WebAssembly
 */
export function instantiate(binary: KernelBinary, memory: WasmMemory, isShared: boolean): Kernels {
  const { Instance } = webAssembly();
  const module = compiled(link(binary.frame, binary.all, isShared));
  return { module, memory, isShared, exports: new Instance(module, { env: { memory } }).exports };
}

function compiled(bytes: Uint8Array): WasmModule {
  const { Module } = webAssembly();
  try {
    return new Module(bytes);
  } catch (cause) {
    throw new Error(
      "evenkeel: this host refuses to compile WebAssembly; in a page with a Content-Security-Policy " +
        "add 'wasm-unsafe-eval' to its script-src, or compute without it by setBackend(\"reference\")",
      { cause },
    );
  }
}
