import { describe, test } from "vitest";
import { planFrom } from "../../src/plan/plan.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { byKernels, byReference, caseOf, expectClose, expectSame } from "./helpers.ts";

const extents = { batch: 1, pool: 1, group: 1, channel: 1, inner: 1 };

/** Each loop shape with `n` as the extent whose loop has a vector part and a rest. */
const shapes = {
  "rows (LayerNorm)": (n: number) => ({ ...extents, batch: 3, channel: n }),
  "rows in groups": (n: number) => ({ ...extents, batch: 2, group: 3, channel: n }),
  "planes (BatchNorm)": (n: number) => ({ ...extents, pool: 3, group: 5, inner: n }),
  "planes of one sample (InstanceNorm)": (n: number) => ({ ...extents, batch: 2, group: 5, inner: n }),
  "planes in groups (GroupNorm)": (n: number) => ({ ...extents, batch: 2, group: 2, channel: 3, inner: n }),
  "columns (N, C)": (n: number) => ({ ...extents, pool: 521, group: n }),
  "rows of columns": (n: number) => ({ ...extents, pool: 73 + n, group: 7 }),
  "tiles of short runs": (n: number) => ({ ...extents, batch: 9, pool: 5, group: 12, inner: n }),
  "rows of short runs": (n: number) => ({ ...extents, batch: 9, group: 2, channel: 3, inner: n }),
  "columns in groups (channels-last GroupNorm)": (n: number) => ({
    ...extents,
    batch: 2,
    pool: 87,
    group: 3,
    channel: n,
  }),
} as const;

const dtypes: readonly FloatType[] = ["float32", "float64", "float16", "bfloat16"];

describe.each(Object.entries(shapes))("%s", (_, shape) => {
  describe.each(dtypes)("%s", (dtype) => {
    test.each([true, false])(
      "lengths 1..67 at odd offsets (centered: %s)",
      (centered) => {
        for (let n = 1; n <= 67; n++) {
          const plan = planFrom(shape(n), centered);
          const given = caseOf(
            plan,
            dtype,
            n % 3 === 0 ? { bias: null } : n % 5 === 0 ? { weight: null } : {},
          );
          // One value per statistic has no variance: rstd is 1 / sqrt(eps) and nothing is left to compare.
          if (plan.count === 1) continue;
          const want = byReference(given);
          const got = byKernels(given, n % 4);
          expectClose(given, got, want);
          expectSame(byKernels(given, 0), got);
        }
      },
      30_000,
    );
  });
});
