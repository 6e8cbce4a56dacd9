import { type PickleInput, pickleInput } from "./pickleInput.ts";
import { isDict, isSequence, type PtSequence, type PtValue, wordFor } from "./ptValue.ts";

/** What a pickle cannot do by itself: name things outside it, and hold memory. */
export interface PickleHost {
  /** The value that `module.name` stands for; throws if it is not on the list. */
  global(name: string): PtValue;
  /** The value that a persistent id stands for; throws if it is none. */
  persistent(id: PtValue): PtValue;
  /** Most bytes of memory, estimated, that the values may take. */
  readonly largestMemory: number;
}

/** Estimated bytes of memory that values take in today's JavaScript engines while arrays and maps grow. */
const cost = {
  slot: 28,
  number: 16,
  object: 100,
  element: 48,
  sequence: 96,
  dict: 240,
  memoEntry: 64,
  text: 48,
};

/**
 * The state of an unpickler: a stack with marks, and a memo.
 *
 * Every method that takes from the stack throws a RangeError if the pickle has not put enough there.
 */
export class PickleMachine {
  readonly input: PickleInput;
  readonly host: PickleHost;
  readonly who: string;
  readonly #stack: PtValue[] = [];
  /** Heights of the stack at the marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PtValue>();
  #memory = 0;
  /** Position of the opcode that runs, for messages. */
  #opcodeAt = 0;

  constructor(who: string, bytes: Uint8Array, host: PickleHost) {
    this.who = who;
    this.host = host;
    this.input = pickleInput(who, bytes);
  }

  nextOpcode(): number {
    this.#opcodeAt = this.input.position();
    return this.input.byte();
  }

  fail(expected: string, got: string): never {
    throw new RangeError(
      `${this.who}: expected ${expected} at byte ${this.#opcodeAt} of the pickle, got ${got}`,
    );
  }

  push(value: PtValue): void {
    this.#spend(typeof value === "number" ? cost.slot + cost.number : cost.slot);
    this.#stack.push(value);
  }

  pushText(text: string): void {
    this.#spend(cost.text + 2 * text.length);
    this.push(text);
  }

  /** For bytes, which stay views of the pickle, long integers and what functions give back. */
  pushObject(value: PtValue, elements = 0): void {
    this.reserve(elements);
    this.push(value);
  }

  /** Counts the memory of an object with some elements before it is made. */
  reserve(elements: number): void {
    this.#spend(cost.object + cost.element * elements);
  }

  pushSequence(kind: PtSequence["kind"], items: PtValue[]): void {
    this.#spend(cost.sequence + cost.slot * items.length);
    this.push({ kind, items });
  }

  pushDict(): void {
    this.#spend(cost.dict);
    this.push({ kind: "dict", entries: new Map() });
  }

  pop(): PtValue {
    this.#need(1);
    return this.#stack.pop() as PtValue;
  }

  /** The last `count` values, taken off. */
  popMany(count: number): PtValue[] {
    this.#need(count);
    return this.#stack.splice(this.#stack.length - count, count);
  }

  top(): PtValue {
    this.#need(1);
    return this.#stack[this.#stack.length - 1];
  }

  mark(): void {
    this.#spend(cost.slot);
    this.#marks.push(this.#stack.length);
  }

  /** The values since the last mark, taken off with it. */
  popToMark(): PtValue[] {
    const height = this.#marks.pop();
    if (height === undefined) this.fail("a mark on the stack", "none");
    return this.#stack.splice(height, this.#stack.length - height);
  }

  /** Whether the last mark has nothing after it; POP takes off such a mark. */
  dropEmptyMark(): boolean {
    if (this.#marks[this.#marks.length - 1] !== this.#stack.length) return false;
    this.#marks.pop();
    return true;
  }

  memoSize(): number {
    return this.#memo.size;
  }

  put(index: number): void {
    this.#spend(cost.memoEntry);
    this.#memo.set(index, this.top());
  }

  get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) this.fail("a value that was memoized", `memo index ${index}`);
    this.push(value);
  }

  append(items: readonly PtValue[], kind: "list" | "set"): void {
    const target = this.top();
    if (!isSequence(target) || target.kind !== kind) this.fail(`a ${kind} to add to`, wordFor(target));
    this.#spend(cost.slot * items.length);
    for (const item of items) target.items.push(item);
  }

  /** `pairs` is key, value, key, value, ... */
  setItems(pairs: readonly PtValue[]): void {
    if (pairs.length % 2 !== 0) this.fail("pairs of a key and a value", `${pairs.length} values`);
    const target = this.top();
    if (!isDict(target)) this.fail("a dict to set an item of", wordFor(target));
    this.#spend((cost.element * pairs.length) / 2);
    for (let i = 0; i < pairs.length; i += 2) target.entries.set(pairs[i], pairs[i + 1]);
  }

  #need(count: number): void {
    const below = this.#marks[this.#marks.length - 1] ?? 0;
    if (this.#stack.length - below < count) {
      this.fail(`${count} ${count === 1 ? "value" : "values"} on the stack`, `${this.#stack.length - below}`);
    }
  }

  #spend(bytes: number): void {
    this.#memory += bytes;
    if (this.#memory > this.host.largestMemory) {
      this.fail(
        `values that take at most ${this.host.largestMemory} bytes of memory, in proportion to the file`,
        "more of them",
      );
    }
  }
}
