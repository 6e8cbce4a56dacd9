import { describe } from "../tensor/shape.ts";
import type { Backend } from "./backend.ts";
import { reference } from "./reference/reference.ts";
import { wasm } from "./wasm/wasm.ts";

/** Name of a backend: WebAssembly kernels, or plain float64 loops. */
export type BackendName = "wasm" | "reference";

const backends: Readonly<Record<BackendName, Backend>> = { wasm, reference };

let current: Backend = wasm;

/**
 * Chooses the backend of every later call that names none.
 *
 * @throws RangeError if there is no such backend
 * @example
 * setBackend("reference");
 */
export function setBackend(name: BackendName): void {
  current = backendNamed(name);
}

/** Name of the backend in use. */
export function getBackend(): BackendName {
  return current.name as BackendName;
}

/**
 * The backend of that name; the current one for undefined.
 *
 * @throws RangeError naming `who` if there is no such backend
 */
export function backendNamed(name: BackendName | undefined, who = "setBackend"): Backend {
  if (name === undefined) return current;
  if (!Object.hasOwn(backends, name)) {
    throw new RangeError(
      `${who}: expected one of ${Object.keys(backends).join(", ")}, got ${describe(name)}`,
    );
  }
  return backends[name];
}
