import type { CheckpointEntry } from "./checkpoint.ts";
import { type Convention, conventions, type NormRole } from "./conventions.ts";
import { kindInName } from "./normKind.ts";

/** The keys of one layer's tensors. */
export type NormKeys = { readonly [Role in NormRole]?: string };

/** Tensors that share a layer's name and whose keys a convention knows. */
export interface KeyGroup {
  readonly name: string;
  readonly keys: NormKeys;
}

/** What frameworks write after the name of a variable. */
const suffix = /(:\d+|\/\.ATTRIBUTES\/VARIABLE_VALUE|[./]value)$/;

/** The tensors that a convention knows, by their layer, in the order of the file. */
export function groupKeys(entries: ReadonlyMap<string, CheckpointEntry>, convention: Convention): KeyGroup[] {
  const groups = new Map<string, { [Role in NormRole]?: string }>();
  const ambiguous = new Set<string>();
  const roles = rolesOf(convention);
  const numbered = convention === "keras" ? numberedKeys(entries) : new Map<string, Place>();
  for (const key of entries.keys()) {
    const place = numbered.get(key) ?? placeOf(key, convention, roles);
    if (place === undefined) continue;
    const group = groups.get(place.name) ?? {};
    if (group[place.role] !== undefined) ambiguous.add(place.name);
    group[place.role] = key;
    groups.set(place.name, group);
  }
  return [...groups]
    .filter(([name]) => !ambiguous.has(name))
    .map(([name, keys]) => ({ name, keys: inRoleOrder(keys) }));
}

const roleOrder: readonly NormRole[] = ["weight", "bias", "runningMean", "runningVar", "numBatchesTracked"];

function inRoleOrder(keys: NormKeys): NormKeys {
  return Object.fromEntries(roleOrder.flatMap((role) => (role in keys ? [[role, keys[role]]] : [])));
}

interface Place {
  readonly name: string;
  readonly role: NormRole;
}

function rolesOf(convention: Convention): ReadonlyMap<string, NormRole> {
  const roles = new Map<string, NormRole>();
  for (const [role, names] of Object.entries(conventions[convention].keys)) {
    for (const name of names) roles.set(name, role as NormRole);
  }
  return roles;
}

function placeOf(
  key: string,
  convention: Convention,
  roles: ReadonlyMap<string, NormRole>,
): Place | undefined {
  const bare = key.replace(suffix, "");
  const split = Math.max(bare.lastIndexOf("."), bare.lastIndexOf("/"));
  const role = roles.get(bare.slice(split + 1));
  if (role === undefined) return undefined;
  const path = bare.slice(0, Math.max(0, split));
  return { role, name: withoutCollection(path, conventions[convention].collections[role]) };
}

function withoutCollection(path: string, collection: string | undefined): string {
  if (collection === undefined || !path.startsWith(collection)) return path;
  if (path.length === collection.length) return "";
  return /[./]/.test(path[collection.length]) ? path.slice(collection.length + 1) : path;
}

/**
 * Keras 3 saves variables by number, `layers/batch_normalization/vars/0`: gamma, beta, moving_mean, moving_variance,
 * without those that the layer does not have.
 */
function numberedKeys(entries: ReadonlyMap<string, CheckpointEntry>): Map<string, Place> {
  const layers = new Map<string, Map<number, string>>();
  for (const key of entries.keys()) {
    const [, name, index] = /^(.*)[./]vars[./](\d{1,3})$/.exec(key) ?? [];
    if (name === undefined) continue;
    const keys = layers.get(name) ?? new Map<number, string>();
    layers.set(name, keys.set(Number(index), key));
  }
  const places = new Map<string, Place>();
  for (const [name, keys] of layers) {
    if (![...keys.keys()].every((index) => index < keys.size)) continue;
    rolesByNumber(name, keys.size).forEach((role, index) => {
      places.set(keys.get(index) as string, { name, role });
    });
  }
  return places;
}

function rolesByNumber(name: string, count: number): readonly NormRole[] {
  if (count === 4) return roleOrder.slice(0, 4);
  const isBatchNorm = kindInName(name) === "BatchNorm";
  if (count === 2) return isBatchNorm ? roleOrder.slice(2, 4) : roleOrder.slice(0, 2);
  // Three variables of a batch norm lack gamma or beta, and do not say which.
  return count === 1 && !isBatchNorm && kindInName(name) !== undefined ? ["weight"] : [];
}
