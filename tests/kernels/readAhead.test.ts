import { describe, expect, test } from "vitest";
import { anyChoice } from "../../src/backends/wasm/choice.ts";
import { wasmFor } from "../../src/backends/wasm/wasm.ts";
import { planFrom } from "../../src/plan/plan.ts";
import {
  byKernels,
  byReference,
  type Case,
  caseOf,
  expectClose,
  expectSame,
  normals,
  plain,
} from "./helpers.ts";

// A group is summed while the one before it is written: its bits must be those of a group that is summed alone, as the first of
// each thread's part is.

const wasm = wasmFor(anyChoice);

/** Runs of a group, and their elements: around the ends of vectors, of trips of 16, and of chains of 256. */
const groups: [number, number][] = [
  ...[256, 257, 259, 260, 271, 275, 511, 512, 513, 516, 784, 1023, 1039, 32768].map((n): [number, number] => [
    1,
    n,
  ]),
  ...[16, 17, 19, 31, 49, 64].map((n): [number, number] => [16, n]),
  ...[86, 255, 256, 261, 300, 1024].map((n): [number, number] => [3, n]),
];

/** Of each group; from some the first sum about a sample has no digits left, and it is read once more. */
const means = [0.3, 1e4, 0, -2, 1e6, 0.1, -0.5];

function given(channel: number, inner: number): Case {
  const n = channel * inner;
  const plan = planFrom({ batch: means.length, pool: 1, group: 1, channel, inner });
  const x = Float64Array.from(means.flatMap((mean, i) => [...normals(n, i + 10, mean, 1)]));
  x.fill(7, 2 * n, 3 * n);
  x[3 * n + n - 1] = 1e5;
  return caseOf(plan, "float32", { x });
}

describe.each(groups)("groups of %s runs of %s elements", (channel, inner) => {
  test("the bits of groups summed alone, whatever the parts and offsets", () => {
    const drawn = given(channel, inner);
    const got = byKernels(drawn);
    expectClose(drawn, got, byReference(drawn));
    for (const threads of [2, 3, 4]) expectSame(byKernels(drawn, 1, threads), got);
  });

  test("in place", () => {
    const drawn = given(channel, inner);
    const want = byKernels(drawn);
    const [weight, bias] = [drawn.weight, drawn.bias].map((values) => plain(values ?? [], "float32"));
    const [x, kept, dy] = [drawn.x, drawn.x, drawn.dy].map((values) => plain(values, "float32"));
    const { statistics } = wasm.forward!(drawn.plan, x, drawn.eps, { weight, bias }, x);
    expectSame({ y: Float64Array.from(x.data) }, { y: want.y });
    wasm.backward(drawn.plan, kept, dy, statistics, weight, { fixed: false, parameters: true }, dy);
    expectSame({ dx: Float64Array.from(dy.data) }, { dx: want.dx });
  });

  test("what is not a number stays in its group", () => {
    const drawn = given(channel, inner);
    const n = channel * inner;
    const want = byKernels(drawn);
    const spoilt = { ...drawn, x: Float64Array.from(drawn.x), dy: Float64Array.from(drawn.dy) };
    spoilt.x[5 * n - 1] = Number.NaN;
    spoilt.dy[n + 3] = Number.POSITIVE_INFINITY;
    const got = byKernels(spoilt);
    for (const name of ["y", "dx"] as const) {
      means.forEach((_, group) => {
        const part = [got, want].map((results) =>
          Float64Array.from(results[name].subarray(group * n, (group + 1) * n)),
        );
        if (group === 4 || (group === 1 && name === "dx")) expect(part[0].some(Number.isNaN)).toBe(true);
        else expectSame({ [name]: part[0] }, { [name]: part[1] });
      });
    }
  });
});
