import { describe } from "../tensor/shape.ts";
import type { Backend } from "./backend.ts";
import { reference } from "./reference/reference.ts";

/** Name of a backend: WebAssembly kernels, or plain float64 loops. */
export type BackendName = "wasm" | "reference";

const names: readonly BackendName[] = ["wasm", "reference"];

let current: BackendName = "wasm";

/**
 * Chooses the backend of every later call that names none.
 *
 * @throws RangeError if there is no such backend
 * @example
 * setBackend("reference");
 */
export function setBackend(name: BackendName): void {
  checkBackend(name, "setBackend");
  current = name;
}

/** Name of the backend in use. */
export function getBackend(): BackendName {
  return current;
}

/**
 * The backend of that name, the current one for undefined; `wasm` is the caller's, with the kernels that its plans need.
 *
 * @throws RangeError if there is no such backend
 */
export function backendNamed(name: BackendName | undefined, wasm: Backend): Backend {
  if (name !== undefined) checkBackend(name, "setBackend");
  return (name ?? current) === "wasm" ? wasm : reference;
}

/**
 * Checks the name of a backend.
 *
 * @throws RangeError naming `who` if there is no such backend
 */
export function checkBackend(name: BackendName, who: string): void {
  if (names.includes(name)) return;
  throw new RangeError(`${who}: expected one of ${names.join(", ")}, got ${describe(name)}`);
}
