import { storeFloat64, toFloat64 } from "../tensor/cast.ts";
import { arrayConstructor, type DataOf, type FloatType } from "../tensor/dtype.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A learned array and its gradient. */
export class Parameter {
  readonly dtype: FloatType;
  readonly shape: readonly number[];
  /** The values, which an optimizer may write. */
  readonly data: DataOf<FloatType>;
  /** Sum of the gradients since the last `zeroGrad()`; null before the first backward, as in PyTorch. */
  grad: DataOf<FloatType> | null = null;

  constructor(shape: readonly number[], dtype: FloatType) {
    this.dtype = dtype;
    this.shape = shape;
    this.data = new (arrayConstructor(dtype))(sizeOf(shape));
  }

  /** Adds a gradient of this parameter's size to `grad`. */
  accumulate(gradient: Tensor): void {
    const added = toFloat64(gradient.data, gradient.dtype);
    const sum =
      this.grad === null ? added : toFloat64(this.grad, this.dtype).map((value, i) => value + added[i]);
    this.grad ??= new (arrayConstructor(this.dtype))(sum.length);
    storeFloat64(sum, this.grad, this.dtype);
  }
}
