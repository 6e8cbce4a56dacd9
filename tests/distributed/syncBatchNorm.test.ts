import { describe, expect, it } from "vitest";
import { type ProcessGroup, SyncBatchNorm } from "../../src/distributed/index.ts";
import { BatchNorm1d, BatchNorm2d, InstanceNorm2d, type Tensor, tensor } from "../../src/index.ts";
import { thrownBy } from "../layers/support.ts";
import { randomTensor } from "../property/arbitraries.ts";
import { messagesOf, resultsOf, simulate } from "./simulate.ts";

const shape = [8, 3, 4, 5];
const x = randomTensor(shape, 1, { dtype: "float32" });
const dy = randomTensor(shape, 2, { dtype: "float32" });

function samples(of: Tensor, start: number, end: number): Tensor {
  const each = of.size / of.shape[0];
  return tensor(of.data.slice(start * each, end * each) as Float32Array, [end - start, ...of.shape.slice(1)]);
}

/** Two ranks of three samples and five. */
function share(group: ProcessGroup, of: Tensor = x): Tensor {
  return group.rank === 0 ? samples(of, 0, 3) : samples(of, 3, 8);
}

function stateOf({ runningMean, runningVar, numBatchesTracked, weight, bias }: SyncBatchNorm): unknown {
  return [runningMean?.data.slice(), runningVar?.data.slice(), numBatchesTracked, weight?.grad, bias?.grad];
}

