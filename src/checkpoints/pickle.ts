import { type PickleHost, PickleMachine } from "./pickleMachine.ts";
import { hasKind, isDict, isSequence, type PtValue, wordFor } from "./ptValue.ts";

/** Longest integer, in bytes; those of random generators' states take some ten. */
const longestInteger = 255;

type Opcode = readonly [name: string, run: (machine: PickleMachine) => void];

/**
 * The opcodes of protocols 2 to 5 that data needs.
 *
 * Left out: those of protocols 0 and 1 that read numbers and names as text (INT, LONG, FLOAT, STRING, UNICODE, GET, PUT, PERSID,
 * INST, OBJ, LIST, DICT), the registry of extensions, keyword arguments, and buffers outside the pickle.
 */
const opcodes: ReadonlyMap<number, Opcode> = new Map<number, Opcode>([
  [0x80, ["PROTO", readProtocol]],
  [0x95, ["FRAME", (m) => void m.input.length64()]],

  [0x4e, ["NONE", (m) => m.push(null)]],
  [0x88, ["NEWTRUE", (m) => m.push(true)]],
  [0x89, ["NEWFALSE", (m) => m.push(false)]],
  [0x4b, ["BININT1", (m) => m.push(m.input.byte())]],
  [0x4d, ["BININT2", (m) => m.push(m.input.uint16())]],
  [0x4a, ["BININT", (m) => m.push(m.input.int32())]],
  [0x8a, ["LONG1", (m) => pushInteger(m, m.input.byte())]],
  [0x8b, ["LONG4", (m) => pushInteger(m, m.input.uint32())]],
  [0x47, ["BINFLOAT", (m) => m.push(m.input.float64())]],

  [0x8c, ["SHORT_BINUNICODE", (m) => m.pushText(m.input.text(m.input.byte()))]],
  [0x58, ["BINUNICODE", (m) => m.pushText(m.input.text(m.input.uint32()))]],
  [0x8d, ["BINUNICODE8", (m) => m.pushText(m.input.text(m.input.length64()))]],
  // Strings of Python 2, which PyTorch reads as UTF-8 too.
  [0x55, ["SHORT_BINSTRING", (m) => m.pushText(m.input.text(m.input.byte()))]],
  [0x54, ["BINSTRING", (m) => m.pushText(m.input.text(m.input.uint32()))]],
  [0x43, ["SHORT_BINBYTES", (m) => m.pushObject(m.input.bytes(m.input.byte()))]],
  [0x42, ["BINBYTES", (m) => m.pushObject(m.input.bytes(m.input.uint32()))]],
  [0x8e, ["BINBYTES8", (m) => m.pushObject(m.input.bytes(m.input.length64()))]],
  [0x96, ["BYTEARRAY8", (m) => m.pushObject(m.input.bytes(m.input.length64()))]],

  [0x29, ["EMPTY_TUPLE", (m) => m.pushSequence("tuple", [])]],
  [0x85, ["TUPLE1", (m) => m.pushSequence("tuple", m.popMany(1))]],
  [0x86, ["TUPLE2", (m) => m.pushSequence("tuple", m.popMany(2))]],
  [0x87, ["TUPLE3", (m) => m.pushSequence("tuple", m.popMany(3))]],
  [0x74, ["TUPLE", (m) => m.pushSequence("tuple", m.popToMark())]],
  [0x5d, ["EMPTY_LIST", (m) => m.pushSequence("list", [])]],
  [0x61, ["APPEND", (m) => m.append(m.popMany(1), "list")]],
  [0x65, ["APPENDS", (m) => m.append(m.popToMark(), "list")]],
  [0x8f, ["EMPTY_SET", (m) => m.pushSequence("set", [])]],
  [0x90, ["ADDITEMS", (m) => m.append(m.popToMark(), "set")]],
  [0x91, ["FROZENSET", (m) => m.pushSequence("set", m.popToMark())]],
  [0x7d, ["EMPTY_DICT", (m) => m.pushDict()]],
  [0x73, ["SETITEM", (m) => m.setItems(m.popMany(2))]],
  [0x75, ["SETITEMS", (m) => m.setItems(m.popToMark())]],

  [0x28, ["MARK", (m) => m.mark()]],
  [0x30, ["POP", (m) => void (m.dropEmptyMark() || m.pop())]],
  [0x31, ["POP_MARK", (m) => void m.popToMark()]],
  [0x32, ["DUP", (m) => m.push(m.top())]],
  [0x71, ["BINPUT", (m) => m.put(m.input.byte())]],
  [0x72, ["LONG_BINPUT", (m) => m.put(m.input.uint32())]],
  [0x94, ["MEMOIZE", (m) => m.put(m.memoSize())]],
  [0x68, ["BINGET", (m) => m.get(m.input.byte())]],
  [0x6a, ["LONG_BINGET", (m) => m.get(m.input.uint32())]],

  [0x63, ["GLOBAL", (m) => m.push(m.host.global(`${m.input.line()}.${m.input.line()}`))]],
  [0x93, ["STACK_GLOBAL", pushStackGlobal]],
  [0x51, ["BINPERSID", (m) => m.pushObject(m.host.persistent(m.pop()))]],
  [0x52, ["REDUCE", call]],
  [0x81, ["NEWOBJ", call]],
  [0x62, ["BUILD", build]],
]);

