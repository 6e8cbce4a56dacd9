import { describe, expect, test } from "vitest";
import { BatchNorm1d, BatchNorm2d } from "../../src/megengine/index.ts";
import { expectClose, f64, thrownBy, wave } from "../layers/support.ts";

const x = f64(wave(6), [3, 2]);
const dy = f64(wave(6, 1), [3, 2]);

function frozen(): BatchNorm1d {
  const bn = new BatchNorm1d(2, { freeze: true, dtype: "float64" });
  bn.runningMean?.data.set([1, -1]);
  bn.runningVar?.data.set([4, 9]);
  bn.weight?.data.set([2, 3]);
  return bn;
}

const rstd = [1 / Math.sqrt(4 + 1e-5), 1 / Math.sqrt(9 + 1e-5)];

describe("freeze", () => {
  test("uses the running statistics in training, and leaves them", () => {
    const bn = frozen();
    const [means, weights] = [
      [1, -1],
      [2, 3],
    ];
    const expected = Array.from(x.data, (value, i) => (value - means[i % 2]) * rstd[i % 2] * weights[i % 2]);
    expect([bn.training, bn.frozen]).toEqual([true, true]);
    expectClose(bn.forward(x).data, expected);
    expectClose(bn.eval().forward(x).data, expected);
    expectClose(bn.runningMean?.data, [1, -1], 0);
    expectClose(bn.runningVar?.data, [4, 9], 0);
  });

  test("weight and bias get no gradient, x gets dy * weight * rstd", () => {
    const bn = frozen();
    bn.forward(x);
    const dx = bn.backward(dy);
    expectClose(
      dx.data,
      Array.from(dy.data, (value, i) => value * [2, 3][i % 2] * rstd[i % 2]),
    );
    expect([bn.weight?.grad, bn.bias?.grad]).toEqual([null, null]);
  });

  test("survives train(), and unfreeze ends it", () => {
    const bn = frozen().eval().train();
    expect(bn.frozen).toBe(true);
    bn.unfreeze().forward(x);
    bn.backward(dy);
    expect(bn.weight?.grad).toHaveLength(2);
    expect(bn.runningMean?.data[0]).not.toBe(1);
  });

  test.each([BatchNorm1d, BatchNorm2d])("%o: needs trackRunningStats at construction", (Norm) => {
    expect(thrownBy(() => new Norm(2, { freeze: true, trackRunningStats: false }))).toBe(
      `RangeError: ${Norm.name}: track_running_stats must be initialized to True if freeze is True`,
    );
    expect(() => new Norm(2, { trackRunningStats: false }).freeze()).toThrow(
      "freeze needs running statistics",
    );
  });
});
