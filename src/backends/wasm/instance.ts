import { type WasmExports, type WasmMemory, type WasmModule, webAssembly } from "../../tensor/webAssembly.ts";

/** Kernels over a memory, and the module from which workers make their own instance. */
export interface Kernels {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  readonly isShared: boolean;
  readonly exports: WasmExports;
}

/** A build of kernels as the package embeds it (scripts/build-kernels.mjs). */
export interface KernelBinary {
  readonly kernelsBase64: string;
  readonly sharedFlagOffset: number;
}

/**
 * Compiles and instantiates, at once: the kernels are small enough for a browser's main thread.
 *
 * @throws Error where a page's Content-Security-Policy refuses WebAssembly
 */
export function instantiate(binary: KernelBinary, memory: WasmMemory, isShared: boolean): Kernels {
  const bytes = bytesOfBase64(binary.kernelsBase64);
  // The builds for shared and unshared memory differ in this byte alone, which the build checks.
  bytes[binary.sharedFlagOffset] = isShared ? 3 : 1;
  const { Instance } = webAssembly();
  const module = compiled(bytes);
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

function bytesOfBase64(text: string): Uint8Array {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}
