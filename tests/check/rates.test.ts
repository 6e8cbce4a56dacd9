import { expect, test } from "vitest";
import { ratesOf } from "./rates.ts";

/** Some draws; `npm run identify:rates` makes 2,000. */
const draws = 40;

test("normalizations drawn at random are found, and none is certain and wrong", () => {
  const { found, first, wronglyCertain, missed } = ratesOf(draws, 500_000);
  expect(wronglyCertain).toBe(0);
  expect(missed).toEqual([]);
  expect([found, first]).toEqual([draws, draws]);
});
