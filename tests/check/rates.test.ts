import fc from "fast-check";
import { expect, test } from "vitest";
import { identify } from "../../src/check/index.ts";
import { drawn, draws, isTruth } from "./draws.ts";
import { ratesOf } from "./rates.ts";

/** Some draws; `npm run identify:rates` makes 2,000. */
const some = 30;

test("normalizations drawn at random are found, and none is certain and wrong", () => {
  const { found, first, wronglyCertain, missed } = ratesOf(some, 500_000);
  expect(wronglyCertain).toBe(0);
  expect(missed).toEqual([]);
  expect([found, first]).toEqual([some, some]);
});

test("what is certain is true", () => {
  fc.assert(
    fc.property(draws, (draw) => {
      const { x, y, ...options } = drawn(draw);
      const { certain, survivors } = identify(x, y, options);
      return !certain || survivors.some((survivor) => isTruth(draw, survivor));
    }),
    { numRuns: 15 },
  );
});
