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

/** Compiles and instantiates, at once: the kernels are small enough for a browser's main thread. */
export function instantiate(binary: KernelBinary, memory: WasmMemory, isShared: boolean): Kernels {
  const { Module, Instance } = webAssembly();
  const module = new Module(link(binary.frame, binary.all, isShared));
  return { module, memory, isShared, exports: new Instance(module, { env: { memory } }).exports };
}
