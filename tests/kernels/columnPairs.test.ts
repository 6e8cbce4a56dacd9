import { describe, test } from "vitest";
import { planFrom } from "../../src/plan/plan.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { byKernels, byReference, type Case, caseOf, expectClose, expectSame, normals } from "./helpers.ts";

// Statistics of one column each are finished two at a time, but for the last of an odd number and those whose sums do not
// determine them. Moved by one column, each is in another place of its pair; its bits stay the same where rows are whole vectors.
const pool = 37;

/** A column of each kind that the fast way cannot finish, among others. */
const special: ReadonlyMap<number, (row: number) => number> = new Map<number, (row: number) => number>([
  [4, () => 2.5],
  [7, () => 0],
  [8, (row) => (row === 30 ? 1e30 : row)],
  [11, (row) => 1e6 + (row % 3)],
  [20, (row) => (row === 5 ? Number.NaN : row)],
  [23, (row) => (row === 36 ? Number.POSITIVE_INFINITY : -row)],
]);

function samples(batch: number, group: number, finite: boolean): Float64Array {
  const x = normals(batch * pool * group, 5, 0.3, 1.5);
  for (let row = 0; row < batch * pool; row++) {
    for (const [column, value] of special) {
      const given = value(row % pool);
      if (Number.isFinite(given) || !finite) x[row * group + column] = given;
    }
  }
  return x;
}

/** The columns of each row moved up by one, the last to the first place. */
function moved(values: Float64Array, group: number): Float64Array {
  return values.map((_, i) => values[i - (i % group) + ((i + group - 1) % group)]);
}

function movedCase(given: Case): Case {
  const { group } = given.plan;
  return {
    ...given,
    x: moved(given.x, group),
    dy: moved(given.dy, group),
    weight: given.weight && moved(given.weight, group),
    bias: given.bias && moved(given.bias, group),
  };
}

describe.each<[FloatType, number, number]>([
  ["float32", 1, 41],
  ["float32", 1, 40],
  ["float32", 3, 41],
  ["float64", 1, 41],
  ["float64", 3, 40],
])("%s columns of %i samples, %i of them", (dtype, batch, group) => {
  const forms: [boolean, boolean, boolean][] = [
    [true, true, true],
    [true, true, false],
    [true, false, false],
    [false, true, false],
  ];
  test.each(forms)("centered %s, weight %s, bias %s: right, with the same bits in every place", (...form) => {
    const [centered, weighted, biased] = form;
    const plan = planFrom({ batch, pool, group, channel: 1, inner: 1 }, centered);
    const options = { ...(weighted ? {} : { weight: null }), ...(biased ? {} : { bias: null }) };
    const given = caseOf(plan, dtype, { ...options, x: samples(batch, group, false) });
    const inPlace = byKernels(given);
    const there = byKernels(movedCase(given));
    for (const [name, values] of group % 4 === 0 ? Object.entries(inPlace) : []) {
      expectSame({ [name]: moved(values, group) }, { [name]: there[name as keyof typeof there] });
    }
    const finite = { ...given, x: samples(batch, group, true) };
    expectClose(finite, byKernels(finite), byReference(finite));
  });
});