const stop = 0x2e;

/**
 * Reads a pickle of plain values, executing nothing: a name outside the pickle means what `host` says, or is refused.
 *
 * The opcodes are those of CPython's `Lib/pickletools.py`. What follows STOP is ignored, as in Python.
 *
 * @param who start of every message
 * @throws RangeError if the pickle is malformed, truncated, of protocol 0 or 1, needs too much memory, or names what `host` refuses
 * @example
 * unpickle("mine", Uint8Array.of(0x80, 2, 0x4b, 7, 0x2e), host); // 7
 */
export function unpickle(who: string, bytes: Uint8Array, host: PickleHost): PtValue {
  const machine: PickleMachine = new PickleMachine(who, bytes, host);
  for (;;) {
    const code = machine.nextOpcode();
    if (code === stop) return machine.pop();
    const opcode = opcodes.get(code);
    if (opcode === undefined) {
      machine.fail(
        "an opcode of a pickle of tensors (protocol 2 to 5)",
        `0x${code.toString(16).padStart(2, "0")}`,
      );
    }
    opcode[1](machine);
  }
}

function readProtocol(machine: PickleMachine): void {
  const protocol = machine.input.byte();
  if (protocol < 2 || protocol > 5) machine.fail("a pickle of protocol 2 to 5", `protocol ${protocol}`);
}

/** Two's complement, the lowest byte first. */
function pushInteger(machine: PickleMachine, length: number): void {
  if (length > longestInteger) machine.fail(`an integer of at most ${longestInteger} bytes`, `${length}`);
  const bytes = machine.input.bytes(length);
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
  const signed = BigInt.asIntN(8 * length, value);
  const number = Number(signed);
  if (Number.isSafeInteger(number)) machine.push(number);
  else machine.pushObject(signed, Math.ceil(length / 8));
}

function pushStackGlobal(machine: PickleMachine): void {
  const [module, name] = machine.popMany(2);
  if (typeof module !== "string" || typeof name !== "string") {
    machine.fail("a module and a name", `${wordFor(module)} and ${wordFor(name)}`);
  }
  machine.push(machine.host.global(`${module}.${name}`));
}

function call(machine: PickleMachine): void {
  const [callee, args] = machine.popMany(2);
  if (!isSequence(args) || args.kind !== "tuple") machine.fail("a tuple of arguments", wordFor(args));
  if (!hasKind(callee) || callee.kind !== "function") machine.fail("a function to call", wordFor(callee));
  // What a function makes has no more elements than its arguments.
  let elements = 0;
  for (const arg of args.items) elements += elementsIn(arg);
  machine.reserve(elements);
  machine.push(callee.call(machine.who, args.items));
}

function elementsIn(value: PtValue): number {
  if (typeof value === "string") return value.length;
  if (isSequence(value)) return value.items.length;
  return isDict(value) ? value.entries.size : 1;
}

/** Attributes of an OrderedDict (PyTorch puts `_metadata` there) are passed over; nothing else has any. */
function build(machine: PickleMachine): void {
  const state = machine.pop();
  const target = machine.top();
  if (isDict(target)) return;
  if (hasKind(target) && target.kind === "numpyDType") {
    const order = isSequence(state) ? state.items[1] : undefined;
    if (typeof order !== "string" || !/^[<>=|]$/.test(order)) {
      machine.fail("the state of a numpy dtype", wordFor(order ?? state));
    }
    target.order = order;
    return;
  }
  machine.fail("an OrderedDict to give attributes to", wordFor(target));
}
