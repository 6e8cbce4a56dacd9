import { storeFloat64, toFloat64 } from "../tensor/cast.ts";
import { arrayConstructor, type DataOf, type FloatType } from "../tensor/dtype.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A learned tensor, in an array that an optimizer may write, and its gradient. */
export class Parameter extends Tensor<FloatType> {
  /** Sum of the gradients since the last `zeroGrad()`; null before the first backward, as in PyTorch. */
  grad: DataOf<FloatType> | null = null;

  constructor(shape: readonly number[], dtype: FloatType) {
    super(dtype, shape, new (arrayConstructor(dtype))(sizeOf(shape)));
  }

  /** Adds a gradient of this parameter's size and dtype to `grad`; the first one becomes it. */
  accumulate({ data, dtype }: Tensor): void {
    const { grad } = this;
    if (grad === null) this.grad = data;
    else if (dtype === "float32" || dtype === "float64") {
      for (let i = 0; i < grad.length; i++) grad[i] += data[i];
    } else {
      const sum = toFloat64(grad, dtype);
      const added = toFloat64(data, dtype);
      for (let i = 0; i < sum.length; i++) sum[i] += added[i];
      storeFloat64(sum, grad, dtype);
    }
  }
}
