import { describe, expect, it } from "vitest";
import { functional as F, getBackend, setBackend, type Tensor, tensor } from "../../src/index.ts";
import { normals } from "../property/arbitraries.ts";

const shape = [2, 4, 3];
const input = (): Tensor => tensor(Float32Array.from(normals(24, 1)), shape);
const dy = tensor(Float32Array.from(normals(24, 2)), shape);
const weight = tensor([1, 2, 3, 4]);
const running = { runningMean: tensor([1, 2, 3, 4]), runningVar: tensor([1, 2, 3, 4]) };

interface Norm {
  readonly name: string;
  readonly forward: (x: Tensor, out?: Tensor) => Tensor;
  readonly backward: (x: Tensor, dy: Tensor, out?: Tensor) => { readonly dx: Tensor };
}

const norms: readonly Norm[] = [
  {
    name: "batchNorm",
    forward: (x, out) => F.batchNorm(x, { training: true, weight, out }),
    backward: (x, dy, out) => F.batchNormBackward(x, dy, { training: true, weight, out }),
  },
  {
    name: "batchNorm in eval",
    forward: (x, out) => F.batchNorm(x, { ...running, weight, out }),
    backward: (x, dy, out) => F.batchNormBackward(x, dy, { ...running, weight, out }),
  },
  {
    name: "instanceNorm",
    forward: (x, out) => F.instanceNorm(x, { weight, out }),
    backward: (x, dy, out) => F.instanceNormBackward(x, dy, { weight, out }),
  },
  {
    name: "groupNorm",
    forward: (x, out) => F.groupNorm(x, { numGroups: 2, weight, out }),
    backward: (x, dy, out) => F.groupNormBackward(x, dy, { numGroups: 2, weight, out }),
  },
  {
    name: "layerNorm over the last axis",
    forward: (x, out) => F.layerNorm(x, { normalizedShape: 3, out }),
    backward: (x, dy, out) => F.layerNormBackward(x, dy, { normalizedShape: 3, out }),
  },
  {
    name: "layerNorm over a middle axis",
    forward: (x, out) => F.layerNorm(x, { axes: [1], weight, out }),
    backward: (x, dy, out) => F.layerNormBackward(x, dy, { axes: [1], weight, out }),
  },
  {
    name: "rmsNorm over the first axis",
    forward: (x, out) => F.rmsNorm(x, { axes: [0], out }),
    backward: (x, dy, out) => F.rmsNormBackward(x, dy, { axes: [0], out }),
  },
  {
    name: "localResponseNorm",
    forward: (x, out) => F.localResponseNorm(x, { size: 3, alpha: 0.5, out }),
    backward: (x, dy, out) => F.localResponseNormBackward(x, dy, { size: 3, alpha: 0.5, out }),
  },
  {
    name: "lpNormalize",
    forward: (x, out) => F.lpNormalize(x, { out }),
    backward: (x, dy, out) => F.lpNormalizeBackward(x, dy, { out }),
  },
];

describe.each(norms)("$name", ({ forward, backward }) => {
  it("writes out, and returns the same as without it", () => {
    const x = input();
    const out = tensor(new Float32Array(24).fill(9), shape);
    const y = forward(x, out);
    expect(y.data).toBe(out.data);
    expect(y).toEqual(forward(x));
    const dx = tensor(new Float32Array(24).fill(9), shape);
    expect(backward(x, dy, dx).dx.data).toBe(dx.data);
    expect(dx).toEqual(backward(x, dy).dx);
  });

  it("works in place: out may be x, or dy", () => {
    const x = input();
    const expected = forward(x);
    expect(forward(x, x)).toEqual(expected);
    expect(x.data).toEqual(expected.data);
    const incoming = tensor(dy.data.slice() as Float32Array, shape);
    const dx = backward(input(), dy).dx;
    expect(backward(input(), incoming, incoming).dx).toEqual(dx);
    expect(incoming.data).toEqual(dx.data);
  });

  it("leaves x and dy as they were, and gives a new tensor", () => {
    const x = input();
    const before = dy.data.slice();
    expect(forward(x).data).not.toBe(x.data);
    expect(backward(x, dy).dx.data).not.toBe(dy.data);
    expect(x).toEqual(input());
    expect(dy.data).toEqual(before);
  });
});

it("the backend is chosen for all calls, or for one", () => {
  expect(getBackend()).toBe("wasm");
  setBackend("reference");
  expect(getBackend()).toBe("reference");
  const byDefault = F.batchNorm(input(), { training: true });
  setBackend("wasm");
  const byOption = F.batchNorm(input(), { training: true, backend: "reference" });
  expect(byOption.data).toEqual(byDefault.data);
});
