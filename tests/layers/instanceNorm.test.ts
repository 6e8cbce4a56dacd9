import { afterEach, describe, expect, test, vi } from "vitest";
import { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } from "../../src/index.ts";
import { expectClose, f64, thrownBy, wave } from "./support.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

// Expected values: PyTorch 1.13 in float64.
const x = f64([1, 2, 4, 8, -3, 0.5, 0, 1, 5, 2, 2, -7], [2, 2, 3]);

function tracked(): InstanceNorm1d {
  const norm = new InstanceNorm1d(2, { affine: true, trackRunningStats: true, dtype: "float64" });
  norm.weight?.data.set([1.5, -2]);
  norm.bias?.data.set([0.25, 3]);
  return norm;
}

test("training: each instance's statistics; the running ones follow the batch mean of the unbiased variances", () => {
  const norm = tracked();
  expectClose(
    norm.forward(x).data,
    [
      -1.3535622971754464, -0.15089057429386177, 2.2544528714693075, 0.31219960278292325, 5.106654365386357,
      3.581146031830719, -1.1387286617360581, -0.44436433086802907, 2.333092992604087, 1.5857868304638418,
      1.5857868304638418, 5.828426339072316,
    ],
  );
  expectClose(norm.runningMean?.data, [0.21666666666666667, 0.04166666666666667]);
  expectClose(norm.runningVar?.data, [1.3666666666666667, 3.8291666666666666]);
  expect(norm.numBatchesTracked).toBe(0);
  expectClose(
    norm.eval().forward(x).data,
    [
      1.2550900571007353, 2.5381837470165673, 5.104371126848232, -5.133911059273963, 6.108772289670154,
      2.5315548604606617, -0.028003632815097004, 1.2550900571007353, 6.387464816764064, 0.9984616765137369,
      0.9984616765137369, 10.197020780195288,
    ],
  );
});

test("momentum null: the statistics never move, the count neither", () => {
  const norm = new InstanceNorm1d(2, { trackRunningStats: true, momentum: null });
  norm.forward(x);
  expect([Array.from(norm.runningMean?.data ?? []), Array.from(norm.runningVar?.data ?? [])]).toEqual([
    [0, 0],
    [1, 1],
  ]);
  expect(norm.numBatchesTracked).toBe(0);
  expect(String(norm)).toContain("momentum=None");
});

test("by default neither affine nor tracked: eval normalizes by the instance", () => {
  const norm = new InstanceNorm1d(2, { dtype: "float64" });
  expect([norm.weight, norm.bias, norm.runningMean, norm.runningVar]).toEqual([null, null, null, null]);
  const inTraining = Array.from(norm.forward(x).data);
  expectClose(norm.eval().forward(x).data, inTraining, 0);
});

test("trackRunningStats switched off later: eval normalizes by the instance", () => {
  const norm = tracked();
  const byInstance = Array.from(norm.forward(x).data);
  norm.trackRunningStats = false;
  expectClose(norm.eval().forward(x).data, byInstance, 0);
});

test("an empty batch leaves the statistics", () => {
  const norm = tracked();
  expect(norm.forward(f64([], [0, 2, 3])).shape).toEqual([0, 2, 3]);
  expect(Array.from(norm.runningVar?.data ?? [])).toEqual([1, 1]);
});

describe("without a batch axis", () => {
  test.each([
    [InstanceNorm1d, [2, 12]],
    [InstanceNorm2d, [2, 3, 4]],
    [InstanceNorm3d, [2, 3, 2, 2]],
  ])("%o takes %j as one sample", (Norm, shape) => {
    const options = { affine: true, trackRunningStats: true, dtype: "float64" } as const;
    const [unbatched, batched] = [new Norm(2, options), new Norm(2, options)];
    for (const norm of [unbatched, batched]) norm.weight?.data.set([2, -3]);
    const values = wave(24);
    const y = unbatched.forward(f64(values, shape));
    const expected = batched.forward(f64(values, [1, ...shape]));
    expect(y.shape).toEqual(shape);
    expectClose(y.data, expected.data, 0);
    const dy = wave(24, 3);
    const dx = unbatched.backward(f64(dy, shape));
    expect(dx.shape).toEqual(shape);
    expectClose(dx.data, batched.backward(f64(dy, [1, ...shape])).data, 0);
    expectClose(unbatched.weight?.grad, batched.weight?.grad ?? [], 0);
    expectClose(unbatched.runningMean?.data, batched.runningMean?.data ?? [], 0);
  });

  test("writes into out and refuses backward where it overwrote the input", () => {
    const norm = new InstanceNorm1d(2, { dtype: "float64" });
    const input = f64(wave(8), [2, 4]);
    const expected = Array.from(norm.forward(input).data);
    const out = f64(new Array(8).fill(9), [2, 4]);
    expect(norm.forward(input, { out }).data).toBe(out.data);
    expectClose(out.data, expected, 0);
    norm.backward(input, { out });
    expect(Array.from(out.data)).not.toEqual(expected);
    norm.forward(input, { out: input });
    expect(() => norm.backward(out)).toThrow(
      "InstanceNorm1d: backward needs the input, which forward overwrote",
    );
  });

  test("channels last puts the channels at the end", () => {
    const norm = new InstanceNorm1d(null, { layout: "channels-last", affine: true, dtype: "float64" });
    const y = norm.forward(f64([1, 10, 2, 20, 3, 60], [3, 2]));
    expect(norm.numFeatures).toBe(2);
    const std = Math.sqrt(2 / 3 + 1e-5);
    expectClose([y.data[0], y.data[2], y.data[4]], [-1 / std, 0, 1 / std]);
  });
});

describe("another number of channels", () => {
  test("is an error where the layer is affine", () => {
    const norm = new InstanceNorm2d(4, { affine: true });
    expect(thrownBy(() => norm.forward(f64(wave(24), [2, 3, 2, 2])))).toBe(
      "RangeError: InstanceNorm2d: expected input's size at dim=1 to match num_features (4), but got: 3.",
    );
    expect(thrownBy(() => norm.forward(f64(wave(12), [3, 2, 2])))).toBe(
      "RangeError: InstanceNorm2d: expected input's size at dim=0 to match num_features (4), but got: 3.",
    );
  });

  test("is a warning where it is not, and the result is right", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const norm = new InstanceNorm1d(4, { dtype: "float64" });
    const y = norm.forward(f64([1, 3], [1, 1, 2]));
    expectClose(y.data, [-1 / Math.sqrt(1 + 1e-5), 1 / Math.sqrt(1 + 1e-5)]);
    expect(warn.mock.calls).toEqual([
      [
        "InstanceNorm1d: input's size at dim=1 does not match num_features (4, got 1), " +
          "which is not used because affine is false",
      ],
    ]);
  });

  test("no warning where it fits", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    new InstanceNorm1d(2).forward(x);
    expect(warn).not.toHaveBeenCalled();
  });
});

describe("one spatial element", () => {
  const single = f64([1, 2], [1, 2, 1]);
  const message =
    "RangeError: InstanceNorm1d: Expected more than 1 spatial element when training, got input size [1, 2, 1]";

  test("is refused in training, and in eval without running statistics", () => {
    expect(thrownBy(() => tracked().forward(single))).toBe(message);
    expect(thrownBy(() => new InstanceNorm1d(2).eval().forward(single))).toBe(message);
  });

  test("is accepted in eval with running statistics", () => {
    expectClose(tracked().eval().forward(single).data, [
      1.5 / Math.sqrt(1 + 1e-5) + 0.25,
      3 - 4 / Math.sqrt(1 + 1e-5),
    ]);
  });
});
