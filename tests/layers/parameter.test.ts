import { describe, expect, it } from "vitest";
import { LayerNorm, Parameter, Tensor, tensor } from "../../src/index.ts";

describe("Parameter", () => {
  it("is a tensor of its values", () => {
    const parameter = new Parameter([2, 3], "float32");
    expect(parameter).toBeInstanceOf(Tensor);
    expect([parameter.shape, parameter.dtype, parameter.size]).toEqual([[2, 3], "float32", 6]);
  });

  it.each(["float32", "float64", "float16", "bfloat16"] as const)("adds up gradients in %s", (dtype) => {
    const layer = new LayerNorm(2, { dtype });
    const x = tensor([[1, 3]]);
    const dy = tensor([[1, 2]]);
    for (let pass = 0; pass < 3; pass++) {
      layer.forward(x);
      layer.backward(dy);
    }
    expect(Array.from(tensor(layer.bias!.grad!, [2], { dtype }).data as ArrayLike<number>)).toEqual(
      Array.from(tensor([3, 6], [2], { dtype }).data as ArrayLike<number>),
    );
  });
});
