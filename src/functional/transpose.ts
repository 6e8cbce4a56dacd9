import { emptyLike, type Tensor } from "../tensor/tensor.ts";

/** Row-major strides of a shape, in elements. */
function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

/**
 * A copy whose axis k is the input's axis `order[k]`.
 *
 * Formula: `out[i_order[0], i_order[1], ...] = x[i0, i1, ...]`.
 */
export function transpose(x: Tensor, order: readonly number[]): Tensor {
  const shape = order.map((axis) => x.shape[axis]);
  const inputStrides = stridesOf(x.shape);
  const strides = order.map((axis) => inputStrides[axis]);
  const moved = emptyLike(x, shape);
  const from = x.data;
  const to = moved.data;
  const index = new Array<number>(shape.length).fill(0);
  let at = 0;
  for (let i = 0; i < to.length; i++) {
    to[i] = from[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++;
      at += strides[axis];
      if (index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return moved;
}

/** The order that undoes a transpose. */
export function inverseOrder(order: readonly number[]): number[] {
  const inverse = new Array<number>(order.length);
  order.forEach((axis, place) => {
    inverse[axis] = place;
  });
  return inverse;
}