describe("SyncBatchNorm", () => {
  it("prints as PyTorch's", () => {
    expect(String(new SyncBatchNorm(64))).toBe(
      "SyncBatchNorm(64, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
    );
  });

  it("is batch normalization without a group", () => {
    const alone = new SyncBatchNorm(3);
    const plain = new BatchNorm2d(3);
    const close = (a: Tensor, b: Tensor): void =>
      a.data.forEach((value: number | bigint, i: number) => {
        expect(Number(value)).toBeCloseTo(Number(b.data[i]), 5);
      });
    close(alone.forward(x), plain.forward(x));
    close(alone.backward(dy), plain.backward(dy));
    close(alone.runningVar as Tensor, plain.runningVar as Tensor);
  });

  it("takes (N, C, *) of any rank from two", () => {
    for (const spatial of [[], [2], [2, 3], [2, 3, 2], [2, 1, 2, 3]]) {
      const input = randomTensor([4, 3, ...spatial], 1);
      expect(new SyncBatchNorm(3).forward(input).shape).toEqual(input.shape);
    }
    expect(thrownBy(() => new SyncBatchNorm(3).forward(randomTensor([3], 1)))).toBe(
      "RangeError: SyncBatchNorm: expected at least 2D input (got 1D input)",
    );
    expect(thrownBy(() => new SyncBatchNorm(3).forward(randomTensor([2, 4, 5], 1)))).toBe(
      "RangeError: SyncBatchNorm: expected input of shape (N, 3, D1), got (2, 4, 5)",
    );
  });

  it("sends nothing in eval and when frozen", () => {
    const group = resultsOf(simulate(2, (given) => given))[0];
    const silent = { ...group, allGather: () => expect.unreachable() };
    const layer = new SyncBatchNorm(3, { group: silent });
    const plain = new BatchNorm2d(3).eval();
    const y = plain.forward(x);
    expect(layer.eval().forward(x)).toEqual(y);
    expect(layer.backward(dy)).toEqual(plain.backward(dy));
    expect(layer.train().freeze().forward(x)).toEqual(y);
    const untracked = new SyncBatchNorm(3, { group: silent, trackRunningStats: false }).eval();
    expect(untracked.forward(x)).toEqual(new BatchNorm2d(3).forward(x));
  });

  it("uses the group's samples where it keeps no running statistics", () => {
    const ys = resultsOf(
      simulate(2, (group) => new SyncBatchNorm(3, { group, trackRunningStats: false }).forward(share(group))),
    );
    const whole = new SyncBatchNorm(3).forward(x).data;
    expect(ys.flatMap(({ data }) => Array.from(data as Float32Array))).toEqual(
      Array.from(whole as Float32Array),
    );
  });

  it("takes over parameters, statistics and mode", () => {
    const plain = new BatchNorm2d(3, { eps: 1e-3, momentum: null });
    plain.forward(x);
    plain.backward(dy);
    const sync = SyncBatchNorm.from(plain.eval(), null, { name: "bn" });
    expect(sync.weight).toBe(plain.weight);
    expect(sync.bias).toBe(plain.bias);
    expect(sync.runningMean).toBe(plain.runningMean);
    expect(sync.runningVar).toBe(plain.runningVar);
    expect([sync.numBatchesTracked, sync.training, sync.eps, sync.momentum, sync.label]).toEqual([
      1,
      false,
      1e-3,
      null,
      "bn",
    ]);
    expect(sync.stateDict()).toEqual(plain.stateDict());
    expect(SyncBatchNorm.from(new BatchNorm1d(3).freeze(), null).frozen).toBe(true);
    expect(SyncBatchNorm.from(new BatchNorm1d(null), null).numFeatures).toBeNull();
    expect(SyncBatchNorm.from(new BatchNorm1d(3, { trackRunningStats: false }), null).runningMean).toBeNull();
    const still = new BatchNorm1d(3);
    still.trackRunningStats = false;
    expect(SyncBatchNorm.from(still, null)).toMatchObject({
      trackRunningStats: false,
      runningMean: still.runningMean,
    });
    expect(thrownBy(() => SyncBatchNorm.from(new InstanceNorm2d(3) as never, null))).toBe(
      "TypeError: SyncBatchNorm.from: expected a batch normalization, got a InstanceNorm2d",
    );
  });

  it("refuses options of the wrong kind", () => {
    expect(thrownBy(() => new SyncBatchNorm(3, { group: {} as never }))).toMatch(
      /^TypeError: .*expected group/,
    );
    expect(thrownBy(() => new SyncBatchNorm(3, { name: 3 as never }))).toMatch(/^TypeError: .*expected name/);
    expect(thrownBy(() => new SyncBatchNorm(3, { timeout: -1 }))).toMatch(/^RangeError: .*timeout above 0/);
    expect(thrownBy(() => new SyncBatchNorm(3, { timeout: "1" as never }))).toMatch(/^TypeError: .*timeout/);
    expect(thrownBy(() => new SyncBatchNorm(3, { epsilon: 1 } as never))).toMatch(/unknown option "epsilon"/);
  });

  it("takes channels last", () => {
    const last = randomTensor([8, 4, 5, 3], 1, { dtype: "float32" });
    const whole = new SyncBatchNorm(3, { layout: "channels-last" }).forward(last).data as Float32Array;
    const ys = resultsOf(
      simulate(2, (group) =>
        new SyncBatchNorm(3, { group, layout: "channels-last" }).forward(share(group, last)),
      ),
    );
    expect(ys.flatMap(({ data }) => Array.from(data as Float32Array))).toEqual(Array.from(whole));
  });

  it("counts an empty batch and leaves the statistics", () => {
    const states = resultsOf(
      simulate(2, (group) => {
        const layer = new SyncBatchNorm(3, { group });
        const y = layer.forward(samples(x, 0, 0));
        const dx = layer.backward(samples(dy, 0, 0));
        return [
          y.shape,
          dx.shape,
          layer.numBatchesTracked,
          Array.from(layer.runningVar?.data as Float32Array),
        ];
      }),
    );
    const empty = [0, 3, 4, 5];
    expect(states).toEqual([
      [empty, empty, 1, [1, 1, 1]],
      [empty, empty, 1, [1, 1, 1]],
    ]);
  });

  it("refuses one value per channel in all, on every rank, and goes on", () => {
    const one = tensor(Float32Array.of(1, 2, 3), [1, 3]);
    const none = tensor(new Float32Array(0), [0, 3]);
    const ends = resultsOf(
      simulate(2, (group) => {
        const layer = new SyncBatchNorm(3, { group });
        const message = thrownBy(() => layer.forward(group.rank === 0 ? one : none));
        const count = layer.numBatchesTracked;
        layer.forward(one);
        return [message, count, layer.numBatchesTracked];
      }),
    );
    const words =
      "RangeError: SyncBatchNorm: Expected more than 1 value per channel when training, got input size";
    expect(ends).toEqual([
      [`${words} [1, 3]`, 0, 1],
      [`${words} [0, 3]`, 0, 1],
    ]);
  });
});

