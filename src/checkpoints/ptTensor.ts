import { shapeText, sizeOf } from "../tensor/shape.ts";
import {
  hasKind,
  isDict,
  isSequence,
  isTensor,
  type PtDType,
  type PtStorage,
  type PtTensor,
  type PtValue,
  wordFor,
} from "./ptValue.ts";

/**
 * `torch._utils._rebuild_tensor(storage, storage_offset, size, stride)` and `_rebuild_tensor_v2`, which adds requires_grad,
 * backward_hooks and metadata.
 *
 * @throws RangeError if that is no view of the storage, or one that numbers cannot count
 */
export function rebuildTensor(who: string, args: readonly PtValue[]): PtTensor {
  const [storage, offset, size, stride, , , metadata] = args;
  return viewOf(who, storageIn(who, storage), undefined, offset, size, stride, metadata);
}

/** `torch._utils._rebuild_tensor_v3`, whose storage has no type: the dtype is the seventh argument. */
export function rebuildTensorV3(who: string, args: readonly PtValue[]): PtTensor {
  const [storage, offset, size, stride, , , dtype, metadata] = args;
  if (!hasKind(dtype) || dtype.kind !== "dtype") {
    throw new RangeError(`${who}: expected a tensor's dtype, got ${wordFor(dtype)}`);
  }
  return viewOf(who, storageIn(who, storage), dtype, offset, size, stride, metadata);
}

/** `torch._utils._rebuild_parameter(data, requires_grad, backward_hooks[, state])` is its data. */
export function rebuildParameter(who: string, [data]: readonly PtValue[]): PtTensor {
  if (!isTensor(data)) throw new RangeError(`${who}: expected a parameter's tensor, got ${wordFor(data)}`);
  return data;
}

/** `torch._tensor._rebuild_from_type_v2(func, type, args, state)`: a tensor with attributes, which are passed over. */
export function rebuildFromType(who: string, [rebuild, type, args]: readonly PtValue[]): PtTensor {
  // Tensors of tensors with attributes do not occur, and would nest as deep as the file likes.
  if (!hasKind(rebuild) || rebuild.kind !== "function" || rebuild.call === rebuildFromType) {
    throw new RangeError(`${who}: expected a function that makes a tensor, got ${wordFor(rebuild)}`);
  }
  if (!hasKind(type) || type.kind !== "class") {
    throw new RangeError(`${who}: expected torch.Tensor or torch.nn.Parameter, got ${wordFor(type)}`);
  }
  if (!isSequence(args)) throw new RangeError(`${who}: expected a tuple of arguments, got ${wordFor(args)}`);
  return rebuildParameter(who, [rebuild.call(who, args.items)]);
}

/** Most axes that PyTorch computes with. */
const mostAxes = 64;

function storageIn(who: string, value: PtValue | undefined): PtStorage {
  if (hasKind(value) && value.kind === "storage") return value;
  throw new RangeError(`${who}: expected a tensor's storage, got ${wordFor(value)}`);
}

function viewOf(
  who: string,
  storage: PtStorage,
  asType: PtDType | undefined,
  offset: PtValue | undefined,
  size: PtValue | undefined,
  stride: PtValue | undefined,
  metadata: PtValue | undefined,
): PtTensor {
  const { name, dtype, width } = asType ?? storage.element;
  const tensor = `${who}: tensor of ${storage.file}`;
  if (dtype === undefined) {
    throw new RangeError(
      `${tensor}: expected a dtype that safetensors knows too, got ${name}; cast it in PyTorch`,
    );
  }
  const shape = countsIn(tensor, "size", size);
  const strides = countsIn(tensor, "stride", stride);
  const [start] = countsIn(tensor, "storage offset", { kind: "tuple", items: [offset ?? null] });
  if (strides.length !== shape.length) {
    throw new RangeError(
      `${tensor}: expected ${shape.length} strides for ${shapeText(shape)}, got ${strides.length}`,
    );
  }
  if (!Number.isSafeInteger(sizeOf(shape) * width)) {
    throw new RangeError(
      `${tensor}: expected a size that 2^53 - 1 bytes can hold, got shape ${shapeText(shape)}`,
    );
  }
  const available = Math.floor((storage.length * storage.element.width) / width);
  const end = start + extentOf(shape, strides);
  if (end > available) {
    throw new RangeError(
      `${tensor}: expected a view within ${available} elements, got shape ${shapeText(shape)} with strides ` +
        `${shapeText(strides)} from element ${start} on: it ends at ${end}`,
    );
  }
  for (const flag of ["conj", "neg"]) {
    if (isDict(metadata) && metadata.entries.get(flag) === true) {
      throw new RangeError(
        `${tensor}: expected plain elements, got a view with the ${flag} flag; call .resolve_${flag}()`,
      );
    }
  }
  return { kind: "tensor", storage, dtype, width, shape, strides, offset: start };
}

function countsIn(who: string, what: string, value: PtValue | undefined): readonly number[] {
  // Lists may change later.
  if (!isSequence(value) || value.kind !== "tuple") {
    throw new RangeError(`${who}: expected its ${what} to be a tuple, got ${wordFor(value)}`);
  }
  if (value.items.length > mostAxes) {
    throw new RangeError(`${who}: expected at most ${mostAxes} axes, got ${value.items.length}`);
  }
  for (const item of value.items) {
    if (!Number.isSafeInteger(item) || (item as number) < 0) {
      throw new RangeError(
        `${who}: expected its ${what} to be integers from 0 to 2^53 - 1, got ${wordFor(item)}`,
      );
    }
  }
  return value.items as number[];
}

/** One more than the distance from the first element to the last in memory; 0 if there is none. */
export function extentOf(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  // Rounding beyond 2^53 leaves it beyond every storage.
  return shape.reduce((extent, length, axis) => extent + (length - 1) * strides[axis], 1);
}
