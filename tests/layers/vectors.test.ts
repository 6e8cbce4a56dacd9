import { describe, expect, test } from "vitest";
import { BatchNorm1d, CrossMapLRN2d, GroupNorm, LocalResponseNorm, RMSNorm } from "../../src/index.ts";
import { expectClose, f64, vector } from "./support.ts";

// Expected values: PyTorch 1.13 in float64, the same inputs.

function loaded(): BatchNorm1d {
  const bn = new BatchNorm1d(2, { dtype: "float64" });
  bn.weight?.data.set(vector.weight);
  bn.bias?.data.set(vector.bias);
  bn.runningMean?.data.set(vector.runningMean);
  bn.runningVar?.data.set(vector.runningVar);
  return bn;
}

describe("BatchNorm1d", () => {
  test("training: batch statistics, all gradients, running statistics", () => {
    const bn = loaded();
    expectClose(
      bn.forward(vector.x).data,
      [
        -1.3535622971754464, -0.15089057429386177, 2.2544528714693075, 0.31219960278292325, 5.106654365386357,
        3.581146031830719,
      ],
    );
    expectClose(
      bn.backward(vector.dy).data,
      [
        1.4603867239080492, -2.190580730146355, 0.7301940062383057, -0.23345540431050876, -0.5002606935035548,
        0.7337160978140638,
      ],
    );
    expectClose(bn.weight?.grad, [0.13363019143128724, 3.268946429047796]);
    expectClose(bn.bias?.grad, [-0.5, 3]);
    expectClose(bn.runningMean?.data, [0.6833333333333333, -0.7166666666666667]);
    expectClose(bn.runningVar?.data, [2.033333333333333, 6.758333333333333]);
    expect(bn.numBatchesTracked).toBe(1);
  });

  test.each(["eval", "frozen"])("%s: running statistics, no mean terms in dx, nothing moves", (mode) => {
    const bn = loaded();
    if (mode === "eval") bn.eval();
    else bn.freeze();
    expectClose(
      bn.forward(vector.x).data,
      [
        0.7803287600696678, 1.8409862802090033, 3.9623013204876747, -5.999988750021093, 4.999997500004688,
        1.5000018749964847,
      ],
    );
    expectClose(
      bn.backward(vector.dy).data,
      [
        1.0606575201393356, -2.121315040278671, 0.5303287600696678, -2.9999962500070314, -0.9999987500023437,
        0.9999987500023437,
      ],
    );
    if (mode === "eval") {
      expectClose(bn.weight?.grad, [-0.5303287600696678, 11.749985312527539]);
      expectClose(bn.bias?.grad, [-0.5, 3]);
    } else {
      expect([bn.weight?.grad, bn.bias?.grad]).toEqual([null, null]);
    }
    expectClose(bn.runningMean?.data, vector.runningMean, 0);
    expectClose(bn.runningVar?.data, vector.runningVar, 0);
    expect(bn.numBatchesTracked).toBe(0);
  });
});

test("GroupNorm with weight and bias per channel", () => {
  const gn = new GroupNorm(2, 4, { dtype: "float64" });
  gn.weight?.data.set([1, 2, 3, 4]);
  gn.bias?.data.set([0, 1, 2, 3]);
  expectClose(
    gn.forward(f64([1, 2, 4, 8, -3, 0.5, 1, 9], [1, 4, 2])).data,
    [
      -1.0257545754961932, -0.6527529116793956, 1.1865008319083987, 4.170514142442778, -1.3292949377119543,
      1.0609680944915, 2.203245655932182, 9.48785680169509,
    ],
  );
});

describe("RMSNorm", () => {
  // mean of squares 12.5, so that x / sqrt(12.5) by hand.
  const rms = Math.sqrt(12.5);

  test("subtracts no mean; the weight scales; there is no bias", () => {
    const norm = new RMSNorm(2, { eps: 0, dtype: "float64" });
    norm.weight?.data.set([2, -1]);
    expectClose(norm.forward(f64([3, 4], [1, 2])).data, [6 / rms, -4 / rms]);
    expect(norm.bias).toBeNull();
  });

  test("eps null is the machine epsilon of the input's dtype", () => {
    const tiny = 2 ** -26;
    const at = (eps: number) => tiny / Math.sqrt(tiny * tiny + eps);
    const y64 = new RMSNorm(1, { dtype: "float64" }).forward(f64([tiny], [1, 1]));
    expect(y64.data[0]).toBeCloseTo(at(2 ** -52), 12);
    const y32 = new RMSNorm(1).forward({ data: Float32Array.of(tiny), shape: [1, 1] });
    expect(y32.data[0]).toBeCloseTo(at(2 ** -23), 10);
    expect(at(2 ** -52)).toBeGreaterThan(100 * at(2 ** -23));
  });
});

describe("local response normalization", () => {
  const x = f64([1, -2, 3, 0.5, -4, 2], [1, 6, 1, 1]);
  const dy = f64([1, 2, -1, 0.5, 3, -2], [1, 6, 1, 1]);
  const options = { alpha: 0.5, beta: 0.75 };

  test("even size: the extra channel is on the low side", () => {
    const lrn = new LocalResponseNorm(4, options);
    expectClose(
      lrn.forward(x).data,
      [
        0.6948002659548386, -0.9365489370550525, 1.3929683007945657, 0.15774034515017493, -1.2619227612013995,
        0.7763966392145059,
      ],
    );
    expectClose(
      lrn.backward(dy).data,
      [
        0.8362501985223015, 0.6600010321275163, 0.6483480097608156, 0.32055446556650985, 0.019561008908230648,
        -0.30660414801070685,
      ],
    );
    expect([lrn.weight, lrn.bias, lrn.parameters()]).toEqual([null, null, []]);
  });

  test("odd size: symmetric, the divisor stays the size at the edges", () => {
    const lrn = new LocalResponseNorm(3, { ...options, k: 2 });
    expectClose(
      lrn.forward(x).data,
      [
        0.45790643500456496, -0.6659067581404804, 1.021030359493885, 0.12712727395038406, -1.1331206126421094,
        0.5698767642386944,
      ],
    );
    expectClose(
      lrn.backward(dy).data,
      [
        0.4943383212036293, 0.471732447980702, 0.0644497103601368, 0.23523003008288687, 0.013935699355348663,
        -0.14680516509032726,
      ],
    );
  });

  test("CrossMapLRN2d: an even size sums size - 1 channels, still divided by size", () => {
    const lrn = new CrossMapLRN2d(4, options);
    const expected = Array.from(x.data, (value, c) => {
      const sum = [c - 1, c, c + 1].reduce((total, at) => total + (x.data[at] ?? 0) ** 2, 0);
      return value / (1 + (0.5 / 4) * sum) ** 0.75;
    });
    expectClose(lrn.forward(x).data, expected);
  });
});
