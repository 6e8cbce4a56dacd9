import { describe, expect, test } from "vitest";
import { parseArray } from "../../src/check/index.ts";

describe("parseArray", () => {
  test.each([
    [
      "tensor([[ 0.0414, -2.9218],\n        [-0.7506, -0.3812]])",
      [2, 2],
      [0.0414, -2.9218, -0.7506, -0.3812],
      4,
    ],
    ["tensor([1., 2.], dtype=torch.float64, device='cuda:0')", [2], [1, 2], 0],
    ["array([[1.  , 2.25],\n       [3.  , 4.  ]], dtype=float32)", [2, 2], [1, 2.25, 3, 4], 2],
    ["[[1. 2.]\n [3. 4.]]", [2, 2], [1, 2, 3, 4], 0],
    ["[[[1, 2], [3, 4]]]", [1, 2, 2], [1, 2, 3, 4], 0],
    ["1 2 3", [3], [1, 2, 3], 0],
    ["1.5, 2\n3, 4.25\n", [2, 2], [1.5, 2, 3, 4.25], 2],
    ["[1.2345e-05 -3.0e+01]", [2], [1.2345e-5, -30], null],
    ["[nan, inf, -inf, .5]", [4], [Number.NaN, Infinity, -Infinity, 0.5], 1],
    ["[]", [0], [], 0],
  ] as const)("%j", (text, shape, values, decimals) => {
    const printed = parseArray(text);
    expect(printed.shape).toEqual(shape);
    expect(Array.from(printed.values)).toEqual(values);
    expect(printed.decimals).toBe(decimals);
  });

  test("significant digits", () => {
    expect(parseArray("[1.2345e-05 0.00123]").significant).toBe(5);
  });

  test.each([
    ["[1, 2, ..., 9]", "printed shortened"],
    ["[[1, 2], [3]]", "expected every list at depth 1 to have 2 items, got 1"],
    ["[1, [2]]", "numbers at different depths"],
    ["[1, 2", "a bracket is not closed"],
    ["1, 2]", "expected the end of the array|a bracket closes"],
    ["[1, banana]", "expected a number"],
    ["[1] [2]", "expected the end of the array"],
  ])("%j is refused", (text, message) => {
    expect(() => parseArray(text)).toThrow(new RegExp(message));
    expect(() => parseArray(text)).toThrow(RangeError);
  });
});