describe("SyncBatchNorm with ranks out of step", () => {
  /** A good step, then one of which each rank tells how it ended and whether it changed the layer. */
  function faulty(step: (layer: SyncBatchNorm, group: ProcessGroup) => void, size = 3): readonly string[] {
    const ends = simulate(size, (group) => {
      const layer = new SyncBatchNorm(3, { group, name: "layer1.bn1" });
      layer.forward(x);
      layer.backward(dy);
      const before = stateOf(layer);
      try {
        step(layer, group);
      } finally {
        expect(stateOf(layer)).toEqual(before);
      }
    });
    return messagesOf(ends);
  }

  it("names a rank with other channels", () => {
    const messages = faulty((layer, group) => {
      const other = new SyncBatchNorm(2, { group, name: "layer1.bn1" });
      if (group.rank === 1) other.forward(randomTensor([2, 2, 4], 1, { dtype: "float32" }));
      else layer.forward(x);
    });
    messages.forEach((message, rank) => {
      expect(message).toBe(
        `rank ${rank} of 3: SyncBatchNorm layer1.bn1, forward: the ranks are out of step: ranks 0, 2 with 3 channels, ` +
          "float32, eps 0.00001, momentum 0.1; rank 1 with 2 channels, float32, eps 0.00001, momentum 0.1",
      );
    });
  });

  it("names a rank with another dtype", () => {
    for (const message of faulty((layer, { rank }) => {
      layer.forward(rank === 2 ? randomTensor(shape, 1) : x);
    })) {
      expect(message).toMatch(
        /layer1.bn1, forward: .*ranks 0, 1 with 3 channels, float32.*; rank 2 with 3 channels, float64/,
      );
    }
  });

  it("names a rank that skips a step", () => {
    for (const message of faulty((layer, { rank }) => {
      if (rank !== 0) layer.forward(x);
      else layer.backward(dy);
    })) {
      expect(message).toMatch(
        /ranks 1, 2 at "SyncBatchNorm layer1.bn1, forward"; rank 0 at "SyncBatchNorm layer1.bn1, backward"/,
      );
    }
  });

  it("names a rank that ends", () => {
    const messages = faulty((layer, { rank }) => {
      if (rank !== 1) layer.forward(x);
      else throw new Error("rank 1 fell");
    });
    expect(messages[1]).toBe("rank 1 fell");
    for (const rank of [0, 2]) {
      expect(messages[rank]).toBe(
        `rank ${rank} of 3: SyncBatchNorm layer1.bn1, forward: rank 1 ended without closing the group`,
      );
    }
  });

  it("tells the others of a wrong input on one rank", () => {
    const messages = faulty((layer, { rank }) => {
      layer.forward(rank === 1 ? randomTensor([2, 4, 5], 1) : x);
    });
    const words = "SyncBatchNorm: expected input of shape (N, 3, D1), got (2, 4, 5)";
    expect(messages[1]).toBe(words);
    expect(messages[0]).toContain(`rank 1 with an error: ${words}`);
    expect(messages[2]).toContain(`rank 1 with an error: ${words}`);
  });

  it("tells the others of a wrong gradient on one rank", () => {
    const messages = faulty((layer, { rank }) => {
      layer.backward(rank === 0 ? samples(dy, 0, 1) : dy);
    });
    expect(messages[0]).toMatch(/^SyncBatchNorm: expected dy of the input's shape/);
    expect(messages[1]).toMatch(
      /rank 1 of 3: SyncBatchNorm layer1.bn1, backward: .*rank 0 with an error: SyncBatchNorm: expected dy/,
    );
  });

  it("goes on where all ranks gave the same wrong input", () => {
    const counts = resultsOf(
      simulate(2, (group) => {
        const layer = new SyncBatchNorm(3, { group });
        expect(thrownBy(() => layer.forward(randomTensor([2, 4, 5], 1)))).toMatch(/expected input of shape/);
        layer.forward(x);
        return layer.numBatchesTracked;
      }),
    );
    expect(counts).toEqual([1, 1]);
  });

  it("throws the first error again once the group is broken", () => {
    const messages = faulty((layer, { rank }) => {
      const words = thrownBy(() => layer.forward(rank === 2 ? randomTensor(shape, 1) : x));
      expect(thrownBy(() => layer.forward(x))).toBe(words);
      throw new Error(words);
    });
    for (const message of messages) expect(message).toContain("out of step");
  });
});
