/** A linear memory. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike;
  grow(pages: number): number;
}

/** Compiled code, which can be posted to workers. */
export type WasmModule = object;

/** A number in, a number or nothing out. */
export type WasmFunction = (...args: readonly number[]) => number;

/** What an instance offers. */
export type WasmExports = Readonly<Record<string, WasmFunction>>;

interface WebAssemblyApi {
  readonly Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: { readonly env: { readonly memory: WasmMemory } },
  ) => { readonly exports: WasmExports };
}

/** The host's WebAssembly, typed here because TypeScript has it in the DOM's library only. */
export function webAssembly(): WebAssemblyApi {
  return (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
}
