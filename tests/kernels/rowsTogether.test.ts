import { describe, test } from "vitest";
import { planFrom } from "../../src/plan/plan.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { byKernels, byReference, caseOf, expectClose, expectSame, normals } from "./helpers.ts";

// Rows are taken together where they are long or in cache, unless the mean of one is so far from zero that it loses something as float32.
const lengths = [1037, 67, 9, 8, 7, 4, 1];

const means = [0.3, 0, 1, 2, 3, 1e4, 0.1, 0.2, -0.4, -3e3, 0.5];

function rowsOf(values: Float64Array, D: number): Float64Array[] {
  return means.map((_, row) => values.subarray(row * D, (row + 1) * D));
}

function planOf(rows: number, D: number, centered: boolean) {
  return planFrom({ batch: rows, pool: 1, group: 1, channel: D, inner: 1 }, centered);
}

const forms: [FloatType, boolean, boolean, boolean][] = [
  ["float32", true, true, true],
  ["float32", true, true, false],
  ["float32", true, false, false],
  ["float32", false, true, false],
  ["float64", true, true, true],
  ["bfloat16", true, true, true],
];

describe.each(lengths)("rows of %s elements", (D) => {
  test.each(forms)(
    "%s together, centered %s, weight %s, bias %s: the bits of each row alone",
    (dtype, ...form) => {
      const [centered, weighted, biased] = form;
      const options = {
        ...(weighted ? {} : { weight: null }),
        ...(biased ? {} : { bias: null }),
        x: Float64Array.from(means.flatMap((mean, row) => [...normals(D, row + 10, mean, 1)])),
      };
      const given = caseOf(planOf(means.length, D, centered), dtype, options);
      const together = byKernels(given);
      if (dtype !== "bfloat16") expectClose(given, together, byReference(given));
      const alone = rowsOf(given.x, D).map((x, row) =>
        byKernels(caseOf(planOf(1, D, centered), dtype, { ...options, x, dy: rowsOf(given.dy, D)[row] })),
      );
      for (const name of ["y", "dx", "fixedDx"] as const) {
        rowsOf(together[name], D).forEach((got, row) => {
          expectSame({ [name]: Float64Array.from(got) }, { [name]: alone[row][name] });
        });
      }
    },
  );
});

// Of more than 2^20 elements a row is summed while the one before it is written, unless that one's mean loses something.
test.each([1024, 1000, 259, 67])("many rows of %s elements: the bits of few", (D) => {
  const rows = Math.ceil((2 ** 20 + 1) / D);
  const some = Float64Array.from(means.flatMap((mean, row) => [...normals(D, row + 10, mean, 1)]));
  const x = Float64Array.from({ length: rows * D }, (_, i) => some[i % some.length]);
  const dy = normals(rows * D, 2);
  const many = caseOf(planOf(rows, D, true), "float32", { x, dy });
  const few = caseOf(planOf(means.length, D, true), "float32", { x: some, dy: dy.subarray(0, some.length) });
  const [got, want] = [byKernels(many), byKernels(few)];
  const first = (name: "dx" | "fixedDx") => ({ [name]: got[name].slice(0, some.length) });
  expectSame({ ...first("dx"), ...first("fixedDx") }, want);
  for (let row = 0; row < rows; row++) {
    const same = row % means.length;
    const y = got.y.slice(row * D, (row + 1) * D);
    const mean = got.mean.slice(row, row + 1);
    expectSame(
      { y, mean },
      { y: want.y.slice(same * D, (same + 1) * D), mean: want.mean.slice(same, same + 1) },
    );
  }
  expectSame(byKernels(many, 1, 3), got);
});
