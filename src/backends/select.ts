import type { Plan } from "../plan/plan.ts";
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

/** What {@link backendFor} chooses by. */
export interface BackendChoice<Wasm extends Backend> {
  /** Undefined: the current one. */
  readonly backend: BackendName | undefined;
  readonly plan: Plan;
  /** The caller's, with the kernels that its plans need. */
  readonly wasm: Wasm;
}

/**
 * The backend of that name; for a plan without elements the reference, so that kernels see at least one.
 *
 * @throws RangeError if there is no such backend
 */
export function backendFor<Wasm extends Backend>({
  backend = current,
  plan,
  wasm,
}: BackendChoice<Wasm>): Wasm | typeof reference {
  checkBackend(backend, "setBackend");
  return backend === "wasm" && plan.size > 0 ? wasm : reference;
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
