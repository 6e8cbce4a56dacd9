import { bytesPerElement } from "../tensor/dtype.ts";
import { halfToNumber } from "../tensor/half.ts";
import { elementsOf } from "./bytes.ts";
import { parseDescr } from "./npyHeader.ts";
import { rebuildFromType, rebuildParameter, rebuildTensor, rebuildTensorV3 } from "./ptTensor.ts";
import { ptDTypes, ptStorageTypes } from "./ptTypes.ts";
import {
  hasKind,
  isDict,
  isSequence,
  type PtFunction,
  type PtValue,
  quotedName,
  wordFor,
} from "./ptValue.ts";

type Call = PtFunction["call"];

const functions: readonly (readonly [name: string, call: Call])[] = [
  ["torch._utils._rebuild_tensor", rebuildTensor],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_tensor_v3", rebuildTensorV3],
  ["torch._utils._rebuild_parameter", rebuildParameter],
  ["torch._utils._rebuild_parameter_with_state", rebuildParameter],
  ["torch._tensor._rebuild_from_type_v2", rebuildFromType],
  ["torch.Size", asTuple],
  ["torch.device", firstText],
  ["torch.serialization._get_layout", firstText],
  ["collections.OrderedDict", dictOf],
  ["collections.Counter", dictOf],
  ["builtins.set", asSet],
  ["builtins.frozenset", asSet],
  ["_codecs.encode", encode],
  ["numpy.dtype", numpyDType],
  ["numpy.core.multiarray.scalar", numpyScalar],
  ["numpy._core.multiarray.scalar", numpyScalar],
];

const classes = ["torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.Parameter"];

const globals: ReadonlyMap<string, PtValue> = new Map<string, PtValue>([
  ...functions.map(([name, call]) => [name, { kind: "function", name, call }] as const),
  ...classes.map((name) => [name, { kind: "class", name }] as const),
  ...ptDTypes,
  ...ptStorageTypes,
]);

/**
 * What a name in a pickle of tensors stands for.
 *
 * @throws RangeError, naming it, if it is not one of those that tensors and state dicts need
 */
export function ptGlobal(who: string, name: string): PtValue {
  // Protocol 2 uses the names of Python 2.
  const found = globals.get(name.replace(/^__builtin__\./, "builtins."));
  if (found !== undefined) return found;
  throw new RangeError(
    `${who}: expected only names that tensors and state dicts need, got ${quotedName(name)}, ` +
      `which is refused and never run; ${fixOf(name)}`,
  );
}

function fixOf(name: string): string {
  const plain = "make the tensor a plain one in PyTorch: ";
  if (/^torch\._utils\._rebuild_\w*sparse/.test(name)) return `${plain}tensor.to_dense()`;
  if (name === "torch._utils._rebuild_qtensor") return `${plain}tensor.dequantize()`;
  if (name.endsWith(".multiarray._reconstruct")) return `${plain}torch.from_numpy(array)`;
  return "save the tensors alone in PyTorch: torch.save(model.state_dict(), path)";
}

function asTuple(who: string, [items]: readonly PtValue[]): PtValue {
  if (!isSequence(items))
    throw new RangeError(`${who}: expected a size to be a tuple, got ${wordFor(items)}`);
  return { kind: "tuple", items: [...items.items] };
}

function asSet(who: string, [items]: readonly PtValue[]): PtValue {
  if (items !== undefined && !isSequence(items)) {
    throw new RangeError(`${who}: expected a list to make a set of, got ${wordFor(items)}`);
  }
  return { kind: "set", items: [...(items?.items ?? [])] };
}

function firstText(who: string, [text]: readonly PtValue[]): PtValue {
  if (typeof text !== "string") throw new RangeError(`${who}: expected a name, got ${wordFor(text)}`);
  return text;
}

/** From nothing, a dict, or a list of pairs. */
function dictOf(who: string, [from]: readonly PtValue[]): PtValue {
  if (from === undefined) return { kind: "dict", entries: new Map() };
  if (isDict(from)) return { kind: "dict", entries: new Map(from.entries) };
  const entries = new Map<PtValue, PtValue>();
  for (const pair of isSequence(from) ? from.items : [from]) {
    if (!isSequence(pair) || pair.items.length !== 2) {
      throw new RangeError(`${who}: expected pairs to make a dict of, got ${wordFor(pair)}`);
    }
    entries.set(pair.items[0], pair.items[1]);
  }
  return { kind: "dict", entries };
}

/** How protocol 2 writes bytes: `_codecs.encode(text, "latin1")`. */
function encode(who: string, [text, encoding]: readonly PtValue[]): PtValue {
  if (typeof text !== "string" || encoding !== "latin1") {
    throw new RangeError(
      `${who}: expected bytes as text in latin1, got ${wordFor(text)} in ${wordFor(encoding)}`,
    );
  }
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) throw new RangeError(`${who}: expected bytes as text in latin1, got the code ${code}`);
    bytes[i] = code;
  }
  return bytes;
}

function numpyDType(who: string, [code]: readonly PtValue[]): PtValue {
  if (typeof code !== "string" || !/^(?:f[248]|[iu][1248]|b1)$/.test(code)) {
    throw new RangeError(
      `${who}: expected a numpy dtype of one number, f8 or the like, got ${wordFor(code)}`,
    );
  }
  return { kind: "numpyDType", code, order: "" };
}

/** A number of numpy's, such as a best accuracy, from its bytes. */
function numpyScalar(who: string, [type, bytes]: readonly PtValue[]): PtValue {
  if (!hasKind(type) || type.kind !== "numpyDType" || !(bytes instanceof Uint8Array)) {
    throw new RangeError(
      `${who}: expected a numpy dtype and bytes, got ${wordFor(type)} and ${wordFor(bytes)}`,
    );
  }
  const { dtype, littleEndian } = parseDescr(`${who}: numpy scalar`, type.order + type.code);
  if (bytes.length !== bytesPerElement(dtype)) {
    throw new RangeError(
      `${who}: expected the ${bytesPerElement(dtype)} bytes of one ${dtype}, got ${bytes.length}`,
    );
  }
  const [value] = elementsOf(bytes.slice(), dtype, littleEndian);
  if (dtype === "bool") return value !== 0;
  return dtype === "float16" ? halfToNumber(value as number) : value;
}
