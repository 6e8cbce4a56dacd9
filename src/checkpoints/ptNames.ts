import {
  isDict,
  isSequence,
  isTensor,
  type PtDict,
  type PtSequence,
  type PtTensor,
  type PtValue,
  wordFor,
} from "./ptValue.ts";
import { quoted } from "./quoted.ts";

/** The tensors of a checkpoint under flat names, and what else it says. */
export interface PtNames {
  /** Path of the mapping that names are counted from, `state_dict`; empty if that is the whole file. */
  readonly root: string;
  readonly tensors: ReadonlyMap<string, PtTensor>;
  /** Numbers, strings, True, False and None in mappings, by their whole path. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** Deepest nesting of containers. */
const deepestNesting = 200;

/** Characters of names beyond those of the pickle: nested mappings repeat their keys in every name below. */
const spareCharacters = 2 ** 22;

/**
 * Gives every tensor in a pickled value a name: its path, joined by dots.
 *
 * Where all tensors lie in one nested mapping, as in `{"state_dict": {...}, "epoch": 3}`, its own path is left off the names; a
 * tensor that is the whole file is named `tensor`. Lists and tuples count from 0.
 *
 * @param who start of every message
 * @param pickleLength bytes of the pickle; a value that refers to more than it could spell out is refused
 * @throws RangeError if a container contains itself, two tensors have the same name, or a name is no string or integer
 * @example
 * flatNames("mine", root, 1000).tensors.get("bn1.weight");
 */
export function flatNames(who: string, value: PtValue, pickleLength: number): PtNames {
  const holds = tensorFinder(who);
  const tensors = new Map<string, PtTensor>();
  const metadata = new Map<string, string>();
  let references = 0;
  let characters = 0;

  // First of all, since it refuses what has no end.
  holds(value);
  if (isTensor(value)) return { root: "", tensors: new Map([["tensor", value]]), metadata };
  const { mapping, path } = rootOf();
  if (isContainer(value)) describeScalars(value, "");
  if (isContainer(mapping)) collect(mapping, "");
  return { root: path, tensors, metadata };

  /** The innermost mapping that holds every tensor. */
  function rootOf(): { mapping: PtValue; path: string } {
    let mapping = value;
    let path = "";
    for (;;) {
      if (!isContainer(mapping) || !isDict(mapping)) return { mapping, path };
      const holding = [...mapping.entries].filter(([, child]) => holds(child));
      if (holding.length !== 1 || !isDict(holding[0][1])) return { mapping, path };
      path = joined(path, holding[0][0]);
      mapping = holding[0][1];
    }
  }

  function collect(container: PtDict | PtSequence, path: string): void {
    for (const [key, child] of children(container)) {
      visit();
      if (isTensor(child)) {
        const name = joined(path, key);
        if (tensors.has(name))
          throw new RangeError(`${who}: expected each name once, got ${quoted(name)} twice`);
        tensors.set(name, child);
      } else if (isContainer(child) && holds(child)) collect(child, joined(path, key));
    }
  }

  function describeScalars(container: PtDict | PtSequence, path: string): void {
    if (!isDict(container)) return;
    for (const [key, child] of container.entries) {
      visit();
      if (typeof key !== "string" && typeof key !== "number") continue;
      if (isContainer(child)) describeScalars(child, joined(path, key));
      else {
        const text = scalarText(child);
        if (text !== undefined) metadata.set(joined(path, key), counted(text));
      }
    }
  }

  function joined(path: string, key: PtValue): string {
    if (typeof key !== "string" && typeof key !== "number" && typeof key !== "bigint") {
      throw new RangeError(
        `${who}: expected the names of tensors to be strings or integers, got ${wordFor(key)}`,
      );
    }
    return counted(path === "" ? String(key) : `${path}.${key}`);
  }

  function counted(text: string): string {
    characters += text.length;
    if (characters > pickleLength + spareCharacters) {
      throw new RangeError(
        `${who}: expected names of at most ${pickleLength + spareCharacters} characters, got more`,
      );
    }
    return text;
  }

  function visit(): void {
    if (++references > pickleLength) {
      throw new RangeError(
        `${who}: expected at most as many values as the pickle has bytes (${pickleLength}), got more: lists that share lists`,
      );
    }
  }
}

/** A function that tells whether a value is or contains a tensor; it sees every container once. */
function tensorFinder(who: string): (value: PtValue) => boolean {
  const known = new Map<PtValue, boolean>();
  const open = new Set<PtValue>();

  function holds(value: PtValue): boolean {
    if (isTensor(value)) return true;
    if (!isContainer(value)) return false;
    const before = known.get(value);
    if (before !== undefined) return before;
    if (open.has(value))
      throw new RangeError(`${who}: expected a finite value, got a ${value.kind} that contains itself`);
    if (open.size === deepestNesting) {
      throw new RangeError(`${who}: expected at most ${deepestNesting} nested containers, got more`);
    }
    open.add(value);
    let found = false;
    for (const [, child] of children(value)) found = holds(child) || found;
    open.delete(value);
    known.set(value, found);
    return found;
  }
  return holds;
}

function isContainer(value: PtValue): value is PtDict | PtSequence {
  return isDict(value) || isSequence(value);
}

function children(container: PtDict | PtSequence): Iterable<readonly [PtValue, PtValue]> {
  return isDict(container) ? container.entries : container.items.entries();
}

function scalarText(value: PtValue): string | undefined {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "string")
    return String(value);
  return undefined;
}
